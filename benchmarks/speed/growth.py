"""What each stage costs against how much data there is, 1, 10 and 100 times as much: docs/speed.png.

Recordings are links to the project's own; of a training, one epoch counts, of an evaluation and an inversion, one
recording after another on one thread. What a process costs before its first recording is in the times of features.
"""

import argparse
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.running import ROOT, linked
from benchmarks.speed.timing import process
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.inversion import invert
from speech_autoencoder.cli.options import positive
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.cli.tensorflow import start_tensorflow
from speech_autoencoder.config import (
    CLASSIC,
    LATENT_RATE,
    InversionConfig,
    LossConfig,
    TrainingConfig,
    model_config,
)
from speech_autoencoder.data import dataset
from speech_autoencoder.system.files import atomic_write, write_json
from speech_autoencoder.system.processors import training_threads

STAGES = ("features", "training epoch", "inversion", "evaluation")


def corpus(source: Path, count: int, folder: Path) -> Path:
    """A folder of so many links to the recordings below source, over and over."""
    names = find_recordings(source)
    originals = [names[i % len(names)] for i in range(count)]
    return linked(source, {f"{i:06d}{Path(name).suffix}": name for i, name in enumerate(originals)}, folder)


def measure(source: Path, count: int, folder: Path, most: int) -> dict[str, float | None]:
    """Seconds by stage for so many recordings; None where there are more than `most`, and the stage is slow."""
    array, seconds = folder / f"{count}.npy", dict.fromkeys(STAGES)
    recordings = corpus(source, count, folder / str(count))
    start = time.perf_counter()
    process(ROOT / "train_data_generator.py", "--audio-dir", recordings, "--output", array, "--quiet")
    seconds["features"] = time.perf_counter() - start
    data = dataset.load(array, "")
    if count <= most:
        seconds["training epoch"] = _epoch_s(data)
        start = time.perf_counter()
        sounds = [invert(data.frames(i), CLASSIC, InversionConfig(), int(n)) for i, n in enumerate(_samples(data))]
        seconds["inversion"] = time.perf_counter() - start
        seconds["evaluation"] = _scoring_s(sounds)
    return seconds


def _samples(data):
    """The length of each recording at the features' rate."""
    return (data.n_frames - 1) * data.features.hop_length


def _epoch_s(data):
    """The seconds of one epoch of training, after the steps that compile."""
    from speech_autoencoder.model.keras_network import build
    from speech_autoencoder.training.batches import Batches
    from speech_autoencoder.training.train_step import TrainStep
    from speech_autoencoder.training.training_loss import TrainingLoss

    config, training = model_config(data.features, LATENT_RATE), TrainingConfig()
    loss = TrainingLoss(data.features, LossConfig())
    train_step = TrainStep(build(config), training, loss=loss, range_db=data.features.range_db)
    batches = Batches(
        data,
        np.arange(len(data.names)),
        batch_size=training.batch_size,
        frames_per_latent=config.frames_per_latent,
        distance=loss,
    )
    train_step.take_steps([next(batches.epoch())] * 2, [1e-3] * 2)
    start = time.perf_counter()
    train_step.take_steps(batches.epoch(np.random.default_rng(0)), [1e-3] * batches.n_steps)
    return time.perf_counter() - start


def _scoring_s(sounds):
    """The seconds that the scores of these sounds take, each against itself with a little noise."""
    from speech_autoencoder.evaluation import metrics

    rng, start = np.random.default_rng(0), time.perf_counter()
    for sound in sounds:
        noisy = sound + np.float32(1e-3) * rng.standard_normal(len(sound), np.float32)
        metrics.stoi(sound, noisy, CLASSIC.sr)
        metrics.stoi(sound, noisy, CLASSIC.sr, extended=True)
    return time.perf_counter() - start


def slopes(counts: list[int], seconds: list[float | None]) -> list[float]:
    """How the cost grows from each count to the next: 1 is a straight line, 2 a square."""
    known = [(n, s) for n, s in zip(counts, seconds, strict=True) if s]
    return [float(np.log(s2 / s1) / np.log(n2 / n1)) for (n1, s1), (n2, s2) in pairwise(known)]


def draw(path: Path, counts: list[int], seconds: dict[str, list]) -> None:
    """Nothing; path is the figure of cost against size, both logarithmic."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for stage, values in seconds.items():
        axis.loglog(counts, [np.nan if value is None else value for value in values], "o-", label=stage)
    axis.set(xlabel="recordings", ylabel="seconds", title="What each stage costs against how much there is")
    axis.grid(which="both", alpha=0.3)
    axis.legend()
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--training-dir", type=Path, default=ROOT / "speechdata" / "training")
    parser.add_argument("--counts", type=positive(int), nargs="+", default=[100, 1_000, 10_000], help="recordings")
    parser.add_argument("--most", type=positive(int), default=10_000, help="recordings of all stages but features")
    parser.add_argument("--output-dir", type=Path, default=ROOT / "docs", help="where speed.png and growth.json go")
    args = parser.parse_args()
    start_tensorflow(lambda text: None, threads=training_threads())
    seconds = {stage: [] for stage in STAGES}
    print("| recordings | " + " | ".join(f"{stage}, s" for stage in STAGES) + " |\n|" + "---|" * (1 + len(STAGES)))
    with tempfile.TemporaryDirectory() as name, blas_threads(1):
        for count in args.counts:
            found = measure(args.training_dir, count, Path(name), args.most)
            for stage in STAGES:
                seconds[stage].append(found[stage])
            cells = ["-" if found[stage] is None else f"{found[stage]:.2f}" for stage in STAGES]
            print(f"| {count:,} | " + " | ".join(cells) + " |", flush=True)
    cells = [", ".join(f"{slope:.2f}" for slope in slopes(args.counts, seconds[stage])) for stage in STAGES]
    print("| exponent | " + " | ".join(cells) + " |")
    write_json(args.output_dir / "growth.json", {"counts": args.counts, "seconds": seconds})
    draw(args.output_dir / "speed.png", args.counts, seconds)


if __name__ == "__main__":
    run_main(main)
