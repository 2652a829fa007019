"""Scores: the original has the perfect one."""

import pytest

from benchmarks.quality.scoring import values_of
from speech_autoencoder.evaluation.metrics.quality import has_pesq
from tests.helpers.common import make_speech

SR = 8_000


def test_values_of_identical_recordings_are_perfect_at_any_level():
    names = ["a_ann_1.wav", "b_ann_1.wav"]
    speech = [make_speech(SR, SR, seed) for seed in (0, 1)]
    values = values_of(speech, [0.3 * waveform for waveform in speech], names=names, sr=SR, segments=[[0, 1]])
    assert values["stoi"] == pytest.approx([1], abs=1e-6)
    assert values["estoi"] == pytest.approx([1], abs=1e-6)
    assert "digits" not in values
    if has_pesq():
        assert values["pesq_nb"] == pytest.approx([4.549], abs=0.001)
