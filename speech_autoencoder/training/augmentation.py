"""Random changes to the frames of a recording, so that a network sees more voices and microphones than there are."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

# The probability of each change.
_PROBABILITY = 0.6
# The most by which time, and the place on the mel scale, are stretched or shrunk.
_MOST_STRETCH = 1.25
# The most by which the level, and the level at either end of the mel scale, change, in normalised log-mel.
_MOST_GAIN = 0.05


class Variation(NamedTuple):
    """How frames are varied.

    Attributes
    ----------
    stretch, warp : float or None
        The factors of time, and of the place on the mel scale; None: unchanged.
    gain, tilt : float or None
        The change of level, and of its slope along the mel scale.
    """

    stretch: float | None
    warp: float | None
    gain: float | None
    tilt: float | None

    def n_frames(self, before: int) -> int:
        """Return how many frames become of this many."""
        return before if self.stretch is None else max(1, round(before * self.stretch))


def draw(rng: np.random.Generator) -> Variation:
    """Return a random variation: each of three changes is made with a probability of 0.6."""
    stretch = _MOST_STRETCH ** rng.uniform(-1, 1) if rng.random() < _PROBABILITY else None
    warp = _MOST_STRETCH ** rng.uniform(-1, 1) if rng.random() < _PROBABILITY else None
    gain, tilt = rng.uniform(-_MOST_GAIN, _MOST_GAIN, 2) if rng.random() < _PROBABILITY else (None, None)
    return Variation(stretch, warp, gain, tilt)


def vary(frames: np.ndarray, variation: Variation, *, times: int = 1) -> np.ndarray:
    """Return frames as another voice or microphone might have given them.

    The speed, the place on the mel scale, and the level together with a tilt of the spectrum may change. Silence stays
    silent. Normalised log-mel (n_mels, n_frames) becomes (n_mels, another n_frames), in [0, 1] too. There are
    `times` frames for each one that the variation counts, before and after.
    """
    n_mels, n_frames = frames.shape
    stretch, warp, gain, tilt = variation
    if stretch is not None:
        frames = _interpolate(frames.T, _spread(0, n_frames - 1, times * variation.n_frames(n_frames // times))).T
    if warp is not None:
        frames = _interpolate(frames, np.minimum(np.arange(n_mels) * warp, n_mels - 1))
    if gain is not None and tilt is not None:
        change = (gain + tilt * _spread(-1, 1, n_mels).astype(np.float32))[:, None].astype(np.float32)
        # Less where it is nearly silent: a gain does not change digital silence.
        frames = np.clip(frames + change * np.minimum(1, frames / (4 * _MOST_GAIN)), 0, 1)
    return frames


# Recordings of the same lengths come again and again.
@lru_cache(maxsize=4096)
def _spread(first: float, last: float, count: int) -> np.ndarray:
    """Return numbers evenly spread from first to last."""
    return np.linspace(first, last, count)


def _interpolate(rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return rows (n, k) at fractional positions, by linear interpolation."""
    below = np.minimum(positions.astype(int), len(rows) - 1)
    above = np.minimum(below + 1, len(rows) - 1)
    share = (positions - below)[:, None].astype(np.float32)
    low, high = rows[below], rows[above]
    low *= 1 - share
    high *= share
    low += high
    return low
