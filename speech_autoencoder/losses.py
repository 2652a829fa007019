"""How far one log-mel is from another, as a listener would say: what training, and the search for a latent, lessen."""

import math
from itertools import pairwise

import numpy as np

from speech_autoencoder.config import FeatureConfig, LossConfig
from speech_autoencoder.features import mel_filters

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
