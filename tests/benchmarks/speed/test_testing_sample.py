"""The testing recordings whose reconstructions are scored beside their times."""

import numpy as np
import pytest

from benchmarks.speed.testing_sample import take_sample
from speech_autoencoder.config import CLASSIC
from speech_autoencoder.data import building, dataset


def test_score_references_are_perfect_even_if_padded(recordings, tmp_path):
    building.build(recordings, tmp_path / "a.npy", CLASSIC, workers=1)
    sample = take_sample(dataset.load(tmp_path / "a.npy", ""), 3)
    assert len(sample.references) == len(sample.frames) == 3
    scores = sample.score([np.pad(reference, (0, 100)) for reference in sample.references])
    assert scores["stoi"] == pytest.approx(1, abs=1e-6)
    assert scores["estoi"] == pytest.approx(1, abs=1e-6)
