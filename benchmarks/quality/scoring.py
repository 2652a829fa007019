"""The metrics of recordings and their reconstructions: values of each word or segment, and their cells in tables."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.quality.recogniser import Recognitions
from benchmarks.quality.segments import join_segments
from speech_autoencoder.evaluation.metrics import registry
from speech_autoencoder.evaluation.metrics.metric import Sound
from speech_autoencoder.evaluation.recognition.recogniser import recognised

RECOGNISED = ("digits", "speakers")  # the metrics of single recordings
METRICS = (*RECOGNISED, "stoi", "estoi", "pesq_nb")  # those of every table
HEADINGS = {key: metric.heading for key, metric in registry.METRICS.items()} | {key: key for key in RECOGNISED}
_RECORDS = {"digits": "words"}  # "digits" is what the tables call the words of FSDD
TITLES = HEADINGS | {key: registry.METRICS[_RECORDS.get(key, key)].heading for key in RECOGNISED}  # in figures
# {metric: a value of each recording (1 if it is recognised, 0 if not) or of each segment (the others)}
Values = dict[str, np.ndarray]


def values_of(
    references: list[np.ndarray],
    estimates: list[np.ndarray],
    *,
    names: Sequence[str],
    sr: int,
    segments: list[list[int]],
    recognitions: Recognitions | None = None,
    also: Sequence[str] = (),
    workers: int = 1,
) -> Values:
    """Return every metric of estimates that are as long as their references, those of `also` too.

    What is recognised is of the recordings whose label a recogniser knows; `pesq_nb` needs PESQ to be installed.
    """
    joined = [join_segments(waveforms, segments, sr) for waveforms in (references, estimates)]
    found = recognised_of(estimates, names=names, sr=sr, recognitions=recognitions or {})
    return values_of_segments(*joined, sr=sr, also=also, workers=workers) | found


def values_of_segments(
    references: list[np.ndarray],
    estimates: list[np.ndarray],
    *,
    sr: int,
    also: Sequence[str] = (),
    workers: int = 1,
) -> Values:
    """Return STOI, ESTOI, narrowband PESQ and the metrics of `also` of segments, at their references' level."""
    keys = ("stoi", "estoi", "pesq_nb", *also)

    def score(reference: np.ndarray, estimate: np.ndarray) -> dict[str, float]:
        measured = registry.measure_sound(Sound(reference, sr), Sound(estimate, sr), keys)
        return {key: measurement.value for key, measurement in measured.items()}

    with ThreadPoolExecutor(workers) as executor:
        scores = list(executor.map(score, references, estimates))
    return {key: np.array([values[key] for values in scores]) for key in scores[0]} if scores else {}


def recognised_of(waveforms: list[np.ndarray], *, names: Sequence[str], sr: int, recognitions: Recognitions) -> Values:
    """Return the metrics of RECOGNISED, of the recordings whose label their recogniser knows."""
    found = {key: recognised(each, waveforms, names, sr=sr) for key, each in recognitions.items()}
    return {key: values for key, values in found.items() if len(values)}


def in_16_bits(waveform: np.ndarray) -> np.ndarray:
    """Return the waveform as a file of 16 bits holds it."""
    return (np.round(np.clip(waveform, -1, 1) * 32_767) / 32_767).astype(np.float32)


def cells_of(scores: Mapping[str, float | None], metrics: Sequence[str] = METRICS) -> list[str]:
    """Return the means of metrics as cells of a table."""
    return [format_score(metric, scores[metric]) for metric in metrics]


def format_score(metric: str, score: float | None) -> str:
    """Return a score as tables show it, "-" for None."""
    return registry.METRICS[_RECORDS.get(metric, metric)].format(score)
