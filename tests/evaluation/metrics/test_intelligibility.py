"""STOI and ESTOI: 1 for the same, worse with noise, NaN where nothing can be said, and those of pystoi."""

import math

import numpy as np
import pytest
from pystoi import stoi as pystoi

from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation.metrics.intelligibility import stoi
from tests.helpers.common import make_speech, one_line_of

SR = 8_000
SPEECH = make_speech(3 * SR, SR)
NOISE = np.random.default_rng(0).standard_normal(len(SPEECH)).astype(np.float32)


def noisy(snr_db):
    """Return the speech with white noise."""
    return SPEECH + NOISE * np.float32(np.std(SPEECH) / np.std(NOISE) * 10 ** (-snr_db / 20))


@pytest.mark.parametrize("extended", [False, True])
def test_stoi_identical_is_one(extended):
    assert stoi(SPEECH, SPEECH, SR, extended=extended) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("sr", [8_000, 16_000])
def test_stoi_more_noise_is_worse(sr):
    for extended in (False, True):
        scores = [stoi(SPEECH, noisy(snr_db), sr, extended=extended) for snr_db in (40, 20, 10, 0, -10)]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > 0.9
        assert scores[-1] < scores[0] - 0.2


def test_stoi_extended_is_stricter():
    assert stoi(SPEECH, noisy(5), SR, extended=True) < stoi(SPEECH, noisy(5), SR) - 0.1


def test_stoi_level_does_not_matter():
    assert stoi(SPEECH, 0.1 * noisy(10), SR) == pytest.approx(stoi(SPEECH, noisy(10), SR), abs=1e-5)


def test_stoi_silent_estimate_is_the_worst_not_nan():
    assert stoi(SPEECH, np.zeros_like(SPEECH), SR) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("extended", [False, True])
def test_stoi_too_little_sound_is_nan(extended):
    silent = np.zeros_like(SPEECH)
    mostly_silent = silent.copy()
    mostly_silent[1_000:1_500] = NOISE[:500]
    short = NOISE[: int(0.39 * SR)]
    for reference in (silent, mostly_silent, short, short[:1]):
        assert math.isnan(stoi(reference, reference.copy(), SR, extended=extended))


@pytest.mark.parametrize("extended", [False, True])
def test_stoi_equals_pystoi(testing_recordings, extended):
    n_scored = 0
    for sound, sr in testing_recordings:
        noise = np.random.default_rng(0).standard_normal(len(sound)).astype(np.float32)
        estimate = sound + np.float32(0.3 * np.std(sound)) * noise
        ours = stoi(sound, estimate, sr, extended=extended)
        if not math.isnan(ours):
            assert ours == pytest.approx(pystoi(sound, estimate, sr, extended=extended), abs=1e-6)
            n_scored += 1
    assert n_scored > 10


def test_stoi_long_sound_is_the_mean_of_its_loud_parts():
    # Three parts of 50 s: clean, noisy, and the noise of a room, which is no speech.
    clean, worse = (np.resize(sound, 50 * SR) for sound in (SPEECH, noisy(0)))
    room = 1e-4 * np.resize(NOISE, 50 * SR)
    value = stoi(np.concatenate([clean, clean, room]), np.concatenate([clean, worse, room[::-1]]), SR)
    assert value == pytest.approx((1 + stoi(clean, worse, SR)) / 2, abs=1e-6)


def test_stoi_lengths_differ_is_refused():
    with pytest.raises(InputError, match=r"The reference is \(24000,\), the estimate \(23999,\): cut them") as error:
        stoi(SPEECH, SPEECH[:-1], SR)
    one_line_of(error)
