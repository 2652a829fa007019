"""How far one log-mel is from another, perceptually: what the two losses share, and the loss of the latent search.

`LogMelDistance` defines the distance. It has two implementations, which a test holds together: `SearchLoss` here
(numpy, one recording, with its gradient) and `training_loss.TrainingLoss` (Keras, batches).
"""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from speech_autoencoder.audio.log_mel import mel_filters
from speech_autoencoder.config import FeatureConfig, LossConfig

# The third octaves whose envelopes STOI and ESTOI compare.
_N_THIRD_OCTAVES = 15
_LOWEST_HZ = 150.0
# Frames from the start of one envelope segment to the next; and where frames between are among them.
ENVELOPE_STEP = 4
FINER_ENVELOPE_STEP = 8
# Envelopes shorter than this say nothing about how the sound changes.
_LEAST_ENVELOPE_FRAMES = 6
# Squared errors of log-mel are weighted as if its standard deviation were about 1: it is about 1/8.
LOG_SCALE = 64.0
# Estimates above full scale are clipped here: far enough to be pulled back, too near to overflow.
HIGHEST = 1.05
# Added to the powers of third octaves, whose square roots need a gradient at zero.
POWER_EPSILON = 1e-10
# The least norms by which envelopes are divided: over time, and then over frequency.
LEAST_NORM_OVER_TIME = 1e-4
LEAST_NORM_OVER_BANDS = 1e-3


class LogMelDistance:
    """The distance of two normalised log-mels, a sum of parts that a `LossConfig` weights.

    - Compressed magnitudes, mel ** exponent, relative to the recording's own level: about the perceived loudness
      (Zwicker and Fastl, 1990), so that inaudible errors hardly count.
    - The envelopes of third octaves over about 0.4 s, compared as ESTOI does (Jensen and Taal, 2016).
    - The log-mel itself, so that quiet sound is not left undetermined.
    - With a band_weight, the same envelopes, each third octave by itself, as STOI does (Taal and others, 2011). This
      helps the latent search, but not training (docs/experiments.md).

    Attributes
    ----------
    to_log_magnitude : float
        Converts a difference of normalised values to one of natural logarithms of magnitudes.
    third_octaves : np.ndarray
        The mel bands of each third octave, (n_bands, n_mels), 0 or 1.
    envelope_frames, envelope_step : int
        The length of an envelope segment, and the frames from the start of one to the next.
    """

    def __init__(
        self,
        features: FeatureConfig,
        config: LossConfig,
        *,
        band_weight: float = 0.0,
        envelope_step: int = ENVELOPE_STEP,
    ) -> None:
        self.config = config
        self.band_weight = band_weight
        self.to_log_magnitude = features.range_db * math.log(10) / 20
        self.third_octaves = _third_octaves(features)
        self.envelope_step = envelope_step
        self.envelope_frames = max(_LEAST_ENVELOPE_FRAMES, round(config.envelope_s * features.frame_rate))

    def level(self, frames: np.ndarray) -> float:
        """Return the level that a recording, normalised log-mel (n_mels, n_frames), is compared relative to.

        Returns
        -------
        float
            The normalised value at which the compressed magnitude has an RMS of 1. It is never below
            `LossConfig.quietest`, so that the noise of a silent recording does not count.
        """
        rate = 2 * self.config.exponent * self.to_log_magnitude
        return max(float(np.log(np.mean(np.exp(rate * frames.astype(np.float64)))) / rate), self.config.quietest)


def _third_octaves(features: FeatureConfig) -> np.ndarray:
    """Return which mel bands each third octave holds, float32 (n_bands, n_mels), without the empty ones."""
    centres_hz = mel_filters(features).argmax(axis=1) * features.sr / features.n_fft
    edges_hz = _LOWEST_HZ * 2 ** ((np.arange(_N_THIRD_OCTAVES + 1) - 0.5) / 3)
    bands = np.array([(centres_hz >= low) & (centres_hz < high) for low, high in pairwise(edges_hz)])
    return bands[bands.any(axis=1)].astype(np.float32)


class SearchLoss:
    """The distance from one recording to estimates of it, with the gradient, computed by numpy.

    The same as `TrainingLoss` for this recording; everything that does not depend on the estimate is computed once.

    Parameters
    ----------
    distance : LogMelDistance
        The weights of the parts.
    frames : np.ndarray
        The reference: normalised log-mel (n_frames, n_mels).
    mask : np.ndarray
        (n_frames,), 1 where a frame counts, 0 elsewhere.
    level : float
        The recording's `LogMelDistance.level`.
    """

    def __init__(self, distance: LogMelDistance, frames: np.ndarray, mask: np.ndarray, level: float) -> None:
        config = distance.config
        self.distance = distance
        self.frames = frames
        self.mask = mask[:, None]
        self.level = level
        self.length = min(distance.envelope_frames, len(frames))
        self.share = self.mask / (mask.sum() * frames.shape[1])
        self.rate = config.exponent * distance.to_log_magnitude
        self.compressed = np.exp(self.rate * (frames - level))
        # A segment counts by the share of its frames that count: padding is not sound that the estimate missed.
        counts = self._segments(mask[:, None]).mean(axis=2, keepdims=True)
        shares = counts / (counts.sum() + 1e-6)
        over_time, over_bands, _ = self._envelopes(frames)
        self._wanted_over_time = over_time * shares * (distance.band_weight / len(distance.third_octaves))
        self._wanted_over_bands = over_bands * shares * (config.envelope_weight / self.length)

    def __call__(self, estimate: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the loss of an estimate (n_frames, n_mels), and its gradient of the same shape, float32."""
        config = self.distance.config
        difference = estimate - self.frames
        log_part = difference * self.share * (config.log_weight * LOG_SCALE)
        held = np.minimum(estimate, HIGHEST)
        compressed = np.exp(self.rate * (held - self.level))
        part = (compressed - self.compressed) * self.share
        over_time, over_bands, envelopes_vjp = self._envelopes(held)
        loss = np.vdot(log_part, difference) + np.vdot(part, compressed - self.compressed)
        loss += self.distance.band_weight - np.vdot(self._wanted_over_time, over_time)
        loss += config.envelope_weight - np.vdot(self._wanted_over_bands, over_bands)
        gradient = 2 * self.rate * part * compressed - envelopes_vjp(self._wanted_over_time, self._wanted_over_bands)
        return float(loss), 2 * log_part + gradient * (estimate <= HIGHEST)

    def _envelopes(
        self, frames: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray, np.ndarray], np.ndarray]]:
        """Return third-octave envelopes normalised over time, the same also normalised over bands, and their VJP.

        Both are segments (n, n_bands, length); the VJP takes a gradient for each to that for frames.
        """
        rate = 2 * self.distance.to_log_magnitude
        power = np.exp(rate * (frames - self.level))
        bands = np.sqrt(power @ self.distance.third_octaves.T + POWER_EPSILON)
        over_time, over_time_vjp = _normalise(self._segments(bands * self.mask), 2, LEAST_NORM_OVER_TIME)
        over_bands, over_bands_vjp = _normalise(over_time, 1, LEAST_NORM_OVER_BANDS)

        def vjp(over_time_gradient: np.ndarray, over_bands_gradient: np.ndarray) -> np.ndarray:
            gradient = over_time_vjp(over_time_gradient + over_bands_vjp(over_bands_gradient))
            bands_gradient = np.zeros_like(bands)
            step = self.distance.envelope_step
            last = step * (len(gradient) - 1) + 1
            for place in range(self.length):
                bands_gradient[place : place + last : step] += gradient[:, :, place]
            return rate * power * (bands_gradient * self.mask / (2 * bands) @ self.distance.third_octaves)

        return over_time, over_bands, vjp

    def _segments(self, values: np.ndarray) -> np.ndarray:
        """Return values (n_frames, k) as overlapping segments (n, k, length)."""
        return np.lib.stride_tricks.sliding_window_view(values, self.length, axis=0)[:: self.distance.envelope_step]


def _normalise(values: np.ndarray, axis: int, least: float) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return values with a mean of 0 and a norm of 1 along the axis, and the VJP; small norms are raised to `least`."""
    centred = values - values.mean(axis=axis, keepdims=True)
    rate = (np.square(centred).sum(axis=axis, keepdims=True) + least**2) ** -0.5
    output = centred * rate

    def vjp(gradient: np.ndarray) -> np.ndarray:
        gradient = rate * (gradient - output * (gradient * output).sum(axis=axis, keepdims=True))
        return gradient - gradient.mean(axis=axis, keepdims=True)

    return output, vjp
