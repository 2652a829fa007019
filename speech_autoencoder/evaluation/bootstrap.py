"""Scores of clusters of recordings, their 95 % intervals by bootstrap, and the differences of two systems.

A cluster is drawn as a whole: the recordings of a segment. Where there are many speakers, whole speakers are drawn. The
intervals are percentile intervals (Efron and Tibshirani, 1993, chapter 13), stretched about the score: from few draws,
a percentile interval is too narrow, as the draws' variance is too small by (n - 1) / n, and as its ends are those of a
normal distribution where Student's t is needed (Hesterberg, 2015, section 4.2). How often intervals hold the truth is
measured in docs/experiments.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

from speech_autoencoder.evaluation.metrics.metric import LabelPair
from speech_autoencoder.evaluation.metrics.registry import METRICS
from speech_autoencoder.evaluation.results import Difference, Interval

RESAMPLES = 2_000
SEED = 0  # of an evaluation: two runs on the same recordings give the same intervals
_RESAMPLES_AT_ONCE = 100  # bounds the memory
_MANY_SPEAKERS = 10  # with at least these, whole speakers are drawn
_LEAST_CLUSTERS = 5  # fewer have no interval
_QUANTILES = (0.025, 0.975)


@dataclass(frozen=True)
class Cluster:
    """Recordings of a speaker that are drawn together: {system: {metric: (sum of totals, sum of weights)}}."""

    speaker: str
    sums: dict[str, dict[str, tuple[float, float]]]


def resampled(clusters: list[Cluster]) -> Literal["speakers", "segments"]:
    """Return what the bootstrap draws: "speakers" where there are ten or more, else "segments" within each speaker.

    Where segments are drawn, the intervals are for these speakers, and say nothing of others.
    """
    return "speakers" if len({cluster.speaker for cluster in clusters}) >= _MANY_SPEAKERS else "segments"


def score(clusters: list[Cluster], system: str, metric: str) -> float | None:
    """Return the weighted mean of a metric over all clusters, or the root of it; None where nothing was measured."""
    sums, weights = _arrays(clusters, [(system, metric)])
    return float(_values(sums.sum(axis=0), weights.sum(axis=0), [metric])[0]) if weights.any() else None


def intervals(
    clusters: list[Cluster], systems: Sequence[str], metrics: Sequence[str], seed: int = SEED
) -> dict[str, dict[str, Interval]]:
    """Return the 95 % intervals of scores, with the same draws for every system.

    Parameters
    ----------
    clusters
        What was measured.
    systems, metrics
        Their keys.
    seed
        Of the draws.

    Returns
    -------
    dict
        {system: {metric: [low, high]}}, None instead of an interval where there are fewer than five speakers or
        segments to draw. Where all labels or none were recognised, it is the exact one of independent recordings.
    """
    keys = [(system, metric) for system in systems for metric in metrics]
    found: dict[str, dict[str, Interval]] = {system: {} for system in systems}
    for (system, metric), interval in zip(keys, _quantiles(clusters, keys, seed), strict=True):
        found[system][metric] = interval
    return found


def differences(
    clusters: list[Cluster], ours: str, theirs: str, metrics: Sequence[str], seed: int = SEED
) -> dict[str, Difference]:
    """Return {metric: the score of `ours` less that of `theirs`}, with paired intervals and what they show.

    The draws are the same for both systems, so that recordings that are hard for both do not widen the interval.
    """
    keys = [(system, metric) for metric in metrics for system in (ours, theirs)]
    found = {}
    for metric, interval in zip(metrics, _quantiles(clusters, keys, seed, paired=True), strict=True):
        one, other = (score(clusters, system, metric) for system in (ours, theirs))
        if one is None or other is None:
            found[metric] = Difference(None, None, "unknown")
        else:
            found[metric] = Difference(one - other, interval, shows(metric, interval))
    return found


def exact_interval(n_right: float, n: float) -> list[float]:
    """Return the 95 % interval of a share of n independent answers (Clopper and Pearson, 1934)."""
    low = betaincinv(n_right, n - n_right + 1, _QUANTILES[0]) if n_right else 0.0
    high = betaincinv(n_right + 1, n - n_right, _QUANTILES[1]) if n_right < n else 1.0
    return [float(low), float(high)]


def interval_95(values: np.ndarray) -> list[float]:
    """Return [low, high], the 95 % interval of values (n_resamples,)."""
    return np.quantile(values, _QUANTILES).tolist()


def shows(metric: str, interval: Interval) -> Literal["better", "worse", "no difference", "unknown"]:
    """Return what an interval of differences shows of the first system; "unknown" where there is none."""
    if interval is None:
        return "unknown"
    low, high = interval if METRICS[metric].higher_is_better else (-interval[1], -interval[0])
    return "better" if low > 0 else "worse" if high < 0 else "no difference"


def _arrays(clusters: list[Cluster], keys: list[tuple[str, str]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums and the weights of (system, metric) keys, each (n_clusters, n_keys)."""
    pairs = [[cluster.sums.get(system, {}).get(metric, (0.0, 0.0)) for system, metric in keys] for cluster in clusters]
    both = np.array(pairs, np.float64).reshape(len(clusters), len(keys), 2)
    return both[..., 0], both[..., 1]


def _values(sums: np.ndarray, weights: np.ndarray, metrics: Sequence[str]) -> np.ndarray:
    """Return the scores (..., n_metrics) of sums and weights; NaN where nothing was measured."""
    means = np.divide(sums, weights, out=np.full(np.shape(sums), np.nan), where=weights > 0)
    roots = np.array([METRICS[metric].is_root for metric in metrics], bool)
    return np.where(roots, np.sqrt(np.maximum(means, 0)), means)


def _quantiles(
    clusters: list[Cluster], keys: list[tuple[str, str]], seed: int, *, paired: bool = False
) -> list[Interval]:
    """Return the interval of each key; when paired, of the difference of each two."""
    sums, weights = _arrays(clusters, keys)
    metrics = [metric for _, metric in keys]
    strata = _strata(clusters)
    drawn = [np.empty((0, len(keys)))]
    if len(clusters) >= _LEAST_CLUSTERS:
        drawn += [_values(counts @ sums, counts @ weights, metrics) for counts in _draws(len(clusters), strata, seed)]
    values, known = np.concatenate(drawn), weights > 0
    centres, effects = _values(sums.sum(axis=0), weights.sum(axis=0), metrics), _effects(sums, weights, metrics)
    if paired:
        values, known = values[:, ::2] - values[:, 1::2], known[:, ::2] & known[:, 1::2]
        centres, effects, metrics = centres[::2] - centres[1::2], effects[:, ::2] - effects[:, 1::2], metrics[::2]
    found: list[Interval] = []
    for i, metric in enumerate(metrics):
        column = values[:, i]
        column = column[np.isfinite(column)]
        if known[:, i].sum() < _LEAST_CLUSTERS or not len(column):
            found.append(None)
            continue
        if METRICS[metric].pair is LabelPair and not paired and not np.ptp(column):
            # If all labels were recognised, or none, the draws do not tell how seldom the other may be.
            found.append(exact_interval(sums[:, i].sum(), weights[:, i].sum()))
            continue
        ends = centres[i] + (np.array(interval_95(column)) - centres[i]) * _stretch(effects[:, i], known[:, i], strata)
        found.append((ends if paired else np.clip(ends, *_range(metric))).tolist())
    return found


def _range(metric: str) -> tuple[float, float]:
    """Return the least and the greatest value that a metric can have."""
    is_share = METRICS[metric].has_bars
    return 0.0 if is_share or METRICS[metric].is_root else -np.inf, 1.0 if is_share else np.inf


def _effects(sums: np.ndarray, weights: np.ndarray, metrics: Sequence[str]) -> np.ndarray:
    """Return how much each cluster moves each score (n_clusters, n_keys), to first order."""
    total = np.maximum(weights.sum(axis=0), np.finfo(float).tiny)
    means = sums.sum(axis=0) / total
    roots = np.array([METRICS[metric].is_root for metric in metrics], bool)
    slopes = np.where(roots & (means > 0), 0.5 / np.sqrt(np.where(means > 0, means, 1)), 1.0)
    return slopes * (sums - means * weights) / total


def _stretch(effects: np.ndarray, known: np.ndarray, strata: list[list[list[int]]]) -> float:
    """Return by how much an interval is to be stretched, from the effects of clusters and whether they are known.

    The draws of a stratum of n units have (n - 1) / n of their variance. The degrees of freedom of all strata together
    follow Satterthwaite (1946).
    """
    spreads, counts = [], []
    for stratum in strata:
        moved = np.array([effects[unit].sum() for unit in stratum if known[unit].any()])
        if len(moved) > 1:
            spreads.append(float(((moved - moved.mean()) ** 2).sum()))
            counts.append(len(moved))
    spread, n = np.array(spreads), np.array(counts)
    if not spread.any():
        return 1.0
    variances = spread * n / (n - 1)
    freedom = variances.sum() ** 2 / (variances**2 / (n - 1)).sum()
    t_over_normal = stdtrit(freedom, _QUANTILES[1]) / ndtri(_QUANTILES[1])
    return float(t_over_normal * np.sqrt(variances.sum() / spread.sum()))


def _strata(clusters: list[Cluster]) -> list[list[list[int]]]:
    """Return what is drawn: strata of units, each the indices of clusters; units are drawn within their stratum."""
    speakers = sorted({cluster.speaker for cluster in clusters})
    members = [[i for i, cluster in enumerate(clusters) if cluster.speaker == speaker] for speaker in speakers]
    if resampled(clusters) == "speakers":
        return [members]
    # There is nothing to draw from a single segment: the speakers that have one are drawn together.
    single = [part[0] for part in members if len(part) == 1]
    strata = [part for part in members if len(part) > 1] + ([single] if single else [])
    return [[[i] for i in stratum] for stratum in strata]


def _draws(n_clusters: int, strata: list[list[list[int]]], seed: int) -> Iterator[np.ndarray]:
    """Yield how often each cluster is in each resample, (_RESAMPLES_AT_ONCE, n_clusters)."""
    rng = np.random.default_rng(seed)
    for _ in range(RESAMPLES // _RESAMPLES_AT_ONCE):
        counts = np.zeros((_RESAMPLES_AT_ONCE, n_clusters))
        for stratum in strata:
            often = _multinomial(rng, len(stratum))
            for number, unit in enumerate(stratum):
                counts[:, unit] = often[:, number, None]
        yield counts


def _multinomial(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return how often each of n is drawn in n draws with replacement, (_RESAMPLES_AT_ONCE, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES_AT_ONCE)
