"""Voices of a known pitch."""

import numpy as np

SR = 16_000


def buzz(pitch_hz, sr=SR, seconds=0.5):
    """Return a voice without words: the harmonics of one pitch."""
    t = np.arange(round(seconds * sr)) / sr
    return sum(np.cos(2 * np.pi * k * pitch_hz * t + k * k) / k for k in range(1, 10)).astype(np.float32)
