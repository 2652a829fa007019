"""The metrics of recordings and their reconstructions: values of each word or segment, and their cells in tables."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.quality.segments import join_segments
from speech_autoencoder.data.recording_names import conventional
from speech_autoencoder.evaluation.metrics import registry
from speech_autoencoder.evaluation.metrics.metric import Sound
from speech_autoencoder.evaluation.words import WordRecogniser

METRICS = ("digits", "stoi", "estoi", "pesq_nb")  # those of every table
HEADINGS = {"digits": "digits"} | {key: metric.heading for key, metric in registry.METRICS.items()}
TITLES = HEADINGS | {"digits": HEADINGS["words"]}  # in figures
_RECORDS = {"digits": "words"}  # "digits" is what the tables call the words of FSDD
# {metric: a value of each recording (digits: 1 if recognised, 0 if not) or of each segment (the others)}
Values = dict[str, np.ndarray]


def values_of(
    references: list[np.ndarray],
    estimates: list[np.ndarray],
    *,
    names: Sequence[str],
    sr: int,
    segments: list[list[int]],
    recogniser: WordRecogniser | None = None,
    workers: int = 1,
) -> Values:
    """Return every metric of estimates that are as long as their references.

    `digits` needs a recogniser, and is of the recordings whose label it knows; `pesq_nb` needs PESQ to be installed.
    """
    joined = [join_segments(waveforms, segments, sr) for waveforms in (references, estimates)]
    words = digits_of(estimates, names=names, sr=sr, recogniser=recogniser)
    return values_of_segments(*joined, sr=sr, workers=workers) | words


def values_of_segments(
    references: list[np.ndarray],
    estimates: list[np.ndarray],
    *,
    sr: int,
    wideband: bool = False,
    workers: int = 1,
) -> Values:
    """Return STOI, ESTOI and PESQ of segments, brought to their references' level; wide-band PESQ too if wanted."""
    keys = ("stoi", "estoi", "pesq_nb", *(["pesq_wb"] if wideband else []))

    def score(reference: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
        measured = registry.measure_sound(Sound(reference, sr), Sound(estimate, sr), keys)
        return {key: measurement.value for key, measurement in measured.items()}

    with ThreadPoolExecutor(workers) as executor:
        scores = list(executor.map(score, references, estimates))
    return {key: np.array([values[key] for values in scores]) for key in scores[0]} if scores else {}


def digits_of(
    waveforms: list[np.ndarray], *, names: Sequence[str], sr: int, recogniser: WordRecogniser | None
) -> Values:
    """Return `digits` of the recordings whose label the recogniser knows, nothing if there are none."""
    if not recogniser:
        return {}
    labels = [parts["label"] if (parts := conventional(name)) else "" for name in names]
    known = [i for i, label in enumerate(labels) if label in recogniser.labels]
    if not known:
        return {}
    recognised = recogniser.recognise([waveforms[i] for i in known], sr=sr)
    return {"digits": np.array([word == labels[i] for i, word in zip(known, recognised, strict=True)], float)}


def in_16_bits(waveform: np.ndarray) -> np.ndarray:
    """Return the waveform as a file of 16 bits holds it."""
    return (np.round(np.clip(waveform, -1, 1) * 32_767) / 32_767).astype(np.float32)


def cells_of(scores: Mapping[str, float | None]) -> list[str]:
    """Return the means of METRICS as cells of a table."""
    return [format_score(metric, scores[metric]) for metric in METRICS]


def format_score(metric: str, score: float | None) -> str:
    """Return a score as tables show it, "-" for None."""
    return registry.METRICS[_RECORDS.get(metric, metric)].format(score)
