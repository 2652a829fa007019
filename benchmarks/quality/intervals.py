"""Means and their 95 % intervals by bootstrap, over speakers with the same weight.

The number of resamples and the percentiles are those of an evaluation's bootstrap. The draws are not: there, weighted
sums over all recordings are drawn as counts of clusters; here, each speaker was measured with another model, and values
are drawn by index within each. The intervals in the docs follow from these draws.
"""

from collections.abc import Sequence

import numpy as np

from benchmarks.quality.scoring import METRICS, Values
from speech_autoencoder.evaluation import bootstrap
from speech_autoencoder.evaluation.bootstrap import RESAMPLES


def resample(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return the indices of RESAMPLES draws of n from n with replacement, (RESAMPLES, n)."""
    return rng.integers(n, size=(RESAMPLES, n))


def interval_95(parts: list[np.ndarray]) -> list[float]:
    """Return the 95 % interval of the mean of parts, each (RESAMPLES,)."""
    return bootstrap.interval_95(np.mean(parts, axis=0))


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
