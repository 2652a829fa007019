"""Measure how long training takes, from train_data.npy, until it is as intelligible as the old program after 50 epochs.

Run as a module, it times the old program's training, in a process of its own.
"""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.running import ROOT
from benchmarks.speed.timing import Row, compare, run_python
from speech_autoencoder.cli.options import to_path

if TYPE_CHECKING:
    from benchmarks.speed.material import Material

# What the old program reached end to end on spoken digits.
STOI = 0.576
PESQ_NB = 1.32


def row(material: "Material", timed_epochs: int) -> Row:
    """Return the seconds of whole processes: ours with one epoch, which must be good enough, and the old program's."""
    # After `start_backend`, which configures TensorFlow.
    from benchmarks.quality.old_program import EPOCHS

    folder, model = material.folder, material.folder / "one_epoch.h5"
    start = time.perf_counter()
    options = ("--epochs", 1, "--quiet", "--data", material.training, "--model", model)
    run_python(ROOT / "autoencoder_for_many_data.py", *options, cwd=folder)
    ours = time.perf_counter() - start
    scores = score_model(material.testing, model)
    stoi, pesq = scores["stoi"], scores.get("pesq_nb")
    reached = stoi >= STOI and (pesq is None or pesq >= PESQ_NB)
    old = float(run_python("-m", "benchmarks.speed.time_to_old_quality", material.training, timed_epochs).stdout)
    shown = "PESQ is not installed" if pesq is None else f"PESQ-NB {pesq:.2f}"
    note = f"after one epoch: STOI {stoi:.3f}, {shown}" + ("" if reached else "; NOT the old program's quality")
    if timed_epochs < EPOCHS:
        note += f"; of the old program, {timed_epochs} epochs were timed"
    return compare(
        "training to the old program's quality",
        f"its {EPOCHS} epochs",
        "s",
        ours=ours if reached else float("inf"),  # a worse model's time does not count
        theirs=old,
        least=20,
        note=note,
    )


def score_model(array_path: Path, model_path: Path, most: int = 40) -> dict[str, float]:
    """Return the mean scores of testing recordings through a model, without latent search."""
    # Here, as the old program's process, which imports this module too, is timed from its start.
    from benchmarks.quality.scoring import in_16_bits
    from benchmarks.speed.testing_sample import take_sample
    from speech_autoencoder.audio.inversion import invert
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.codec.reconstruction import reconstruct
    from speech_autoencoder.config import CLASSIC, InversionConfig, LatentSearchConfig
    from speech_autoencoder.data import dataset
    from speech_autoencoder.model import model_file

    sample = take_sample(dataset.load(array_path, "test_data_generator.py"), most)
    encoder = Encoder(model_file.load(model_path), LatentSearchConfig(steps=0))
    frames = [reconstruct(encoder, frames) for frames in sample.frames]
    pairs = zip(frames, sample.references, strict=True)
    return sample.score(
        [in_16_bits(invert(estimate, CLASSIC, InversionConfig(), len(reference))) for estimate, reference in pairs]
    )


def old_program_s(array_path: Path, timed_epochs: int) -> float:
    """Return the seconds of the old program's training on an array, with its start, from the time of some epochs."""
    start = time.perf_counter()
    from benchmarks.quality import old_program

    clips = old_program.stretch(np.load(array_path))
    marks = [time.perf_counter() - start]
    for epochs in (1, timed_epochs):
        begin = time.perf_counter()
        old_program.train(clips, minutes=60, seed=0, epochs=epochs)
        marks.append(time.perf_counter() - begin)
    loading, first, some = marks
    an_epoch = max(0.0, some - first) / max(1, timed_epochs - 1)
    return loading + first + (old_program.EPOCHS - 1) * an_epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("array", type=to_path, help="the array to train on")
    parser.add_argument("epochs", type=int, help="the epochs to time")
    args = parser.parse_args()
    print(old_program_s(args.array, args.epochs))


if __name__ == "__main__":
    main()
