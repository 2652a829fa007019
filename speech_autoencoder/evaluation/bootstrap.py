"""Sums over strings of recordings -> scores, their 95 % intervals by bootstrap, and the differences of two systems."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

# Draws, and how many are held at once; the speakers from which on whole speakers are drawn, as validation does; the
# strings that an interval needs at least.
RESAMPLES, _AT_ONCE, _MANY_SPEAKERS, _LEAST_SEGMENTS = 2_000, 100, 10, 5
_QUANTILES = (0.025, 0.975)
# What an evaluation draws from: two of the same are alike.
SEED = 0
# Of these the root of the mean is taken, as what is summed are squares.
_ROOTS = frozenset({"log_mel_db"})


@dataclass(frozen=True)
class Cluster:
    """Recordings of a speaker that are drawn together: of each system and metric, the sum of values and of weights."""

    speaker: str
    sums: dict[str, dict[str, tuple[float, float]]]


def drawn_by(units: list[Cluster]) -> str:
    """What the bootstrap draws anew: "speakers" where there are ten or more, else "strings" within each speaker.

    Where strings are drawn, the intervals are for these speakers, and say nothing of others.
    """
    return "speakers" if len({unit.speaker for unit in units}) >= _MANY_SPEAKERS else "strings"


def score(units: list[Cluster], system: str, metric: str) -> float | None:
    """The weighted mean (or its root) of a metric over all units; None where nothing was measured."""
    sums, weights = _arrays(units, [(system, metric)])
    return float(_values(sums.sum(axis=0), weights.sum(axis=0), [metric])[0]) if weights.any() else None


def intervals(units: list[Cluster], systems: list[str], metrics: list[str], seed: int = SEED) -> dict:
    """{system: {metric: [low, high] of 95 %, or None where there are fewer than five strings}}.

    All that is random follows from the seed; every system is drawn alike.
    """
    keys = [(system, metric) for system in systems for metric in metrics]
    out = {system: {} for system in systems}
    for (system, metric), interval in zip(keys, _quantiles(units, keys, seed), strict=True):
        out[system][metric] = interval
    return out


def differences(units: list[Cluster], ours: str, theirs: str, metrics: list[str], seed: int = SEED) -> dict:
    """{metric: {"difference": ours less theirs, "interval": [low, high] or None}} on the same recordings, drawn alike.

    The difference is of the scores; None where one of the two has none.
    """
    keys = [(system, metric) for metric in metrics for system in (ours, theirs)]
    spread = _quantiles(units, keys, seed, paired=True)
    out = {}
    for metric, interval in zip(metrics, spread, strict=True):
        values = [score(units, system, metric) for system in (ours, theirs)]
        known = None not in values
        out[metric] = {
            "difference": values[0] - values[1] if known else None,
            "interval": interval if known else None,
        }
    return out


def _arrays(units, keys):
    """(sums, weights), each (n_units, n_keys)."""
    pairs = [[unit.sums.get(system, {}).get(metric, (0.0, 0.0)) for system, metric in keys] for unit in units]
    both = np.array(pairs, np.float64).reshape(len(units), len(keys), 2)
    return both[..., 0], both[..., 1]


def _values(sums, weights, metrics):
    """The scores (..., n_metrics) of sums and weights; NaN where nothing was measured."""
    means = np.divide(sums, weights, out=np.full(np.shape(sums), np.nan), where=weights > 0)
    roots = np.array([metric in _ROOTS for metric in metrics])
    return np.where(roots, np.sqrt(np.maximum(means, 0)), means)


def _quantiles(units, keys, seed, *, paired=False):
    """[low, high] or None of each key; when paired, of the difference of each two."""
    sums, weights = _arrays(units, keys)
    metrics = [metric for _, metric in keys]
    drawn = [np.empty((0, len(keys)))]
    if len(units) >= _LEAST_SEGMENTS:
        drawn += [_values(counts @ sums, counts @ weights, metrics) for counts in _draws(units, seed)]
    values, n_segments = np.concatenate(drawn), (weights > 0).sum(axis=0)
    if paired:
        values, n_segments = values[:, ::2] - values[:, 1::2], np.minimum(n_segments[::2], n_segments[1::2])
    out = []
    for column, n in zip(values.T, n_segments, strict=True):
        column = column[np.isfinite(column)]
        out.append(np.quantile(column, _QUANTILES).tolist() if n >= _LEAST_SEGMENTS and len(column) else None)
    return out


def _draws(units: list[Cluster], seed: int) -> Iterator[np.ndarray]:
    """How often each unit is in each draw, (_AT_ONCE, n_units) at once."""
    rng = np.random.default_rng(seed)
    speakers = sorted({unit.speaker for unit in units})
    members = [[i for i, unit in enumerate(units) if unit.speaker == speaker] for speaker in speakers]
    by_speaker = drawn_by(units) == "speakers"
    if not by_speaker:
        # Of one string alone nothing could be drawn: such speakers are drawn together.
        single = [part[0] for part in members if len(part) == 1]
        members = [part for part in members if len(part) > 1] + ([single] if single else [])
    for _ in range(RESAMPLES // _AT_ONCE):
        counts = np.zeros((_AT_ONCE, len(units)))
        often = _multinomial(rng, len(members)) if by_speaker else None
        for number, part in enumerate(members):
            counts[:, part] = often[:, number, None] if by_speaker else _multinomial(rng, len(part))
        yield counts


def _multinomial(rng, n):
    """How often each of n is drawn in n draws with replacement, (_AT_ONCE, n)."""
    return rng.multinomial(n, np.full(n, 1 / n), size=_AT_ONCE)
