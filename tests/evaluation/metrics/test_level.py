"""The level error is the gain."""

import math

import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.metrics.level import LEVEL, level_error_db
from speech_autoencoder.evaluation.metrics.metric import Sound, SoundPair
from tests.helpers.common import make_speech, one_line_of

SR = 8_000
SPEECH = make_speech(3 * SR, SR)


@pytest.mark.parametrize("gain_db", [-20.0, 0.0, 6.0])
def test_level_error_db_is_the_gain(gain_db):
    assert level_error_db(SPEECH, SPEECH * 10 ** (gain_db / 20)) == pytest.approx(gain_db)


def test_level_error_db_silence_is_nan_or_infinite():
    silence = np.zeros_like(SPEECH)
    assert math.isnan(level_error_db(silence, SPEECH))
    assert level_error_db(SPEECH, silence) == -math.inf


def test_level_average_is_of_the_size_of_errors():
    pair = SoundPair(Sound(SPEECH, SR), Sound(0.5 * SPEECH, SR))
    measurement = LEVEL.measure(pair)
    assert measurement.value == pytest.approx(-6.02, abs=0.01)
    assert measurement.total == -measurement.value


def test_level_error_db_lengths_differ_is_refused():
    with pytest.raises(InputError, match=r"The reference is \(24000,\), the estimate \(23999,\): cut them") as error:
        level_error_db(SPEECH, SPEECH[:-1])
    one_line_of(error)
