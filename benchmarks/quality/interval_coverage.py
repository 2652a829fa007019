"""Measure how often 95 % intervals hold the truth, by how much they are drawn from: docs/experiments.md.

    python -m benchmarks.quality.interval_coverage

Invented scores whose mean is known, skewed as those of speech are, in place of measured ones, whose mean is not. The
intervals of an evaluation are compared with those of the percentile bootstrap, of BCa (Efron, 1987) and of Student's t.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy import stats
from scipy.special import ndtr, ndtri

from benchmarks.options import make_parser
from benchmarks.tables import heading, line
from speech_autoencoder.cli.options import positive
from speech_autoencoder.evaluation import bootstrap
from speech_autoencoder.evaluation.bootstrap import Cluster
from speech_autoencoder.system.wording import counted

# Speakers, and segments of each.
SIZES = ((1, 2), (1, 3), (1, 5), (1, 8), (1, 12), (1, 20), (1, 30), (4, 2), (4, 5), (12, 1), (30, 1))
# Values of segments, and their metric, whose mean (or whose root) is the score: like STOI, which is below 1; like PESQ,
# which a few segments raise; like squared errors.
SCORES: dict[str, tuple[str, Callable[[np.random.Generator, int], np.ndarray], float]] = {
    "STOI": ("stoi", lambda rng, n: rng.beta(18, 2, n), 0.9),
    "PESQ": ("pesq_nb", lambda rng, n: 1 + rng.gamma(1.5, 0.6, n), 1.9),
    "dB": ("log_mel_db", lambda rng, n: rng.gamma(2, 0.5, n), 1.0),
}
METHODS = ("percentile", "BCa", "Student's t", "of an evaluation")


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--trials", type=positive(int), default=500, help="samples for each cell")
    args = parser.parse_args()
    print(f"In brackets: the median width. Each cell: {', '.join(SCORES)}; {args.trials:,} samples each.\n")
    print(heading(["drawn from", *METHODS]))
    for n_speakers, n_each in SIZES:
        cells = dict.fromkeys(METHODS, "")
        for metric, draw, truth in SCORES.values():
            for method, (share, width) in measure(metric, draw, truth, n_speakers, n_each, args.trials).items():
                cells[method] += f"{', ' if cells[method] else ''}{100 * share:.0f} % ({width:.2f})"
        what = f"{n_speakers} speakers" if n_each == 1 else f"{n_each} segments of {counted(n_speakers, 'speaker')}"
        print(line([what, *(cell or "none" for cell in cells.values())]), flush=True)


def measure(
    metric: str, draw: Callable, truth: float, n_speakers: int, n_each: int, n_trials: int
) -> dict[str, tuple[float, float]]:
    """Return, for each method, the share of intervals that hold the truth, and their median width."""
    rng = np.random.default_rng(0)
    found: dict[str, list[tuple[bool, float]]] = {}
    for seed in range(n_trials):
        values = draw(rng, n_speakers * n_each).reshape(n_speakers, n_each)
        for method, (low, high) in intervals(metric, values, seed):
            found.setdefault(method, []).append((low <= truth <= high, high - low))
    return {
        method: (float(np.mean([holds for holds, _ in each])), float(np.median([width for _, width in each])))
        for method, each in found.items()
    }


def intervals(metric: str, values: np.ndarray, seed: int) -> Iterator[tuple[str, Sequence[float]]]:
    """Yield (method, [low, high]) of values (n_speakers, n_each); drawn within speakers if they have several."""
    strata = values.reshape(1, -1) if values.shape[1] == 1 else values
    score = np.sqrt if metric == "log_mel_db" else np.asarray
    rng, n = np.random.default_rng(seed), strata.shape[1]
    index = rng.integers(n, size=(bootstrap.RESAMPLES, *strata.shape))
    drawn = score(np.take_along_axis(strata[None], index, axis=2).mean(axis=(1, 2)))
    yield "percentile", bootstrap.interval_95(drawn)
    if len(strata) == 1:
        yield "BCa", np.quantile(drawn, bca_quantiles(drawn, strata[0], score)).tolist()
    centre = float(score(strata.mean()))
    slope = 0.5 / centre if metric == "log_mel_db" else 1.0
    error = slope * np.sqrt((strata.var(axis=1, ddof=1) / n).sum()) / len(strata)
    reach = stats.t.ppf(0.975, len(strata) * (n - 1)) * error
    yield "Student's t", [centre - reach, centre + reach]
    clusters = [Cluster(str(i), {"a": {metric: (float(v), 1.0)}}) for i, row in enumerate(values) for v in row]
    ours = bootstrap.intervals(clusters, ["a"], [metric], seed)["a"][metric]
    if ours:
        yield "of an evaluation", ours


def bca_quantiles(drawn: np.ndarray, values: np.ndarray, score: Callable) -> np.ndarray:
    """Return the two quantiles of draws that BCa takes: corrected for bias, and for a growing spread (Efron, 1987)."""
    n = len(values)
    bias = ndtri(np.clip((drawn < score(values.mean())).mean(), 1 / len(drawn), 1 - 1 / len(drawn)))
    left_out = score((values.sum() - values) / (n - 1))
    from_mean = left_out.mean() - left_out
    growth = (from_mean**3).sum() / (6 * (from_mean**2).sum() ** 1.5 + 1e-30)
    moved = bias + ndtri([0.025, 0.975])
    return np.clip(ndtr(bias + moved / (1 - growth * moved)), 0, 1)


if __name__ == "__main__":
    main()
