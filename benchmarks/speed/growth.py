"""Measure how the cost of each stage grows with the number of recordings.

    python -m benchmarks.speed.growth

makes the table and the figure of docs/speed.md, "Growth": docs/growth.json and docs/speed.png. Recordings are links to
the project's own. For training, one epoch counts; for evaluation and inversion, one recording after another on one
thread. The start of a process counts only for features.
"""

import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.options import TRAINING_DIR, make_parser
from benchmarks.running import ROOT, link_recordings
from benchmarks.speed.timing import run_python
from benchmarks.speed.training import make_batches
from benchmarks.tables import heading, line
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.inversion import invert
from speech_autoencoder.cli.backend import start_backend
from speech_autoencoder.cli.options import positive, to_path
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.config import CLASSIC, LATENT_RATE, InversionConfig, model_config
from speech_autoencoder.data import dataset
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.evaluation.metrics.intelligibility import stoi
from speech_autoencoder.system.figures import new_figure, save_figure
from speech_autoencoder.system.files import write_json
from speech_autoencoder.system.processors import training_threads

STAGES = ("features", "training epoch", "inversion", "evaluation")
_NOISE = np.float32(1e-3)  # that makes the estimates of the evaluation


def make_corpus(source: Path, count: int, folder: Path) -> Path:
    """Return a folder of `count` links to the recordings below source, which may come several times."""
    names = find_recordings(source)
    originals = [names[i % len(names)] for i in range(count)]
    links = {f"{i:06d}{Path(name).suffix}": name for i, name in enumerate(originals)}
    return link_recordings(source, links, folder)


def measure(source: Path, count: int, folder: Path, most: int) -> dict[str, float | None]:
    """Return the seconds by stage for `count` recordings; only those of features if there are more than `most`."""
    array = folder / f"{count}.npy"
    seconds: dict[str, float | None] = dict.fromkeys(STAGES)
    recordings = make_corpus(source, count, folder / str(count))
    start = time.perf_counter()
    run_python(ROOT / "train_data_generator.py", "--audio-dir", recordings, "--output", array, "--quiet")
    seconds["features"] = time.perf_counter() - start
    if count <= most:
        data = dataset.load(array, "")
        seconds["training epoch"] = _epoch_s(data)
        n_samples = (data.n_frames - 1) * data.features.hop_length
        start = time.perf_counter()
        sounds = [invert(data.frames(i), CLASSIC, InversionConfig(), int(n)) for i, n in enumerate(n_samples)]
        seconds["inversion"] = time.perf_counter() - start
        seconds["evaluation"] = _scoring_s(sounds)
    return seconds


def _epoch_s(data: Dataset) -> float:
    """Return the seconds of one epoch of training, after the steps that compile."""
    # After `start_backend`, which configures it.
    from benchmarks.speed.default_training import make_train_step

    config = model_config(data.features, LATENT_RATE)
    train_step, batches = make_train_step(data, config), make_batches(data, config)
    train_step.take_steps([next(batches.epoch())] * 2, [1e-3] * 2)
    start = time.perf_counter()
    train_step.take_steps(batches.epoch(np.random.default_rng(0)), [1e-3] * batches.n_steps)
    return time.perf_counter() - start


def _scoring_s(sounds: list[np.ndarray]) -> float:
    """Return the seconds that STOI and ESTOI of these sounds take, each against itself with a little noise."""
    rng, start = np.random.default_rng(0), time.perf_counter()
    for sound in sounds:
        noisy = sound + _NOISE * rng.standard_normal(len(sound), np.float32)
        stoi(sound, noisy, CLASSIC.sr)
        stoi(sound, noisy, CLASSIC.sr, extended=True)
    return time.perf_counter() - start


def slopes(counts: list[int], seconds: list[float | None]) -> list[float]:
    """Return the exponent of the growth from each count to the next: 1 is linear, 2 quadratic."""
    known = [(n, s) for n, s in zip(counts, seconds, strict=True) if s]
    return [float(np.log(s2 / s1) / np.log(n2 / n1)) for (n1, s1), (n2, s2) in pairwise(known)]


def draw(path: Path, counts: list[int], seconds: dict[str, list[float | None]]) -> None:
    """Draw cost against size, both on logarithmic axes."""
    figure, axis = new_figure(1, 1, (7, 4.5))
    for stage, values in seconds.items():
        axis.loglog(counts, [np.nan if value is None else value for value in values], "o-", label=stage)
    axis.set(xlabel="recordings", ylabel="seconds", title="Cost of each stage against the number of recordings")
    axis.grid(which="both", alpha=0.3)
    axis.legend()
    save_figure(figure, path, dpi=110)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--training-dir", type=to_path, default=TRAINING_DIR, help="recordings to link to")
    parser.add_argument("--counts", type=positive(int), nargs="+", default=[100, 1_000, 10_000], help="of recordings")
    parser.add_argument("--most", type=positive(int), default=10_000, help="recordings of all stages but features")
    parser.add_argument("--output-dir", type=to_path, default=ROOT / "docs", help="where speed.png and growth.json go")
    args = parser.parse_args()
    start_backend(lambda text: None, threads=training_threads())
    seconds: dict[str, Any] = {stage: [] for stage in STAGES}
    print(heading(["recordings", *(f"{stage}, s" for stage in STAGES)]), flush=True)
    with tempfile.TemporaryDirectory() as name, blas_threads(1):
        for count in args.counts:
            found = measure(args.training_dir, count, Path(name), args.most)
            for stage in STAGES:
                seconds[stage].append(found[stage])
            cells = ["-" if found[stage] is None else f"{found[stage]:.2f}" for stage in STAGES]
            print(line([f"{count:,}", *cells]), flush=True)
    cells = [", ".join(f"{slope:.2f}" for slope in slopes(args.counts, seconds[stage])) for stage in STAGES]
    print(line(["exponent", *cells]))
    write_json(args.output_dir / "growth.json", {"counts": args.counts, "seconds": seconds})
    draw(args.output_dir / "speed.png", args.counts, seconds)


if __name__ == "__main__":
    run_main(main)
