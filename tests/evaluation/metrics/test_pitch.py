"""The errors of two tracks of pitch, counted by hand and of known voices."""

import numpy as np
import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.metrics import pitch
from speech_autoencoder.evaluation.metrics.metric import Sound, SoundPair
from speech_autoencoder.evaluation.metrics.pitch_tracker import track
from tests.helpers.common import make_speech
from tests.helpers.voices import SR, buzz

SPEECH = make_speech(2 * SR, SR)
NOISE = np.random.default_rng(0).standard_normal(len(SPEECH)).astype(np.float32)


@pytest.mark.parametrize("sr", [8_000, 16_000])
def test_errors_identical_are_zero(sr):
    assert pitch.f0_error_cents(SPEECH, SPEECH, sr) == 0
    for share in (pitch.gross_pitch_error, pitch.voicing_error, pitch.f0_frame_error):
        assert share(SPEECH, SPEECH, sr) == 0


def test_f0_error_cents_is_that_of_two_buzzes():
    error = pitch.f0_error_cents(buzz(200), buzz(210), SR)
    assert error == pytest.approx(1_200 * np.log2(1.05), abs=15)
    assert pitch.voicing_error(buzz(200), buzz(210), SR) < 0.05


def test_errors_octaves_are_gross_and_leave_the_median_alone():
    sound = np.concatenate([buzz(200), buzz(150), buzz(120)])
    jumped = np.concatenate([buzz(202), buzz(300), buzz(120 * 1.19)])
    share = pitch.gross_pitch_error(sound, jumped, SR)
    assert share == pytest.approx(1 / 3, abs=0.05)
    assert pitch.f0_error_cents(sound, jumped, SR) == pytest.approx(1_200 * np.log2(1.19), abs=15)
    lost = np.concatenate([jumped[:16_000], 0 * jumped[16_000:]])
    assert pitch.voicing_error(sound, lost, SR) == pytest.approx(1 / 3, abs=0.05)
    assert pitch.f0_frame_error(sound, lost, SR) == pytest.approx(2 / 3, abs=0.08)


def test_compare_tracks_is_counted_by_hand():
    reference = np.array([0, 0, 100, 100, 100, 100, 200, 200.0])
    estimate = np.array([0, 90, 0, 100, 119, 121, 100, 202.0])
    errors = pitch.compare_tracks(reference, estimate)
    assert (errors.n_both, errors.n_gross, errors.n_voicing, errors.n_frames) == (5, 2, 2, 8)
    assert errors.median_cents == pytest.approx(1_200 * np.log2(1.19))
    assert np.isnan(pitch.compare_tracks(reference, 0 * reference).median_cents)


def test_errors_more_noise_is_worse():
    voice = buzz(150, seconds=2)
    noise = np.std(voice) / np.std(NOISE) * NOISE
    noisy = [voice + np.float32(10 ** (-snr_db / 20)) * noise for snr_db in (60, 20, 0, -20)]
    voicing = [pitch.voicing_error(voice, sound, SR) for sound in noisy]
    assert voicing == sorted(voicing)
    assert voicing[-1] > voicing[0] + 0.3
    cents = [pitch.f0_error_cents(voice, sound, SR) for sound in noisy[:3]]
    assert cents == sorted(cents)


def test_errors_of_what_cannot_be_compared():
    assert np.isnan(pitch.f0_error_cents(SPEECH, 0 * SPEECH, SR))
    assert np.isnan(pitch.gross_pitch_error(SPEECH, 0 * SPEECH, SR))
    assert pitch.voicing_error(SPEECH, 0 * SPEECH, SR) == pytest.approx((track(SPEECH, SR) > 0).mean())
    for function in (pitch.f0_error_cents, pitch.voicing_error):
        with pytest.raises(InputError, match="cut them"):
            function(SPEECH, SPEECH[1:], SR)


def test_measurements_are_the_errors_of_the_waveforms():
    estimate = np.concatenate([buzz(202), buzz(300), 0 * buzz(120)])
    reference = np.concatenate([buzz(200), buzz(150), buzz(120)])
    pair = SoundPair(Sound(reference, SR), Sound(estimate, SR))
    for metric, function in (
        (pitch.F0_ERROR, pitch.f0_error_cents),
        (pitch.GROSS_PITCH_ERROR, pitch.gross_pitch_error),
        (pitch.VOICING_ERROR, pitch.voicing_error),
        (pitch.F0_FRAME_ERROR, pitch.f0_frame_error),
    ):
        measurement = metric.measure(pair)
        assert measurement.value == function(reference, estimate, SR)
        assert measurement.total / measurement.weight == pytest.approx(measurement.value)
