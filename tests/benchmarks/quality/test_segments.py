"""Segments: which recordings are scored together."""

import numpy as np

from benchmarks.quality.segments import join_segments, segments_of
from speech_autoencoder.evaluation.segments import join, pool

TAKES = [f"{digit}_{speaker}_{take}.wav" for digit in range(10) for speaker in ("ann", "bob") for take in (0, 1)]


def test_segments_of_takes_are_of_one_speaker_and_take_each():
    segments = segments_of(TAKES, [0.4] * len(TAKES))
    assert sorted(i for segment in segments for i in segment) == list(range(len(TAKES)))
    assert [len(segment) for segment in segments] == [10] * 4
    for segment in segments:
        assert len({TAKES[i].split("_", 1)[1] for i in segment}) == 1


def test_segments_of_a_long_take_have_ten_recordings_at_most():
    names = [f"{i}_ann_letters.wav" for i in range(23)]
    assert [len(segment) for segment in segments_of(names, [1] * 23)] == [10, 10, 3]


def test_segments_of_other_names_are_those_of_an_evaluation():
    names, durations_s = ["ann/x.wav", "ann/y.wav", "bob/x.wav", "bob/7_bob_1.wav"], np.array([3.0, 4.0, 6.0, 1.0])
    expected = [segment.recordings for segment in pool(["ann", "ann", "bob", "bob"], durations_s)[0]]
    assert segments_of(names, durations_s) == expected == [[0, 1], [2, 3]]


def test_join_segments_joins_the_recordings_of_each():
    waveforms = [np.full(3, i, np.float32) for i in range(3)]
    first, second = join_segments(waveforms, [[2, 0], [1]], 8_000)
    np.testing.assert_array_equal(first, join([waveforms[2], waveforms[0]], 8_000))
    np.testing.assert_array_equal(second, join([waveforms[1]], 8_000))
