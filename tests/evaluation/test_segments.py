"""Segments hold every recording once, and are as short as they may be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_autoencoder.evaluation.segments import cut, join, pool
from tests.helpers.common import make_speech

SR = 8_000
SPEECH = make_speech(3 * SR, SR)
RECORDINGS = st.lists(st.tuples(st.sampled_from(["", "anna", "ben"]), st.floats(0.01, 12)), max_size=60)


@given(RECORDINGS)
def test_pool_never_loses_or_repeats_a_recording(recordings):
    speakers, durations_s = [speaker for speaker, _ in recordings], np.array([s for _, s in recordings])
    segments, left_out = pool(speakers, durations_s)
    assert sorted([i for segment in segments for i in segment.recordings] + left_out) == list(range(len(speakers)))
    for segment in segments:
        assert {speakers[i] for i in segment.recordings} == {segment.speaker}
        assert segment.recordings == sorted(segment.recordings)
        assert segment.duration_s == pytest.approx(durations_s[segment.recordings].sum())
        assert segment.duration_s >= 0.5


@given(RECORDINGS)
def test_pool_only_whole_speakers_that_are_too_short_are_left_out(recordings):
    speakers, durations_s = [speaker for speaker, _ in recordings], np.array([s for _, s in recordings])
    segments, left_out = pool(speakers, durations_s)
    for speaker in set(speakers):
        members = [i for i, name in enumerate(speakers) if name == speaker]
        mine = [segment for segment in segments if segment.speaker == speaker]
        total_s = durations_s[members].sum()
        if total_s < 0.499:
            assert set(members) <= set(left_out)
        elif total_s > 0.501:
            assert not set(members) & set(left_out)
        # Where there is sound for several segments, each is long enough for every metric.
        assert len(mine) <= 1 or min(segment.duration_s for segment in mine) >= 5


def test_pool_half_a_second_is_enough():
    assert pool(["a", "a"], np.array([0.25, 0.25]))[1] == []
    assert pool(["a", "a"], np.array([0.25, 0.24])) == ([], [0, 1])
    assert pool([], np.array([])) == ([], [])


def test_pool_segments_are_as_short_as_they_may_be():
    segments, left_out = pool(["b", "a"] * 12, np.ones(24))
    assert [(segment.speaker, segment.recordings) for segment in segments] == [
        ("a", [1, 3, 5, 7, 9]),
        ("a", [11, 13, 15, 17, 19, 21, 23]),
        ("b", [0, 2, 4, 6, 8]),
        ("b", [10, 12, 14, 16, 18, 20, 22]),
    ]
    assert left_out == []


def test_join_puts_a_tenth_of_a_second_behind_each():
    joined = join([np.ones(10, np.float32), np.full(5, 2, np.float32)], 1_000)
    assert joined.dtype == np.float32
    assert joined.tolist() == [1] * 10 + [0] * 100 + [2] * 5 + [0] * 100


def test_join_equal_lengths_stay_equal_whatever_the_sound():
    parts = [SPEECH[:1_000], SPEECH[2_000:2_001]]
    assert join(parts, SR).shape == join([0 * part for part in parts], SR).shape


def test_cut_undoes_join():
    waveforms = [np.arange(1, n, dtype=np.float32) for n in (5, 30, 9)]
    for one, other in zip(cut(join(waveforms, 8_000), [len(w) for w in waveforms], 8_000), waveforms, strict=True):
        assert np.array_equal(one, other)
