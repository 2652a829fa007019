"""Measure what larger networks are worth: quality against size and epochs, and what a size costs.

    python -m benchmarks.quality.sizes --training-dir DIR --testing-dir DIR --settings classic:690 fine:690

makes the tables of docs/sizes.md. Epochs rather than minutes, so that other programs on the computer change no score.
"""

import argparse
import math
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.options import add_corpus_options, add_run_options, make_parser
from benchmarks.quality.intervals import summarise
from benchmarks.quality.reconstructions import score_waveforms
from benchmarks.quality.scoring import in_16_bits
from benchmarks.quality.settings import Setting, to_setting
from benchmarks.running import run_script
from benchmarks.speed.timing import best_seconds
from benchmarks.tables import heading, line
from speech_autoencoder.cli.backend import start_backend
from speech_autoencoder.cli.options import positive
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.codec.reconstruction import reconstruct
from speech_autoencoder.config import (
    SIZES,
    FeatureConfig,
    InversionConfig,
    LatentSearchConfig,
    ModelConfig,
    model_config,
)
from speech_autoencoder.data import dataset
from speech_autoencoder.data.dataset import Dataset
from speech_autoencoder.evaluation import systems
from speech_autoencoder.model import model_file
from speech_autoencoder.model.architecture import Path as Layers
from speech_autoencoder.model.architecture import Residual, parts, shapes
from speech_autoencoder.system.files import write_json
from speech_autoencoder.system.processors import training_threads
from speech_autoencoder.training.batches import Batch

COST_COLUMNS = ("setting", "size", "channels", "blocks", "weights", "MFLOP per s of sound", "ms a step", "times small")
QUALITY_COLUMNS = ("setting", "size", "epochs", "validation loss", "log-mel error, dB", "STOI", "ESTOI", "PESQ-NB")
_STEPS = 4  # of a turn
_TURNS = 4


def flops_per_second(config: ModelConfig, features: FeatureConfig) -> float:
    """Return the operations (two for a product and its sum) of encoder and decoder for a second of sound."""
    encoder, decoder = parts(config)
    latents_per_s = features.frame_rate / config.frames_per_latent
    return sum(_flops(path, features.frame_rate, config.n_mels) for path in encoder.paths) + sum(
        _flops(path, latents_per_s, config.latent_size) for path in decoder.paths
    )


def _flops(path: Layers, rate: float, n_channels: int) -> float:
    """Return the operations of a path for a second of its input of n_channels at a rate."""
    total = 0.0
    for step in path:
        for layer in step.layers if isinstance(step, Residual) else (step,):
            if layer.kind == "downsampling_convolution":
                rate /= layer.weights["kernel"][0]
            elif layer.kind == "reshape":
                rate *= n_channels / layer.options["n_channels"]
                n_channels = layer.options["n_channels"]
            if "kernel" in layer.weights:
                total += 2 * rate * math.prod(layer.weights["kernel"])
                n_channels = layer.weights["kernel"][-1]
    return total


def cost_rows(data: Dataset, setting: Setting) -> list[dict]:
    """Return what each size costs; the steps of all sizes are measured in turns."""
    from benchmarks.speed.default_training import make_train_step
    from benchmarks.speed.training import make_batches

    configs = {size: model_config(data.features, setting.most_per_second, size) for size in SIZES}
    batches = make_batches(data, configs[SIZES[0]]).epoch(np.random.default_rng(0))
    some = [batch for _, batch in zip(range(_STEPS), batches, strict=False)]
    steps = [make_train_step(data, config).step for config in configs.values()]
    seconds = best_seconds([partial(_take, step, some) for step in steps], _TURNS)
    return [
        {
            "setting": str(setting),
            "size": size,
            "width": config.width,
            "depth": config.depth,
            "n_weights": sum(map(math.prod, shapes(config).values())),
            "flops_per_second": flops_per_second(config, data.features),
            "step_ms": 1_000 * spent / len(some),
            "times_small": spent / seconds[0],
        }
        for (size, config), spent in zip(configs.items(), seconds, strict=True)
    ]


def _take(step: Callable, batches: list[Batch]) -> None:
    """Take a step on each batch, and wait for it."""
    for batch in batches:
        float(step(*batch)[0])


def cost_line(row: dict) -> str:
    """Return what a size costs as a line of the table."""
    return line(
        [
            *(row["setting"], row["size"], str(row["width"]), str(row["depth"]), f"{row['n_weights']:,}"),
            *(f"{row['flops_per_second'] / 1e6:,.0f}", f"{row['step_ms']:.0f}", f"{row['times_small']:.1f}"),
        ]
    )


def score(path: Path, testing: Dataset, *, workers: int) -> dict:
    """Return the scores of a model's file on testing recordings, with the latent search."""
    model = model_file.load(path)
    encoder, inversion = Encoder(model, LatentSearchConfig()), InversionConfig()
    with blas_threads(1):
        waveforms = [
            in_16_bits(systems.waveform_of(testing, i, reconstruct(encoder, testing.frames(i)), inversion))
            for i in range(len(testing.names))
        ]
        values = score_waveforms(testing, {"model": waveforms}, recognitions={}, workers=workers)
    scores, intervals = summarise([values["model"]])
    return {"scores": scores, "intervals_95": intervals}


def quality_rows(args: argparse.Namespace, setting: Setting, folder: Path) -> Iterator[dict]:
    """Yield the scores of each size after each count of epochs, trained anew for each of them by the trainer."""
    testing = dataset.load(folder / "test_data.npy", "test_data_generator.py")
    for epochs in args.epochs:
        for size in args.sizes:
            options = (
                "--latent-rate",
                setting.most_per_second,
                "--size",
                size,
                "--epochs",
                epochs,
                "--seed",
                args.seed,
            )
            run_script("autoencoder_for_many_data", folder, *options)
            path = folder / "my_model_for_many_data.h5"
            validation = model_file.load(path).description["validation"]
            yield {
                "setting": str(setting),
                "size": size,
                "epochs": epochs,
                "loss": validation["loss"],
                "error_db": validation["error_db"],
                "file_bytes": path.stat().st_size,
                **score(path, testing, workers=args.workers),
            }


def quality_line(row: dict) -> str:
    """Return a row of the second table as its line."""
    scores = row["scores"]
    pesq = "-" if scores["pesq_nb"] is None else f"{scores['pesq_nb']:.2f}"
    return line(
        [
            *(row["setting"], row["size"], str(row["epochs"]), f"{row['loss']:.4f}", f"{row['error_db']:.2f}"),
            *(f"{scores['stoi']:.4f}", f"{scores['estoi']:.4f}", pesq),
        ]
    )


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = make_parser(__doc__)
    add_corpus_options(parser)
    parser.add_argument(
        "--settings",
        type=to_setting,
        nargs="+",
        default=[to_setting("classic:690"), to_setting("fine:690")],
        metavar="PRESET:RATE",
        help="feature presets and their highest latent rates in values/s",
    )
    parser.add_argument("--sizes", choices=SIZES, nargs="+", default=list(SIZES), help="sizes to train")
    parser.add_argument("--epochs", type=positive(int), nargs="+", default=[8, 16, 32], help="epochs of each training")
    add_run_options(parser, each="row")
    return parser.parse_args(arguments)


def main() -> None:
    args = parse()
    start_backend(lambda text: None, threads=training_threads())
    costs, qualities = [], []
    for setting in args.settings:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            preset = ("--preset", setting.preset)
            run_script("train_data_generator", folder, "--audio-dir", args.training_dir.resolve(), *preset)
            run_script("test_data_generator", folder, "--audio-dir", args.testing_dir.resolve())
            found = cost_rows(dataset.load(folder / "train_data.npy", "train_data_generator.py"), setting)
            costs += found
            print(heading(COST_COLUMNS), *map(cost_line, found), sep="\n", flush=True)
            print("", heading(QUALITY_COLUMNS), sep="\n", flush=True)
            for row in quality_rows(args, setting, folder):
                qualities.append(row)
                print(quality_line(row), flush=True)
                if args.output:
                    write_json(args.output, {"seed": args.seed, "costs": costs, "rows": qualities})
            print(flush=True)


if __name__ == "__main__":
    run_main(main)
