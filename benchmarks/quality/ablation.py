"""What each mend is worth: from the program that this one replaces to this one, a step a row, each measured.

All at the same 768 latent numbers for 48 frames of `classic`, on the same recordings. With others:
python -m benchmarks.quality.ablation --training-dir DIR --testing-dir DIR --output out.json
"""

import argparse
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
import soxr

from benchmarks.options import add_corpus, add_run
from benchmarks.quality.hearing import in_16_bits, judge
from benchmarks.quality.mends import System, make_material, systems
from benchmarks.quality.scoring import cells_of, summary
from benchmarks.quality.table import train_recogniser
from speech_autoencoder.cli.options import positive
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.cli.tensorflow import start_tensorflow
from speech_autoencoder.config import CLASSIC
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.system.files import write_json

_HEADINGS = "system | latent numbers/s | weights | digits | STOI | ESTOI | PESQ-NB | training, s"


def hear(dataset: Dataset, sound: Callable[[int], np.ndarray], *, workers: int) -> list[np.ndarray]:
    """The sound of every recording at its own rate and length, as a file of 16 bits holds it."""

    def finished(i):
        sr, n_samples = int(dataset.sr[i]), int(dataset.n_samples[i])
        waveform = soxr.resample(np.asarray(sound(i), np.float32), CLASSIC.sr, sr)[:n_samples]
        return in_16_bits(np.pad(waveform, (0, n_samples - len(waveform))))

    with ThreadPoolExecutor(workers) as executor:
        return list(executor.map(finished, range(len(dataset.names))))


def row_of(system: System, dataset: Dataset, recogniser, *, workers: int) -> dict:
    """A system's row as JSON's own types."""
    waveforms = hear(dataset, system.sound, workers=workers)
    values = judge(dataset, {system.name: waveforms}, recogniser=recogniser, workers=workers)
    scores, intervals = summary([values[system.name]])
    facts = {field.name: getattr(system, field.name) for field in fields(system) if field.name != "sound"}
    return {**facts, "scores": scores, "intervals_95": intervals}


def line_of(row: dict) -> str:
    """The row as a line of a markdown table."""
    weights = f"{row['n_weights']:,}" if row["n_weights"] else "-"
    seconds = "-" if row["training_s"] is None else f"{row['training_s']:.0f}"
    cells = [row["name"], f"{row['numbers_per_second']:,.0f}", weights, *cells_of(row["scores"]), seconds]
    return f"| {' | '.join(cells)} |"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add_corpus(parser)
    parser.add_argument("--minutes", type=positive(float), default=2.0, help="time budget of each training")
    add_run(parser, each="row")
    return parser.parse_args(arguments)


def main():
    args = parse()
    start_tensorflow(lambda text: None)
    recogniser, originals = train_recogniser(args)
    result = {"minutes": args.minutes, "seed": args.seed, "recogniser_originals": originals, "rows": []}
    if recogniser:
        print(f"Of the original testing recordings, the recogniser hears {originals:.3f} right.\n")
    print(f"| {_HEADINGS} |\n|{'---|' * len(_HEADINGS.split('|'))}", flush=True)
    with tempfile.TemporaryDirectory() as name, blas_threads(1):
        material = make_material(args, Path(name))
        for system in systems(material):
            result["rows"].append(row_of(system, material.testing, recogniser, workers=args.workers))
            if args.output:
                write_json(args.output, result)
            print(line_of(result["rows"][-1]), flush=True)


if __name__ == "__main__":
    run_main(main)
