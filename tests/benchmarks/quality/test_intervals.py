"""Means and intervals over speakers."""

import numpy as np
import pytest

from benchmarks.quality.intervals import RESAMPLES, resample, summarise
from benchmarks.quality.scoring import METRICS


def test_summarise_parts_have_the_same_weight_and_nan_is_left_out():
    parts = [{"stoi": np.array([0.2, 0.4, np.nan])}, {"stoi": np.array([0.9])}, {"stoi": np.array([np.nan])}]
    means, intervals = summarise(parts)
    assert means == {"stoi": pytest.approx(0.6)} | dict.fromkeys(set(METRICS) - {"stoi"})
    assert intervals["stoi"] == pytest.approx([0.55, 0.65])
    assert intervals["digits"] is None


def test_summarise_interval_of_many_values_is_that_of_the_normal_distribution():
    values = np.random.default_rng(0).normal(0.8, 0.1, 400)
    low, high = summarise([{"stoi": values}])[1]["stoi"]
    assert (low, high) == pytest.approx((values.mean() - 0.0098, values.mean() + 0.0098), abs=0.0015)


def test_resample_draws_as_choice_does():
    """So that the intervals of the published tables come out again."""
    values = np.random.default_rng(0).random(30)
    expected = np.random.default_rng(1).choice(values, (RESAMPLES, 30))
    np.testing.assert_array_equal(values[resample(np.random.default_rng(1), 30)], expected)
