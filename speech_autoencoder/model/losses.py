"""How far one log-mel is from another, as a listener would say: what training, and the search for a latent, lessen."""

import math
from itertools import pairwise

import numpy as np

from speech_autoencoder.audio.log_mel import mel_filters
from speech_autoencoder.config import FeatureConfig, LossConfig

# The third octaves whose envelopes STOI and ESTOI compare: fifteen, from 150 Hz.
_N_THIRD_OCTAVES, _LOWEST_HZ = 15, 150.0
# Frames from one envelope's start to the next.
_ENVELOPE_STEP = 4
# Values of log-mel are weighted as if their standard deviation were about 1 (it is some 1/8).
_LOG_SCALE = 64.0
# What an estimate above full scale is taken for: far enough to be pulled back, too near to overflow.
_HIGHEST = 1.05


class Loss:
    """The distance of two normalised log-mels, in parts that are weighted by a `LossConfig`:

    - compressed magnitudes, mel ** exponent, relative to the recording's own level: about the loudness of hearing
      (Zwicker and Fastl, 1990), in which what is too quiet to be heard is no matter;
    - the envelopes of third octaves over some 0.4 s, compared as ESTOI does (Jensen and Taal, 2016);
    - the log-mel itself, so that quiet sound is not left to chance;
    - with a band_weight, the same envelopes, each third octave by itself, as STOI does (Taal and others, 2011). This
      helps to find a latent (`encoding.Encoder`), not to train (docs/decisions.md).
    """

    def __init__(self, features: FeatureConfig, config: LossConfig, *, band_weight: float = 0.0):
        self.config, self.band_weight = config, band_weight
        self.to_log_magnitude = features.range_db * math.log(10) / 20
        self.third_octaves = _third_octaves(features)
        self.envelope_frames = max(6, round(config.envelope_s * features.frame_rate))

    def level(self, frames: np.ndarray) -> float:
        """What counts as 0 dB in frames (n_mels, n): the value at which their compressed magnitude has an RMS of 1.

        Never below `quietest`, so that a recording of silence does not make its noise count.
        """
        rate = 2 * self.config.exponent * self.to_log_magnitude
        return max(float(np.log(np.mean(np.exp(rate * frames.astype(np.float64)))) / rate), self.config.quietest)

    def __call__(self, reference, estimate, mask, level):
        """(loss, mean square error) of tensors (n, n_mels, n_frames, 1).

        mask and level (n, 1, n_frames, 1): 1 where a frame counts, and the `level` of the recording it is of.
        """
        import tensorflow as tf

        count = (tf.reduce_sum(mask) + 1e-6) * tf.cast(tf.shape(reference)[1], tf.float32)
        squares = tf.reduce_sum(tf.square(reference - estimate) * mask) / count
        estimate = tf.minimum(estimate, _HIGHEST)
        rate = self.config.exponent * self.to_log_magnitude
        compressed = tf.square(tf.exp(rate * (reference - level)) - tf.exp(rate * (estimate - level)))
        loss = tf.reduce_sum(compressed * mask) / count + self.config.log_weight * _LOG_SCALE * squares
        of_bands, of_spectra = self._envelope_correlations(reference, estimate, mask, level)
        loss += self.config.envelope_weight * (1 - of_spectra)
        if self.band_weight:
            loss += self.band_weight * (1 - of_bands)
        return loss, squares

    def _envelope_correlations(self, reference, estimate, mask, level):
        """The mean correlations of the envelopes in third octaves: normalised over time, and then over frequency too.

        A segment counts by how much of it does, so that padding is no sound that was missed.
        """
        import tensorflow as tf

        length = tf.minimum(self.envelope_frames, tf.shape(reference)[2])

        def segments(frames):
            magnitude = tf.exp(self.to_log_magnitude * (frames - level))[..., 0]
            bands = tf.sqrt(tf.einsum("nmt,bm->ntb", tf.square(magnitude), self.third_octaves) + 1e-10)
            parts = tf.signal.frame(bands * mask[:, 0], length, _ENVELOPE_STEP, axis=1)
            normalised = []
            for axis, least in ((2, 1e-4), (3, 1e-3)):
                parts -= tf.reduce_mean(parts, axis, keepdims=True)
                parts /= tf.sqrt(tf.reduce_sum(tf.square(parts), axis, keepdims=True) + least**2)
                normalised.append(parts)
            return normalised

        counts = tf.reduce_mean(tf.signal.frame(mask[:, 0, :, 0], length, _ENVELOPE_STEP, axis=1), axis=2)

        def mean(one, other, size):
            correlation = tf.reduce_sum(one * other, [2, 3]) / tf.cast(size, tf.float32)
            return tf.reduce_sum(correlation * counts) / (tf.reduce_sum(counts) + 1e-6)

        sizes = len(self.third_octaves), length
        return map(mean, segments(reference), segments(estimate), sizes)


def _third_octaves(features):
    """Which mel bands each third octave holds, float32 (n_bands, n_mels); those without any are left out."""
    centres_hz = mel_filters(features).argmax(axis=1) * features.sr / features.n_fft
    edges_hz = _LOWEST_HZ * 2 ** ((np.arange(_N_THIRD_OCTAVES + 1) - 0.5) / 3)
    bands = np.array([(centres_hz >= low) & (centres_hz < high) for low, high in pairwise(edges_hz)])
    return bands[bands.any(axis=1)].astype(np.float32)


class Target:
    """A recording to come near to: the `Loss` of what is made of it, with its gradient, run by numpy.

    frames (n_frames, n_mels) are normalised log-mel, mask (n_frames,) is 1 where they count. As `Loss.__call__` of
    this one recording, of which all that does not depend on the estimate is computed once.
    """

    def __init__(self, loss: Loss, frames: np.ndarray, mask: np.ndarray, level: float):
        config = loss.config
        self.loss, self.frames, self.mask, self.level = loss, frames, mask[:, None], level
        self.length = min(loss.envelope_frames, len(frames))
        self.share = self.mask / (mask.sum() * frames.shape[1])
        self.rate = config.exponent * loss.to_log_magnitude
        self.compressed = np.exp(self.rate * (frames - level))
        counts = self._frame(mask[:, None]).mean(axis=2, keepdims=True)
        shares = counts / (counts.sum() + 1e-6)
        of_bands, of_spectra, _ = self._envelopes(frames)
        self._wanted_bands = of_bands * shares * (loss.band_weight / len(loss.third_octaves))
        self._wanted_spectra = of_spectra * shares * (config.envelope_weight / self.length)

    def __call__(self, estimate: np.ndarray) -> tuple[float, np.ndarray]:
        """(loss, its gradient) of an estimate (n_frames, n_mels), float32."""
        config = self.loss.config
        difference = estimate - self.frames
        log_part = difference * self.share * (config.log_weight * _LOG_SCALE)
        held = np.minimum(estimate, _HIGHEST)
        compressed = np.exp(self.rate * (held - self.level))
        part = (compressed - self.compressed) * self.share
        of_bands, of_spectra, envelopes_back = self._envelopes(held)
        loss = np.vdot(log_part, difference) + np.vdot(part, compressed - self.compressed)
        loss += self.loss.band_weight - np.vdot(self._wanted_bands, of_bands)
        loss += config.envelope_weight - np.vdot(self._wanted_spectra, of_spectra)
        of_held = 2 * self.rate * part * compressed - envelopes_back(self._wanted_bands, self._wanted_spectra)
        return float(loss), 2 * log_part + of_held * (estimate <= _HIGHEST)

    def _envelopes(self, frames):
        """(segments, the same normalised over frequency too, back): of the envelopes in third octaves, over time.

        Segments are (n, n_bands, length); back takes the gradients with respect to both to that with respect to frames.
        """
        rate = 2 * self.loss.to_log_magnitude
        power = np.exp(rate * (frames - self.level))
        bands = np.sqrt(power @ self.loss.third_octaves.T + 1e-10)
        of_bands, over_time_back = _normalise(self._frame(bands * self.mask), 2, 1e-4)
        of_spectra, over_bands_back = _normalise(of_bands, 1, 1e-3)

        def back(of_bands_gradient, of_spectra_gradient):
            gradient = over_time_back(of_bands_gradient + over_bands_back(of_spectra_gradient))
            of_envelopes = np.zeros_like(bands)
            last = _ENVELOPE_STEP * (len(gradient) - 1) + 1
            for place in range(self.length):
                of_envelopes[place : place + last : _ENVELOPE_STEP] += gradient[:, :, place]
            return rate * power * (of_envelopes * self.mask / (2 * bands) @ self.loss.third_octaves)

        return of_bands, of_spectra, back

    def _frame(self, values):
        """Values (n_frames, k) as segments (n, k, length)."""
        return np.lib.stride_tricks.sliding_window_view(values, self.length, axis=0)[::_ENVELOPE_STEP]


def _normalise(values, axis, least):
    """(output, back) of values without their mean, divided by the root of the sum of their squares (and of least's)."""
    centred = values - values.mean(axis=axis, keepdims=True)
    rate = (np.square(centred).sum(axis=axis, keepdims=True) + least**2) ** -0.5
    output = centred * rate

    def back(gradient):
        gradient = rate * (gradient - output * (gradient * output).sum(axis=axis, keepdims=True))
        return gradient - gradient.mean(axis=axis, keepdims=True)

    return output, back
