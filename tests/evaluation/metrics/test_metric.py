"""What a metric compares and how its values are written."""

import numpy as np
import pytest

from speech_autoencoder.evaluation.metrics.level import LEVEL
from speech_autoencoder.evaluation.metrics.metric import Measurement, Sound, SoundPair, match_level
from tests.helpers.common import make_speech

SR = 8_000
SPEECH = make_speech(3 * SR, SR)
NOISE = np.random.default_rng(0).standard_normal(len(SPEECH)).astype(np.float32)


def test_match_level_identical_is_the_identity():
    assert np.array_equal(match_level(SPEECH, SPEECH), SPEECH)


@pytest.mark.parametrize("gain", [1e-3, 0.5, 30])
def test_match_level_gain_is_undone(gain):
    assert match_level(SPEECH, np.float32(gain) * SPEECH) == pytest.approx(SPEECH, rel=1e-5)
    other = match_level(SPEECH, gain * NOISE)
    assert np.mean(other**2) == pytest.approx(np.mean(SPEECH**2), rel=1e-4)


def test_match_level_silence_stays_silence():
    assert not match_level(SPEECH, np.zeros_like(SPEECH)).any()
    assert not match_level(np.zeros_like(SPEECH), SPEECH).any()


def test_sound_pair_estimate_has_the_level_of_the_reference():
    pair = SoundPair(Sound(SPEECH, SR), Sound(0.1 * SPEECH, SR))
    assert pair.sr == SR
    assert pair.levelled == pytest.approx(SPEECH, rel=1e-5)


@pytest.mark.parametrize(
    ("total", "weight", "known"), [(1.0, 1, True), (0.0, 2, True), (float("nan"), 1, False), (0.0, 0, False)]
)
def test_measurement_without_number_or_weight_is_not_known(total, weight, known):
    assert Measurement(1.0, total, weight).is_known == known


def test_metric_values_are_written_with_its_format():
    assert LEVEL.title == "level error, dB"
    assert [LEVEL.format(1.234), LEVEL.format(None), LEVEL.format(1.234, sign=True)] == ["1.23", "-", "+1.23"]
