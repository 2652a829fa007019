"""The log-mel error, over all, by band and over time, in closed form."""

import math

import numpy as np
import pytest

from speech_autoencoder.config import CLASSIC
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.metrics.log_mel_error import (
    LOG_MEL_ERROR,
    log_mel_error_by_band_db,
    log_mel_error_db,
    log_mel_error_over_time_db,
)
from speech_autoencoder.evaluation.metrics.metric import LogMelPair
from tests.helpers.common import TINY, one_line_of


def test_log_mel_error_db_identical_is_zero():
    frames = np.random.default_rng(0).random((128, 40), np.float32)
    assert log_mel_error_db(frames, frames.copy(), CLASSIC) == 0


def test_log_mel_error_db_is_root_mean_square_in_db():
    frames = np.full((2, 4), 0.5)
    assert log_mel_error_db(frames, frames + 0.1, CLASSIC) == pytest.approx(11)
    estimate = frames.copy()
    estimate[0, 0] += 0.1  # one of eight
    assert log_mel_error_db(frames, estimate, CLASSIC) == pytest.approx(11 / math.sqrt(8))
    assert log_mel_error_db(frames, estimate, TINY) == log_mel_error_db(estimate, frames, TINY)


def test_log_mel_error_by_band_and_over_time_find_where_it_is():
    frames = np.full((16, 40), 0.5)
    estimate = frames.copy()
    estimate[3, 20:] += 0.1
    by_band = log_mel_error_by_band_db(frames, estimate, TINY)
    assert by_band.shape == (16,)
    assert by_band[3] == pytest.approx(11 * math.sqrt(0.5))
    assert not np.delete(by_band, 3).any()
    over_time = log_mel_error_over_time_db(frames, estimate, TINY)
    assert over_time == pytest.approx([0] * 5 + [11 / 4] * 5)
    assert not log_mel_error_by_band_db(frames, frames, TINY).any()


def test_log_mel_error_over_time_few_frames_leave_parts_empty():
    frames = np.full((16, 3), 0.5)
    over_time = log_mel_error_over_time_db(frames, frames + 0.1, TINY)
    assert np.isfinite(over_time).sum() == 3
    assert over_time[np.isfinite(over_time)] == pytest.approx(11)


def test_log_mel_error_measurement_is_the_squares_over_all_frames():
    frames = np.full((16, 40), 0.5)
    estimate = frames.copy()
    estimate[3, 20:] += 0.1
    measurement = LOG_MEL_ERROR.measure(LogMelPair(frames, estimate, TINY))
    assert measurement.weight == 40
    assert math.sqrt(measurement.total / measurement.weight) == pytest.approx(measurement.value)


def test_log_mel_error_db_shapes_differ_is_refused():
    frames = np.zeros((16, 40))
    with pytest.raises(InputError, match=r"The reference is \(16, 40\), the estimate \(16, 39\): cut them") as error:
        log_mel_error_db(frames, frames[:, :-1], CLASSIC)
    one_line_of(error)
