"""Scores of clusters and their intervals: right on what is known, paired, the same every time."""

import numpy as np
import pytest

from speech_autoencoder.evaluation.bootstrap import Cluster, differences, intervals, resampled, score, shows
from speech_autoencoder.evaluation.results import Difference


def clusters_of(values, speakers=("ann", "ben"), metric="stoi", offset=0.0):
    """Return a cluster of each value, of the systems a and b, the latter larger by offset."""
    return [
        Cluster(speakers[i % len(speakers)], {"a": {metric: (v, 1.0)}, "b": {metric: (v + offset, 1.0)}})
        for i, v in enumerate(values)
    ]


NORMAL = np.random.default_rng(0).normal(0.8, 0.1, 400)


def test_score_is_the_weighted_mean_or_its_root():
    clusters = [
        Cluster("", {"a": {"stoi": (1.0, 1.0), "log_mel_db": (9.0, 1.0)}}),
        Cluster("", {"a": {"stoi": (1.0, 3.0)}}),
    ]
    assert score(clusters, "a", "stoi") == 0.5
    assert score(clusters, "a", "log_mel_db") == 3
    assert score(clusters, "a", "mcd_db") is None


def test_intervals_are_those_of_a_mean():
    low, high = intervals(clusters_of(NORMAL), ["a"], ["stoi"])["a"]["stoi"]
    error = 1.96 * NORMAL.std() / np.sqrt(len(NORMAL))
    assert (low, high) == pytest.approx((NORMAL.mean() - error, NORMAL.mean() + error), abs=0.15 * error)
    assert intervals(clusters_of(NORMAL), ["a"], ["stoi"])["a"]["stoi"] == [low, high]


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng, hits = np.random.default_rng(1), 0
    for _ in range(60):
        low, high = intervals(clusters_of(rng.normal(0, 1, 40)), ["a"], ["stoi"])["a"]["stoi"]
        hits += low <= 0 <= high
    assert hits >= 51


def test_intervals_few_speakers_differences_between_them_do_not_count():
    values = [0.2, 0.9] * 20
    assert intervals(clusters_of(values), ["a"], ["stoi"])["a"]["stoi"] == pytest.approx([0.55, 0.55])
    many = [f"speaker {i}" for i in range(10)]
    clusters = clusters_of(np.repeat([0.2, 0.9], 5).tolist() * 4, speakers=many)
    assert resampled(clusters) == "speakers"
    low, high = intervals(clusters, ["a"], ["stoi"])["a"]["stoi"]
    assert high - low > 0.3


def test_intervals_speakers_of_one_segment_are_drawn_together():
    clusters = clusters_of([0.1, 0.3, 0.5, 0.7, 0.9], speakers=list("vwxyz"))
    low, high = intervals(clusters, ["a"], ["stoi"])["a"]["stoi"]
    assert low < 0.4 < 0.6 < high


def test_intervals_few_clusters_have_none():
    assert intervals(clusters_of([0.1, 0.2, 0.3, 0.4]), ["a"], ["stoi", "mcd_db"])["a"] == {
        "stoi": None,
        "mcd_db": None,
    }
    assert score([], "a", "stoi") is None
    assert intervals([], ["a"], ["stoi"]) == {"a": {"stoi": None}}
    assert intervals(clusters_of(NORMAL), ["a"], []) == {"a": {}}


def test_differences_are_paired():
    # What makes recordings hard for both systems does not make the difference uncertain.
    found = differences(clusters_of(NORMAL, offset=0.001), "b", "a", ["stoi"])["stoi"]
    assert found.difference == pytest.approx(0.001)
    assert found.interval == pytest.approx([0.001, 0.001])
    assert differences(clusters_of(NORMAL), "a", "c", ["stoi"])["stoi"] == Difference(None, None, "unknown")


def test_shows_depends_on_which_way_is_better():
    assert shows("stoi", [-0.2, -0.1]) == shows("mcd_db", [0.1, 0.2]) == "worse"
    assert shows("stoi", [0.1, 0.2]) == shows("mcd_db", [-0.2, -0.1]) == "better"
    assert shows("stoi", [-0.1, 0.1]) == "no difference"
    assert shows("stoi", None) == "unknown"


@pytest.mark.parametrize("n", [5, 8])
def test_intervals_of_a_handful_of_skewed_scores_hold_the_truth_nearly_as_often(n):
    """The percentile bootstrap, without Student's t, holds it in 78 to 83 % of the samples of five."""
    rng, hits = np.random.default_rng(2), 0
    for _ in range(150):
        low, high = intervals(
            clusters_of(1 + rng.gamma(1.5, 0.6, n), speakers=("ann",), metric="mcd_db"), ["a"], ["mcd_db"]
        )["a"]["mcd_db"]
        hits += low <= 1.9 <= high
    assert 0.86 <= hits / 150 <= 0.98


def test_intervals_of_two_segments_of_each_speaker_are_as_wide_as_their_spread():
    """Two draws of two have half of their variance, and one degree of freedom for each speaker."""
    values = np.random.default_rng(3).normal(0, 1, 16)
    low, high = intervals(clusters_of(values, speakers=list("abcdefgh"), metric="level_db"), ["a"], ["level_db"])["a"][
        "level_db"
    ]
    spread = np.sqrt(sum(np.var(values[[i, i + 8]], ddof=1) * 2 for i in range(8))) / 16
    assert high - low > 2 * 2.3 * spread  # Student's t of 8 degrees of freedom, 2.31, or more


def test_intervals_stay_within_what_a_metric_can_be():
    low, high = intervals(clusters_of([0.98, 0.99, 1.0, 1.0, 0.7, 1.0]), ["a"], ["stoi"])["a"]["stoi"]
    assert 0 < low < high <= 1
    low, _ = intervals(clusters_of([0, 0, 0, 0, 9], metric="log_mel_db"), ["a"], ["log_mel_db"])["a"]["log_mel_db"]
    assert low >= 0


@pytest.mark.parametrize("metric", ["words", "speakers"])
def test_intervals_all_recognised_or_none_are_the_exact_ones(metric):
    """Draws of answers that are all alike tell nothing: 1 - .025^(1/12) of 12 right ones (Clopper and Pearson)."""
    wrong, right = (clusters_of([value] * 12, metric=metric) for value in (0.0, 1.0))
    end = 0.025 ** (1 / 12)
    assert intervals(right, ["a"], [metric])["a"][metric] == pytest.approx([end, 1])
    assert intervals(wrong, ["a"], [metric])["a"][metric] == pytest.approx([0, 1 - end])
    assert differences(right, "a", "b", [metric])[metric].interval == [0, 0]
