"""Measure what each change is worth, from the program that this one replaces to this one.

    python -m benchmarks.quality.ablation --training-dir DIR --testing-dir DIR --minutes 2

makes the table of docs/quality.md, "What each change to the old program is worth": a row for each change, all with the
same latent of 768 values for 48 frames of `classic`, on the same recordings.
"""

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soxr

from benchmarks.options import add_corpus_options, add_run_options, make_parser
from benchmarks.quality.intervals import summarise
from benchmarks.quality.recogniser import Recognitions, print_originals, train_recognisers
from benchmarks.quality.reconstructions import score_waveforms
from benchmarks.quality.scoring import HEADINGS, METRICS, cells_of, in_16_bits
from benchmarks.tables import heading, line
from speech_autoencoder.cli.backend import start_backend
from speech_autoencoder.cli.options import positive
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.config import CLASSIC
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.system.files import write_json

if TYPE_CHECKING:
    from benchmarks.quality.ablation_steps import Sound, System

COLUMNS = ("system", "latent values/s", "weights", *(HEADINGS[metric] for metric in METRICS), "training, s")


def render(dataset: Dataset, sound: "Sound", *, workers: int) -> list[np.ndarray]:
    """Return the sound of every recording at its own rate and length, as a file of 16 bits holds it."""

    def finish(i: int) -> np.ndarray:
        sr, n_samples = int(dataset.sr[i]), int(dataset.n_samples[i])
        waveform = soxr.resample(np.asarray(sound(i), np.float32), CLASSIC.sr, sr)[:n_samples]
        return in_16_bits(np.pad(waveform, (0, n_samples - len(waveform))))

    with ThreadPoolExecutor(workers) as executor:
        return list(executor.map(finish, range(len(dataset.names))))


def row_of(system: "System", dataset: Dataset, recognitions: Recognitions, *, workers: int) -> dict:
    """Score a system; return its row as JSON's own types."""
    waveforms = render(dataset, system.sound, workers=workers)
    values = score_waveforms(dataset, {system.name: waveforms}, recognitions=recognitions, workers=workers)
    scores, intervals = summarise([values[system.name]])
    facts = {field.name: getattr(system, field.name) for field in fields(system) if field.name != "sound"}
    return {**facts, "scores": scores, "intervals_95": intervals}


def line_of(row: dict) -> str:
    """Return the row as a line of the table."""
    weights = f"{row['n_weights']:,}" if row["n_weights"] else "-"
    seconds = "-" if row["training_s"] is None else f"{row['training_s']:.0f}"
    return line([row["name"], f"{row['latent_per_second']:,.0f}", weights, *cells_of(row["scores"]), seconds])


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = make_parser(__doc__)
    add_corpus_options(parser)
    parser.add_argument("--minutes", type=positive(float), default=2.0, help="time budget of each training")
    add_run_options(parser, each="row")
    return parser.parse_args(arguments)


def main() -> None:
    args = parse()
    start_backend(lambda text: None)
    # After TensorFlow has been configured.
    from benchmarks.quality.ablation_steps import make_material, systems

    recognitions, originals = train_recognisers(args)
    result: dict[str, Any] = {"minutes": args.minutes, "seed": args.seed, "originals": originals, "rows": []}
    print_originals(originals)
    print(heading(COLUMNS), flush=True)
    with tempfile.TemporaryDirectory() as name, blas_threads(1):
        material = make_material(args, Path(name))
        for system in systems(material):
            result["rows"].append(row_of(system, material.testing, recognitions, workers=args.workers))
            if args.output:
                write_json(args.output, result)
            print(line_of(result["rows"][-1]), flush=True)


if __name__ == "__main__":
    run_main(main)
