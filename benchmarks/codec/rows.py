"""Rows of the table of codecs: what is heard of the files through one of them at one setting, and what they take."""

from dataclasses import dataclass

import numpy as np

from benchmarks.codec.sound_files import SoundFile, cut_back
from benchmarks.quality.scoring import METRICS, RESAMPLES, Values, digits_of, summary, values_of_segments
from speech_autoencoder.evaluation.other_codecs import System

# From this rate on, PESQ is taken of the whole band too.
WIDE_HZ = 16_000


@dataclass(frozen=True)
class Part:
    """What was measured of one speaker left out, or of all: Values, and the bits and seconds of each file."""

    values: Values
    n_bits: np.ndarray
    seconds: np.ndarray


def measure(system: System, setting: str, files: list[SoundFile], sr: int, *, recogniser, workers: int) -> Part:
    """What is heard of the files through the system at one setting, and what they take."""
    references = [file.waveform for file in files]
    coded = system.code(setting, references, sr)
    modes = ("nb", "wb") if sr >= WIDE_HZ else ("nb",)
    values = values_of_segments(references, coded.waveforms, sr=sr, pesq=modes, workers=workers)
    cut, names = cut_back(files, coded.waveforms)
    values |= digits_of(cut, names=names, sr=sr, recogniser=recogniser)
    return Part(values, 8 * np.array(coded.n_bytes), np.array([len(reference) / sr for reference in references]))


def row_of(system: str, setting: str, parts: list[Part], *, seed: int = 0) -> dict:
    """A row as JSON's own types; each of the parts weighs the same."""
    scores, intervals = summary([part.values for part in parts], metrics=(*METRICS, "pesq_wb"))
    rng = np.random.default_rng(seed)
    rates, drawn = [], []
    for part in parts:
        which = rng.integers(len(part.n_bits), size=(RESAMPLES, len(part.n_bits)))
        drawn.append(part.n_bits[which].sum(axis=1) / part.seconds[which].sum(axis=1))
        rates.append(part.n_bits.sum() / part.seconds.sum())
    return {
        "system": system,
        "setting": setting,
        "bits_per_second": float(np.mean(rates)),
        "bits_per_second_interval_95": np.quantile(np.mean(drawn, axis=0), [0.025, 0.975]).tolist(),
        "scores": scores,
        "intervals_95": intervals,
        "n_files": sum(len(part.n_bits) for part in parts),
        "seconds": float(sum(part.seconds.sum() for part in parts)),
    }


def headings(metrics: list[str]) -> str:
    """The two first lines of the table."""
    names = {"pesq_nb": "PESQ-NB", "pesq_wb": "PESQ-WB", "stoi": "STOI", "estoi": "ESTOI"}
    cells = ["system", "setting", "bit/s", *(names.get(metric, metric) for metric in metrics)]
    return f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}"


def line_of(row: dict, metrics: list[str]) -> str:
    """The row as a line of a markdown table: each mean, and half of its interval's width."""
    cells = [row["system"], row["setting"], f"{row['bits_per_second']:,.0f}"]
    for metric in metrics:
        mean, interval = row["scores"][metric], row["intervals_95"][metric]
        digits = 2 if metric.startswith("pesq") else 3
        cells.append("-" if mean is None else f"{mean:.{digits}f} ± {(interval[1] - interval[0]) / 2:.{digits}f}")
    return f"| {' | '.join(cells)} |"
