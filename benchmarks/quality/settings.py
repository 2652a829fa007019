"""Measure how intelligible and how clear reconstructions are, for presets and latent rates.

    python -m benchmarks.quality.settings --training-dir DIR --testing-dir DIR --leave-out all --output out.json

makes the tables of docs/quality.md, "Known voices, new recordings", "Unseen voices" (--leave-out) and "The recordings
that come with the project": of the model, the PCA baseline and copy-synthesis. For each setting, the project's own
scripts make the arrays and train a model in a temporary folder; the testing recordings are then reconstructed as
predict_for_one_data.py would.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.options import (
    add_corpus_options,
    add_leave_out_option,
    add_metrics_option,
    add_run_options,
    make_parser,
)
from benchmarks.quality.intervals import summarise
from benchmarks.quality.recogniser import Recognitions, print_originals, train_recognisers
from benchmarks.quality.reconstructions import SYSTEMS, Measured, measure
from benchmarks.quality.scoring import HEADINGS, METRICS, cells_of
from benchmarks.quality.unseen_speakers import leave_out, speakers_to_leave_out
from benchmarks.running import run_script
from benchmarks.tables import heading, line
from speech_autoencoder.cli.backend import start_backend
from speech_autoencoder.cli.options import positive
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.codec.latent_search import Encoder
from speech_autoencoder.config import PRESETS, LatentSearchConfig
from speech_autoencoder.data import dataset
from speech_autoencoder.model import model_file
from speech_autoencoder.system.files import write_json

DEFAULT_SETTINGS = ("classic:705", "classic:176", "fine:705", "fine:176")


def columns(metrics: Sequence[str]) -> list[str]:
    """Return the headings of the table with these metrics."""
    headings = [HEADINGS[metric] for metric in metrics]
    return ["setting", "system", "values/s", *headings, "training, s", "reconstruction, s/s"]


@dataclass(frozen=True)
class Setting:
    """A feature preset, and the highest latent rate in values per second."""

    preset: str
    most_per_second: float

    def __str__(self) -> str:
        return f"{self.preset}:{self.most_per_second:g}"


def to_setting(text: str) -> Setting:
    """Return the Setting that a text like classic:705 names; an argparse type."""
    preset, _, rate = text.partition(":")
    if preset not in PRESETS:
        raise argparse.ArgumentTypeError(f"{text} does not begin with one of {', '.join(PRESETS)}")
    try:
        return Setting(preset, positive(float)(rate))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} does not end in values per second, as classic:705 does") from None


def train_and_measure(
    args: argparse.Namespace, setting: Setting, speaker: str, recognitions: Recognitions
) -> tuple[dict, Measured]:
    """Train a model with the scripts, without this speaker, and measure it.

    Returns
    -------
    facts
        The rates of the setting in values per second, and the seconds of training.
    measured
        The scores.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        training, testing = leave_out(speaker, args.training_dir, args.testing_dir, folder)
        run_script("train_data_generator", folder, "--audio-dir", training, "--preset", setting.preset)
        run_script("test_data_generator", folder, "--audio-dir", testing)
        start = time.monotonic()
        options = ("--latent-per-second", setting.most_per_second, "--minutes", args.minutes, "--seed", args.seed)
        run_script("autoencoder_for_many_data", folder, *options)
        training_s = time.monotonic() - start
        model = model_file.load(folder / "my_model_for_many_data.h5")
        data = dataset.load(folder / "test_data.npy", "test_data_generator.py")
        encoder = Encoder(model, LatentSearchConfig())
        with blas_threads(1):
            measured = measure(data, encoder, recognitions=recognitions, also=args.also, workers=args.workers)
    facts = {
        "latent_per_second": model.latent_rate,
        "log_mel_per_second": model.config.n_mels * model.features.frame_rate,
        "training_s": training_s,
    }
    return facts, measured


def row_of(setting: Setting, facts: dict, measured: dict[str, Measured], *, metrics: Sequence[str] = METRICS) -> dict:
    """Return a setting's row as JSON's own types, of what was measured for each speaker left out ("": of all)."""
    parts = measured.values()
    n_recordings, n_segments = sum(part.n_recordings for part in parts), sum(part.n_segments for part in parts)
    seconds = sum(part.seconds for part in parts)
    scores, intervals = {}, {}
    names = [system for system in SYSTEMS if all(system in part.values for part in parts)]
    for system in names:
        scores[system], intervals[system] = summarise([part.values[system] for part in parts], metrics=metrics)
    row = {
        "setting": str(setting),
        **facts,
        "n_recordings": n_recordings,
        "n_segments": n_segments,
        "seconds": seconds,
        "scores": scores,
        "intervals_95": intervals,
        "latent_per_second_last_latents_in_full": sum(part.n_values for part in parts) / seconds,
        "reconstruction_s_per_s": sum(part.reconstruction_s for part in parts) / seconds,
    }
    if set(measured) != {""}:
        row["speakers"] = {
            speaker: {system: summarise([part.values[system]], metrics=metrics)[0] for system in names}
            for speaker, part in measured.items()
        }
    return row


def lines_of(row: dict) -> str:
    """Return the row as lines of the table, one for each system."""
    lines = []
    for system, scores in row["scores"].items():
        rate = row["log_mel_per_second" if system == "copy_synthesis" else "latent_per_second"]
        costs = ["-", "-"]
        if system == "model":
            costs = [f"{row['training_s']:.0f}", f"{row['reconstruction_s_per_s']:.2f}"]
        lines.append(line([row["setting"], SYSTEMS[system], f"{rate:,.0f}", *cells_of(scores, [*scores]), *costs]))
    return "\n".join(lines)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = make_parser(__doc__)
    add_corpus_options(parser)
    parser.add_argument(
        "--settings",
        type=to_setting,
        nargs="+",
        default=[to_setting(text) for text in DEFAULT_SETTINGS],
        metavar="PRESET:RATE",
        help="feature presets and their highest latent rates in values/s",
    )
    parser.add_argument("--minutes", type=positive(float), default=5.0, help="time budget of each training")
    add_leave_out_option(parser)
    add_metrics_option(parser)
    add_run_options(parser, each="setting and speaker")
    return parser.parse_args(arguments)


def main() -> None:
    args = parse()
    speakers = speakers_to_leave_out(args.leave_out, args.testing_dir)
    start_backend(lambda text: None)
    recognitions, originals = train_recognisers(args)
    result: dict[str, Any] = {
        "minutes": args.minutes,
        "seed": args.seed,
        "leave_out": [s for s in speakers if s],
        "rows": [],
    }
    result["originals"] = originals
    result["labels"] = {key: list(each.recogniser.labels) for key, each in recognitions.items()}
    print_originals(originals)
    metrics = [*METRICS, *args.also]
    print(heading(columns(metrics)), flush=True)
    for setting in args.settings:
        measured, training_s, rows = {}, [], list(result["rows"])
        for speaker in speakers:
            facts, measured[speaker] = train_and_measure(args, setting, speaker, recognitions)
            training_s.append(facts["training_s"])
            row = row_of(setting, facts | {"training_s": sum(training_s) / len(training_s)}, measured, metrics=metrics)
            result["rows"] = [*rows, row]
            if args.output:
                write_json(args.output, result)
        print(lines_of(row), flush=True)


if __name__ == "__main__":
    run_main(main)
