"""Scores of strings and their intervals: right on what is known, paired, the same every time."""

import numpy as np
import pytest

from speech_autoencoder.evaluation import bootstrap as intervals
from speech_autoencoder.evaluation.bootstrap import Cluster


def units_of(values, speakers=("ann", "ben"), metric="stoi", offset=0.0):
    """A Unit of each value, of the systems a and b, the latter larger by offset."""
    return [
        Cluster(speakers[i % len(speakers)], {"a": {metric: (v, 1.0)}, "b": {metric: (v + offset, 1.0)}})
        for i, v in enumerate(values)
    ]


NORMAL = np.random.default_rng(0).normal(0.8, 0.1, 400)


def test_score_is_the_weighted_mean_or_its_root():
    units = [
        Cluster("", {"a": {"stoi": (1.0, 1.0), "log_mel_db": (9.0, 1.0)}}),
        Cluster("", {"a": {"stoi": (1.0, 3.0)}}),
    ]
    assert intervals.score(units, "a", "stoi") == 0.5
    assert intervals.score(units, "a", "log_mel_db") == 3
    assert intervals.score(units, "a", "mcd_db") is None


def test_intervals_are_those_of_a_mean():
    low, high = intervals.intervals(units_of(NORMAL), ["a"], ["stoi"])["a"]["stoi"]
    error = 1.96 * NORMAL.std() / np.sqrt(len(NORMAL))
    assert (low, high) == pytest.approx((NORMAL.mean() - error, NORMAL.mean() + error), abs=0.15 * error)
    assert intervals.intervals(units_of(NORMAL), ["a"], ["stoi"])["a"]["stoi"] == [low, high]


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng, hits = np.random.default_rng(1), 0
    for _ in range(60):
        low, high = intervals.intervals(units_of(rng.normal(0, 1, 40)), ["a"], ["stoi"])["a"]["stoi"]
        hits += low <= 0 <= high
    assert hits >= 51


def test_intervals_differences_between_speakers_do_not_count_where_there_are_few():
    values = [0.2, 0.9] * 20
    assert intervals.intervals(units_of(values), ["a"], ["stoi"])["a"]["stoi"] == pytest.approx([0.55, 0.55])
    many = [f"speaker {i}" for i in range(10)]
    units = units_of(np.repeat([0.2, 0.9], 5).tolist() * 4, speakers=many)
    assert intervals.drawn_by(units) == "speakers"
    low, high = intervals.intervals(units, ["a"], ["stoi"])["a"]["stoi"]
    assert high - low > 0.3


def test_intervals_speakers_of_one_string_are_drawn_together():
    units = units_of([0.1, 0.3, 0.5, 0.7, 0.9], speakers=list("vwxyz"))
    low, high = intervals.intervals(units, ["a"], ["stoi"])["a"]["stoi"]
    assert low < 0.4 < 0.6 < high


def test_intervals_few_strings_have_none():
    assert intervals.intervals(units_of([0.1, 0.2, 0.3, 0.4]), ["a"], ["stoi", "mcd_db"])["a"] == {
        "stoi": None,
        "mcd_db": None,
    }
    assert intervals.score([], "a", "stoi") is None
    assert intervals.intervals([], ["a"], ["stoi"]) == {"a": {"stoi": None}}


def test_differences_are_paired():
    """What all recordings have in common is no doubt about the difference."""
    found = intervals.differences(units_of(NORMAL, offset=0.001), "b", "a", ["stoi"])["stoi"]
    assert found["difference"] == pytest.approx(0.001)
    assert found["interval"] == pytest.approx([0.001, 0.001])
    assert intervals.differences(units_of(NORMAL), "a", "c", ["stoi"])["stoi"] == {"difference": None, "interval": None}
