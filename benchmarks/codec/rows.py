"""Rows of the table of codecs: the scores of a codec's files at one setting, and its bitrate."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import tables
from benchmarks.codec.segment_files import SegmentFile, cut_recordings
from benchmarks.quality.intervals import interval_95, resample, summarise
from benchmarks.quality.recogniser import Recognitions
from benchmarks.quality.scoring import HEADINGS, METRICS, Values, format_score, recognised_of, values_of_segments
from speech_autoencoder.evaluation.codecs.codec import Codec
from speech_autoencoder.evaluation.metrics import registry

WIDEBAND_HZ = registry.METRICS["pesq_wb"].least_sr  # at this rate or more, wideband PESQ is measured too


@dataclass(frozen=True)
class Part:
    """What was measured of one speaker who was left out, or of all: Values, and the bits and seconds of each file."""

    values: Values
    n_bits: np.ndarray
    seconds: np.ndarray


def measure(
    codec: Codec,
    setting: str,
    files: list[SegmentFile],
    sr: int,
    *,
    recognitions: Recognitions,
    also: Sequence[str] = (),
    workers: int,
) -> Part:
    """Code the files at one setting, and score them, with the metrics of `also` too."""
    references = [file.waveform for file in files]
    coded = codec.code(setting, references, sr)
    values = values_of_segments(references, coded.waveforms, sr=sr, also=also, workers=workers)
    recordings, names = cut_recordings(files, coded.waveforms)
    values |= recognised_of(recordings, names=names, sr=sr, recognitions=recognitions)
    return Part(values, 8 * np.array(coded.n_bytes), np.array([len(reference) / sr for reference in references]))


def row_of(
    system: str, setting: str, parts: list[Part], *, metrics: Sequence[str] = (*METRICS, "pesq_wb"), seed: int = 0
) -> dict:
    """Return a row as JSON's own types; each of the parts has the same weight."""
    scores, intervals = summarise([part.values for part in parts], metrics=metrics)
    rng = np.random.default_rng(seed)
    rates, drawn = [], []
    for part in parts:
        which = resample(rng, len(part.n_bits))
        drawn.append(part.n_bits[which].sum(axis=1) / part.seconds[which].sum(axis=1))
        rates.append(part.n_bits.sum() / part.seconds.sum())
    return {
        "system": system,
        "setting": setting,
        "bits_per_second": float(np.mean(rates)),
        "bits_per_second_interval_95": interval_95(drawn),
        "scores": scores,
        "intervals_95": intervals,
        "n_files": sum(len(part.n_bits) for part in parts),
        "seconds": float(sum(part.seconds.sum() for part in parts)),
    }


def heading(metrics: Sequence[str]) -> str:
    """Return the first two lines of the table."""
    return tables.heading(["system", "setting", "bit/s", *(HEADINGS[metric] for metric in metrics)])


def line_of(row: dict, metrics: Sequence[str]) -> str:
    """Return the row as a line of the table: each mean ± half the width of its interval."""
    cells = [row["system"], row["setting"], f"{row['bits_per_second']:,.0f}"]
    for metric in metrics:
        mean, interval = row["scores"][metric], row["intervals_95"][metric]
        half_width = "" if mean is None else f" ± {format_score(metric, (interval[1] - interval[0]) / 2)}"
        cells.append(format_score(metric, mean) + half_width)
    return tables.line(cells)
