"""The metrics: perfect for the same, worse for worse, and silent about what cannot be scored."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder.config import CLASSIC
from speech_autoencoder.errors import InputError
from speech_autoencoder.evaluation import metrics
from speech_autoencoder.evaluation.metrics import join, log_mel_error_db, match_level, pool, stoi
from tests.helpers.common import TINY, make_speech, one_line_of

SR = 8_000
SPEECH = make_speech(3 * SR, SR)
NOISE = np.random.default_rng(0).standard_normal(len(SPEECH)).astype(np.float32)


def pesq(*arguments):
    """metrics.pesq, where the extra that it needs is installed."""
    pytest.importorskip("pesq")
    return metrics.pesq(*arguments)


def noisy(snr_db):
    """The speech with white noise."""
    return SPEECH + NOISE * np.float32(np.std(SPEECH) / np.std(NOISE) * 10 ** (-snr_db / 20))


# Identity


@pytest.mark.parametrize("extended", [False, True])
def test_stoi_identical_is_one(extended):
    assert stoi(SPEECH, SPEECH, SR, extended=extended) == pytest.approx(1, abs=1e-6)


def test_pesq_identical_is_the_highest():
    assert pesq(SPEECH, SPEECH, SR, "nb") == pytest.approx(4.549, abs=0.001)
    assert pesq(SPEECH, SPEECH, 2 * SR, "wb") == pytest.approx(4.644, abs=0.001)


def test_log_mel_error_db_identical_is_zero():
    frames = np.random.default_rng(0).random((128, 40), np.float32)
    assert log_mel_error_db(frames, frames.copy(), CLASSIC) == 0


def test_match_level_identical_is_the_identity():
    assert np.array_equal(match_level(SPEECH, SPEECH), SPEECH)


# Closed form


def test_log_mel_error_db_is_root_mean_square_in_db():
    frames = np.full((2, 4), 0.5)
    assert log_mel_error_db(frames, frames + 0.1, CLASSIC) == pytest.approx(11)
    estimate = frames.copy()
    estimate[0, 0] += 0.1  # one of eight
    assert log_mel_error_db(frames, estimate, CLASSIC) == pytest.approx(11 / math.sqrt(8))
    assert log_mel_error_db(frames, estimate, TINY) == log_mel_error_db(estimate, frames, TINY)


@pytest.mark.parametrize("gain", [1e-3, 0.5, 30])
def test_match_level_gain_is_undone(gain):
    assert match_level(SPEECH, np.float32(gain) * SPEECH) == pytest.approx(SPEECH, rel=1e-5)
    other = match_level(SPEECH, gain * NOISE)
    assert np.mean(other**2) == pytest.approx(np.mean(SPEECH**2), rel=1e-4)


def test_match_level_silence_stays_silence():
    assert not match_level(SPEECH, np.zeros_like(SPEECH)).any()
    assert not match_level(np.zeros_like(SPEECH), SPEECH).any()


def test_join_puts_a_tenth_of_a_second_behind_each():
    joined = join([np.ones(10, np.float32), np.full(5, 2, np.float32)], 1_000)
    assert joined.dtype == np.float32
    assert joined.tolist() == [1] * 10 + [0] * 100 + [2] * 5 + [0] * 100


def test_join_equal_lengths_stay_equal_whatever_the_sound():
    parts = [SPEECH[:1_000], SPEECH[2_000:2_001]]
    assert join(parts, SR).shape == join([0 * part for part in parts], SR).shape


@pytest.mark.parametrize("sr", [8_000, 16_000])
def test_stoi_more_noise_is_worse(sr):
    for extended in (False, True):
        scores = [stoi(SPEECH, noisy(snr_db), sr, extended=extended) for snr_db in (40, 20, 10, 0, -10)]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > 0.9
        assert scores[-1] < scores[0] - 0.2


def test_pesq_more_noise_is_worse():
    scores = [pesq(SPEECH, noisy(snr_db), SR, "nb") for snr_db in (50, 30, 20, 10)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1] + 1


def test_stoi_extended_is_stricter():
    assert stoi(SPEECH, noisy(5), SR, extended=True) < stoi(SPEECH, noisy(5), SR) - 0.1


def test_pesq_equals_the_package_at_the_rate_of_its_mode():
    package = pytest.importorskip("pesq")
    assert pesq(SPEECH, noisy(15), 8_000, "nb") == pytest.approx(package.pesq(8_000, SPEECH, noisy(15), "nb"))
    assert pesq(SPEECH, noisy(15), 16_000, "wb") == pytest.approx(package.pesq(16_000, SPEECH, noisy(15), "wb"))


def test_stoi_level_does_not_matter():
    assert stoi(SPEECH, 0.1 * noisy(10), SR) == pytest.approx(stoi(SPEECH, noisy(10), SR), abs=1e-5)


def test_stoi_silent_estimate_is_the_worst_not_nan():
    assert stoi(SPEECH, np.zeros_like(SPEECH), SR) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("extended", [False, True])
def test_stoi_what_cannot_be_scored_is_nan(extended):
    silent = np.zeros_like(SPEECH)
    mostly_silent = silent.copy()
    mostly_silent[1_000:1_500] = NOISE[:500]
    short = NOISE[: int(0.39 * SR)]
    for reference in (silent, mostly_silent, short, short[:1]):
        assert math.isnan(stoi(reference, reference.copy(), SR, extended=extended))


def test_pesq_what_cannot_be_scored_is_nan():
    pytest.importorskip("pesq")
    silent = np.zeros_like(SPEECH)
    for reference, estimate in ((silent, SPEECH), (silent, silent), (NOISE[:100], NOISE[:100])):
        assert math.isnan(pesq(reference, estimate, SR, "nb"))


def test_pesq_silence_for_speech_is_the_worst():
    pytest.importorskip("pesq")
    assert pesq(SPEECH, np.zeros_like(SPEECH), SR, "nb") == 1


@pytest.mark.parametrize("measure", ["log_mel_error_db", "stoi", "pesq"])
def test_metrics_of_two_lengths_are_refused(measure):
    arguments = {"log_mel_error_db": [CLASSIC], "stoi": [SR], "pesq": [SR, "nb"]}[measure]
    if measure == "pesq":
        pytest.importorskip("pesq")
    with pytest.raises(InputError, match=r"The reference is \(24000,\), the estimate \(23999,\): cut them") as error:
        getattr(metrics, measure)(SPEECH, SPEECH[:-1], *arguments)
    one_line_of(error)


@pytest.mark.parametrize("gain_db", [-20.0, 0.0, 6.0])
def test_level_error_is_the_gain(gain_db):
    assert metrics.level_error_db(SPEECH, SPEECH * 10 ** (gain_db / 20)) == pytest.approx(gain_db)


def test_level_error_of_silence_is_not_a_number_that_means_something():
    silence = np.zeros_like(SPEECH)
    assert math.isnan(metrics.level_error_db(silence, SPEECH))
    assert metrics.level_error_db(SPEECH, silence) == -math.inf


# Pooling


RECORDINGS = st.lists(st.tuples(st.sampled_from(["", "anna", "ben"]), st.floats(0.01, 12)), max_size=60)


@given(RECORDINGS)
def test_pool_never_loses_or_repeats_a_recording(recordings):
    groups, durations_s = [group for group, _ in recordings], np.array([s for _, s in recordings])
    strings, left_out = pool(groups, durations_s)
    assert sorted([i for string in strings for i in string.recordings] + left_out) == list(range(len(groups)))
    for string in strings:
        assert {groups[i] for i in string.recordings} == {string.group}
        assert string.recordings == sorted(string.recordings)
        assert string.duration_s == pytest.approx(durations_s[string.recordings].sum())
        assert string.duration_s >= 0.5


@given(RECORDINGS)
def test_pool_only_whole_groups_that_are_too_short_are_left_out(recordings):
    groups, durations_s = [group for group, _ in recordings], np.array([s for _, s in recordings])
    strings, left_out = pool(groups, durations_s)
    for group in set(groups):
        members = [i for i, name in enumerate(groups) if name == group]
        mine = [string for string in strings if string.group == group]
        total_s = durations_s[members].sum()
        if total_s < 0.499:
            assert set(members) <= set(left_out)
        elif total_s > 0.501:
            assert not set(members) & set(left_out)
        # Where there is sound for several strings, each is long enough for every metric.
        assert len(mine) <= 1 or min(string.duration_s for string in mine) >= 5


def test_pool_half_a_second_is_enough():
    assert pool(["a", "a"], np.array([0.25, 0.25]))[1] == []
    assert pool(["a", "a"], np.array([0.25, 0.24])) == ([], [0, 1])
    assert pool([], np.array([])) == ([], [])


def test_pool_strings_are_as_short_as_they_may_be():
    strings, left_out = pool(["b", "a"] * 12, np.ones(24))
    assert [(string.group, string.recordings) for string in strings] == [
        ("a", [1, 3, 5, 7, 9]),
        ("a", [11, 13, 15, 17, 19, 21, 23]),
        ("b", [0, 2, 4, 6, 8]),
        ("b", [10, 12, 14, 16, 18, 20, 22]),
    ]
    assert left_out == []


# Against the packages themselves


@pytest.mark.parametrize("extended", [False, True])
def test_stoi_is_that_of_its_package(testing_recordings, extended):
    from pystoi import stoi as measure

    n_scored = 0
    for sound, sr in testing_recordings:
        noise = np.random.default_rng(0).standard_normal(len(sound)).astype(np.float32)
        estimate = sound + np.float32(0.3 * np.std(sound)) * noise
        ours = stoi(sound, estimate, sr, extended=extended)
        if not math.isnan(ours):
            assert ours == pytest.approx(measure(sound, estimate, sr, extended=extended), abs=1e-6)
            n_scored += 1
    assert n_scored > 10


def test_dnsmos_is_in_its_range_and_silent_about_silence():
    if not metrics.has_dnsmos():
        pytest.skip("speechmos is not installed")
    clean, worse = metrics.dnsmos(SPEECH, SR), metrics.dnsmos(noisy(-10), SR)
    assert 1 <= worse <= 5
    assert 1 <= clean <= 5
    assert math.isnan(metrics.dnsmos(0 * SPEECH, SR))
