"""How long it takes, from train_data.npy, to be as understandable as the old program was after its 50 epochs."""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.running import ROOT
from benchmarks.speed.timing import Row, compared, process

# What the old program reached end to end on spoken digits: STOI and PESQ-NB.
STOI, PESQ_NB = 0.576, 1.32


def rows(material, old_epochs: int) -> Iterator[Row]:
    """Seconds of whole processes: ours with a single epoch, which must be good enough, and the old program's."""
    from benchmarks.quality.old_program import EPOCHS

    folder, model = material.folder, material.folder / "one_epoch.h5"
    start = time.perf_counter()
    options = ("--epochs", 1, "--quiet", "--data", material.training, "--model", model)
    process(ROOT / "autoencoder_for_many_data.py", *options, cwd=folder)
    ours = time.perf_counter() - start
    stoi, pesq = heard(material.testing, model)
    # As good as the old program, or the time counts for nothing.
    reached = stoi >= STOI and (pesq is None or pesq >= PESQ_NB)
    old = float(process("-m", "benchmarks.speed.old_quality", material.training, old_epochs).stdout)
    shown = "PESQ is not installed" if pesq is None else f"PESQ-NB {pesq:.2f}"
    note = f"after one epoch: STOI {stoi:.3f}, {shown}" + ("" if reached else "; NOT the old program's quality")
    if old_epochs < EPOCHS:
        note += f"; of the old program, {old_epochs} epochs were timed"
    yield compared(
        "training to the old program's quality",
        f"its {EPOCHS} epochs",
        "s",
        ours if reached else float("inf"),
        old,
        20,
        note,
    )


def heard(array_path: Path, model_path: Path, most: int = 40) -> tuple[float, float | None]:
    """(STOI, PESQ-NB or None) of testing recordings through a model, whose latents are not searched for."""
    from benchmarks.quality.hearing import in_16_bits
    from benchmarks.quality.scoring import values_of_segments
    from speech_autoencoder.audio.inversion import invert
    from speech_autoencoder.audio.reading import read
    from speech_autoencoder.codec.latent_search import Encoder
    from speech_autoencoder.codec.reconstruction import reconstruct
    from speech_autoencoder.config import CLASSIC, InversionConfig, LatentSearchConfig
    from speech_autoencoder.data import dataset
    from speech_autoencoder.evaluation import metrics
    from speech_autoencoder.model import model_file

    data = dataset.load(array_path, "test_data_generator.py")
    encoder = Encoder(model_file.load(model_path), LatentSearchConfig(steps=0))
    some = np.unique(np.linspace(0, len(data.names) - 1, most).astype(int))
    references = [read(data.path(i), CLASSIC.sr) for i in some]
    frames = [reconstruct(encoder, data.frames(i)) for i in some]
    pairs = zip(frames, references, strict=True)
    estimates = [in_16_bits(invert(x, CLASSIC, InversionConfig(), len(reference))) for x, reference in pairs]
    groups = data.speakers()
    strings, _ = metrics.pool([groups[i] for i in some], np.array([len(x) for x in references]) / CLASSIC.sr)
    joined = [
        [metrics.join([part[i] for i in string.recordings], CLASSIC.sr) for string in strings]
        for part in (references, estimates)
    ]
    values = values_of_segments(*joined, sr=CLASSIC.sr)
    pesq = values.get("pesq_nb")
    return float(np.nanmean(values["stoi"])), None if pesq is None else float(np.nanmean(pesq))


def old_program_s(array_path: Path, timed: int) -> float:
    """The seconds of the old program's training on an array, its start included, by the time of so many epochs."""
    start = time.perf_counter()
    from benchmarks.quality import old_program

    clips = old_program.stretch(np.load(array_path))
    marks = [time.perf_counter() - start]
    for epochs in (1, timed):
        begin = time.perf_counter()
        old_program.train(clips, minutes=60, seed=0, epochs=epochs)
        marks.append(time.perf_counter() - begin)
    loading, first, some = marks
    an_epoch = max(0.0, some - first) / max(1, timed - 1)
    return loading + first + (old_program.EPOCHS - 1) * an_epoch


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The old program's training, to be timed as a process.")
    parser.add_argument("array", type=Path)
    parser.add_argument("epochs", type=int)
    args = parser.parse_args()
    print(old_program_s(args.array, args.epochs))
