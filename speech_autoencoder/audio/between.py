"""The frames halfway between those of features whose hop is half a window.

Such a hop is too long for phases, and what happens between two frames is lost to the features, though not to the
speech. Where the sound is at hand, the frames between can be computed; a network may give its own; else they are
interpolated.

With frames (n_mels, n), those between stand as further rows, (2 * n_mels, n): column i holds frame i, and below it the
one halfway to the next. In time order, both are the frames of `FeatureConfig.finer`.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import tee

import numpy as np

from speech_autoencoder.audio.log_mel import mel_spectrogram_stream, normalise
from speech_autoencoder.config import FeatureConfig

# The weights of four frames halfway between the two in the middle: cubic convolution (Keys, 1981) with a = -0.8. That
# of least error has a = -0.5, but smooths what STOI and PESQ hear; maps that were learned from speech were no better on
# other voices (docs/experiments.md).
HALFWAY = (-0.1, 0.6)  # of the outer two, and of the inner two


def log_mel_stream(blocks: Iterable[np.ndarray], config: FeatureConfig, *, between: bool) -> Iterator[np.ndarray]:
    """Yield the normalised log-mel (n_mels, k) of a waveform that arrives in blocks at the rate of the features.

    With `between`, the frames between are there too: (2 * n_mels, k).
    """
    if not between:
        for chunk in mel_spectrogram_stream(blocks, config):
            yield normalise(chunk, config)
        return
    blocks, again = tee(blocks)
    later = mel_spectrogram_stream(again, config, first=config.hop_length // 2)
    pending = np.empty((config.n_mels, 0), np.float32)
    for chunk in mel_spectrogram_stream(blocks, config):
        n = chunk.shape[1]
        while pending.shape[1] < n:  # they are as many in all
            pending = np.concatenate([pending, next(later)], axis=1)
        yield normalise(np.concatenate([chunk, pending[:, :n]]), config)
        pending = pending[:, n:]


def frames_between(waveform: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Return the normalised frames between (n_mels, n_frames) of a whole waveform at the rate of the features."""
    chunks = mel_spectrogram_stream([waveform], config, first=config.hop_length // 2)
    return normalise(np.concatenate([np.empty((config.n_mels, 0), np.float32), *chunks], axis=1), config)


def with_between(frames: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Return normalised frames (n_mels, n) with those between, interpolated unless they are there: (2 * n_mels, n)."""
    if len(frames) == 2 * config.n_mels:
        return frames
    between, _ = interpolate(frames.T, config)
    return np.concatenate([frames, between.T])


def beyond_interpolation(frames: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Return normalised frames with how those between differ from interpolated ones: what an encoder is given.

    From (2 * n_mels, n) to (2 * n_mels, n).
    """
    own, between = frames[: config.n_mels], frames[config.n_mels :]
    interpolated, _ = interpolate(own.T, config)
    return np.concatenate([own, between - interpolated.T])


def in_time_order(frames: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Return frames with those between, (2 * n_mels, n), as `FeatureConfig.finer` has them: (n_mels, 2 * n)."""
    return frames.T.reshape(-1, config.n_mels).T


def interpolate(frames: np.ndarray, config: FeatureConfig) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return frames halfway between normalised ones, and the VJP (vector-Jacobian product).

    They are interpolated as square roots of magnitudes, which scored best of magnitude, root, square and logarithm
    (docs/experiments.md). The last frame counts as its own successor.

    Parameters
    ----------
    frames : np.ndarray, (n_frames, n_mels)

    Returns
    -------
    np.ndarray, (n_frames, n_mels) float32
        None below silence.
    Callable
        Takes the gradient of a scalar with respect to these to that with respect to the frames.
    """
    rate = config.range_db * math.log(10) / 40
    roots = np.exp(np.float32(rate) * frames.astype(np.float32, copy=False))  # 1 is silence
    padded = np.pad(roots, ((1, 2), (0, 0)), mode="edge")
    outer, inner = map(np.float32, HALFWAY)
    between = inner * (padded[1:-2] + padded[2:-1]) + outer * (padded[:-3] + padded[3:])
    held = np.maximum(between, 1)

    def vjp(gradient: np.ndarray) -> np.ndarray:
        gradient = gradient * (between > 1) / held
        total = np.zeros_like(padded)
        for place, share in enumerate((outer, inner, inner, outer)):
            total[place : place + len(gradient)] += share * gradient
        total[1] += total[0]
        total[-3] += total[-2] + total[-1]
        return roots * total[1:-2]

    return np.log(held) / np.float32(rate), vjp
