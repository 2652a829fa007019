"""The levels of a recording, counted block by block."""

import numpy as np
import pytest

from speech_autoencoder.audio.levels import Levels

SR = 8_000


def test_levels_do_not_depend_on_the_blocks():
    sine = np.sin(2 * np.pi * 100 * np.arange(SR) / SR).astype(np.float32)
    sound = np.concatenate([0.5 * sine, np.zeros(SR, np.float32), np.full(4, -1, np.float32)])
    whole, parts = Levels(SR), Levels(SR)
    whole(sound)
    for part in np.split(sound, [SR, SR + 160]):
        parts(part)
    assert whole.columns() == pytest.approx(parts.columns())
    assert whole.columns() == pytest.approx({"peak": 1, "power": 0.0627, "clipped": 4, "quiet": 50 / 101}, abs=1e-3)
