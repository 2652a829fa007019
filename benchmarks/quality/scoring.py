"""What recordings and their reconstructions score: strings of sound, the metrics of each, means and intervals."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from speech_autoencoder.data.dataset import group_of
from speech_autoencoder.data.recording_names import label_of
from speech_autoencoder.evaluation import metrics
from speech_autoencoder.evaluation.words import WordRecogniser

METRICS = ("digits", "stoi", "estoi", "pesq_nb")
# The most recordings in a string of one speaker and take.
_MOST = 10
RESAMPLES = 2_000
# metric -> one value for each recording (digits: heard right or not) or each string of them (the others)
Values = dict[str, np.ndarray]


def segments_of(names: Sequence[str], durations_s: Sequence[float]) -> list[list[int]]:
    """Which recordings (indices) are scored as one string of sound.

    Up to ten of one speaker and take where every name is label_speaker_take; otherwise as `metrics.pool` puts them.
    """
    parts = [Path(name).stem.split("_") for name in names]
    speakers = [group_of(name) for name in names]
    if not all(len(part) == 3 and speaker == part[1] for part, speaker in zip(parts, speakers, strict=True)):
        return [string.recordings for string in metrics.pool(speakers, np.asarray(durations_s))[0]]
    takes: dict[tuple, list[int]] = {}
    for i, part in enumerate(parts):
        takes.setdefault((str(Path(names[i]).parent), *part[1:]), []).append(i)
    return [take[start : start + _MOST] for take in takes.values() for start in range(0, len(take), _MOST)]


def values_of(
    references: list[np.ndarray],
    estimates: list[np.ndarray],
    *,
    names: list[str],
    sr: int,
    strings: list[list[int]],
    recogniser: WordRecogniser | None = None,
    workers: int = 1,
) -> Values:
    """Every metric of estimates that are as long as their references: of each string, and of each recording's word.

    `digits` is there with a recogniser, for the recordings whose label it knows; `pesq_nb` where PESQ is installed.
    """
    joined = [
        [metrics.join([waveforms[i] for i in string], sr) for string in strings]
        for waveforms in (references, estimates)
    ]
    return values_of_segments(*joined, sr=sr, workers=workers) | digits_of(
        estimates, names=names, sr=sr, recogniser=recogniser
    )


def values_of_segments(
    references: list[np.ndarray],
    estimates: list[np.ndarray],
    *,
    sr: int,
    pesq: Sequence[str] = ("nb",),
    workers: int = 1,
) -> Values:
    """Every metric but `digits` of strings of sound, brought to their references' level; PESQ in these modes."""
    judge = partial(metrics.intelligibility, sr=sr, modes=pesq)
    with ThreadPoolExecutor(workers) as executor:
        scores = list(executor.map(judge, references, estimates))
    return {metric: np.array([score[metric] for score in scores]) for metric in scores[0]} if scores else {}


def digits_of(waveforms: list[np.ndarray], *, names: list[str], sr: int, recogniser: WordRecogniser | None) -> Values:
    """`digits` of the recordings whose label the recogniser knows: heard right or not; nothing where there is none."""
    known = [i for i, name in enumerate(names) if recogniser and label_of(name) in recogniser.labels]
    if not known:
        return {}
    heard = recogniser.recognise([waveforms[i] for i in known], sr=sr)
    return {"digits": np.array([label == label_of(names[i]) for i, label in zip(known, heard, strict=True)], float)}


def cells_of(scores: dict) -> list[str]:
    """The means of `summary` as cells of a table, one for each of METRICS."""
    digits = {metric: 2 if metric == "pesq_nb" else 3 for metric in METRICS}
    return ["-" if scores[m] is None else f"{scores[m]:.{digits[m]}f}" for m in METRICS]


def summary(parts: Sequence[Values], *, metrics: Sequence[str] = METRICS, seed: int = 0) -> tuple[dict, dict]:
    """({metric: mean}, {metric: [low, high]}), the latter 95 % intervals by bootstrap; None where nothing was scored.

    Each of the parts (speakers) weighs the same, and is drawn anew within itself. What could not be scored (NaN) is
    left out.
    """
    means, intervals = {}, {}
    for metric in metrics:
        samples = [part[metric][np.isfinite(part[metric])] for part in parts if metric in part]
        samples = [sample for sample in samples if len(sample)]
        rng = np.random.default_rng(seed)
        drawn = [rng.choice(sample, (RESAMPLES, len(sample))).mean(axis=1) for sample in samples]
        means[metric] = float(np.mean([sample.mean() for sample in samples])) if samples else None
        intervals[metric] = np.quantile(np.mean(drawn, axis=0), [0.025, 0.975]).tolist() if samples else None
    return means, intervals
