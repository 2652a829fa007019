"""Inversion against librosa at equal PESQ."""

import numpy as np
import pytest

from benchmarks.speed import inversion
from benchmarks.speed.testing_sample import TestingSample
from speech_autoencoder.config import CLASSIC
from speech_autoencoder.data import building, dataset


def test_rows_compare_at_equal_pesq(recordings, tmp_path, monkeypatch):
    building.build(recordings, tmp_path / "a.npy", CLASSIC, workers=1)
    # Librosa's own takes half a minute to start.
    monkeypatch.setattr("librosa.feature.inverse.mel_to_audio", lambda mel, **options: np.ones(100, np.float32))
    monkeypatch.setattr(TestingSample, "score", lambda self, estimates: {"pesq_nb": 3.0})
    equal, default = inversion.rows(dataset.load(tmp_path / "a.npy", ""), 1, most=2)
    assert "PESQ-NB 3.00, librosa's 3.00; 2 rounds" in equal.note
    assert equal.ratio == pytest.approx(equal.theirs / equal.ours)
    assert "x real time" in default.note
