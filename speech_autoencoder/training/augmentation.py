"""Random changes to the frames of a recording, so that a network sees more voices and microphones than there are."""

import numpy as np

# The probability of each change.
_PROBABILITY = 0.6
# The most by which time, and the place on the mel scale, are stretched or shrunk.
_MOST_STRETCH = 1.25
# The most by which the level, and the level at either end of the mel scale, change, in normalised log-mel.
_MOST_GAIN = 0.05


def vary(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return frames as another voice or microphone might have given them.

    Each of three changes is made with a probability of 0.6: the speed, the place on the mel scale, and the level
    together with a tilt of the spectrum. Silence stays silent. Normalised log-mel (n_mels, n_frames) becomes
    (n_mels, another n_frames), in [0, 1] too.
    """
    n_mels, n_frames = frames.shape
    if rng.random() < _PROBABILITY:
        positions = np.linspace(0, n_frames - 1, max(1, round(n_frames * _MOST_STRETCH ** rng.uniform(-1, 1))))
        frames = _interpolate(frames.T, positions).T
    if rng.random() < _PROBABILITY:
        frames = _interpolate(frames, np.minimum(np.arange(n_mels) * _MOST_STRETCH ** rng.uniform(-1, 1), n_mels - 1))
    if rng.random() < _PROBABILITY:
        gain, tilt = rng.uniform(-_MOST_GAIN, _MOST_GAIN, 2)
        change = (gain + tilt * np.linspace(-1, 1, n_mels, dtype=np.float32))[:, None].astype(np.float32)
        # Less where it is nearly silent: a gain does not change digital silence.
        frames = np.clip(frames + change * np.minimum(1, frames / (4 * _MOST_GAIN)), 0, 1)
    return frames


def _interpolate(rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return rows (n, k) at fractional positions, by linear interpolation."""
    below = np.minimum(positions.astype(int), len(rows) - 1)
    above = np.minimum(below + 1, len(rows) - 1)
    share = (positions - below)[:, None].astype(np.float32)
    return rows[below] * (1 - share) + rows[above] * share
