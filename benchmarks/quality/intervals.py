"""Means and their 95 % intervals by bootstrap, over speakers who count the same.

The bootstrap of an evaluation draws whole speakers or weighs by duration; here the tables of several models, each
without another speaker, are one mean in which every speaker counts the same. The intervals of the published tables
depend on these very draws.
"""

from collections.abc import Sequence

import numpy as np

from benchmarks.quality.scoring import METRICS, Values

RESAMPLES = 2_000
_QUANTILES = [0.025, 0.975]


def resample(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return the indices of RESAMPLES draws of n from n with replacement, (RESAMPLES, n)."""
    return rng.integers(n, size=(RESAMPLES, n))


def interval_95(parts: list[np.ndarray]) -> list[float]:
    """Return the 95 % interval of the mean of parts, each (RESAMPLES,) of a value of every draw."""
    return np.quantile(np.mean(parts, axis=0), _QUANTILES).tolist()


def summarise(parts: Sequence[Values], *, metrics: Sequence[str] = METRICS, seed: int = 0) -> tuple[dict, dict]:
    """Return ({metric: mean}, {metric: [low, high] of 95 %}), None for a metric without values.

    Parameters
    ----------
    parts
        Values of each speaker, all of the same weight, drawn within themselves. NaN (not scored) is left out.
    metrics
        The metrics to summarise.
    seed
        Of the draws, which are the same for each metric.
    """
    means, intervals = {}, {}
    for metric in metrics:
        samples = [part[metric][np.isfinite(part[metric])] for part in parts if metric in part]
        samples = [sample for sample in samples if len(sample)]
        rng = np.random.default_rng(seed)
        drawn = [sample[resample(rng, len(sample))].mean(axis=1) for sample in samples]
        means[metric] = float(np.mean([sample.mean() for sample in samples])) if samples else None
        intervals[metric] = interval_95(drawn) if samples else None
    return means, intervals
