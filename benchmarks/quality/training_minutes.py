"""Measure how good a model is after different times of training, against the program that this one replaces.

    python -m benchmarks.quality.training_minutes --training-dir DIR --testing-dir DIR --figure out.png

makes the table and the figure of docs/quality.md, "Quality against minutes of training": one setting of
benchmarks.quality.settings, trained anew for each time.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.options import add_corpus_options, add_run_options, make_parser
from benchmarks.quality import ablation
from benchmarks.quality.intervals import summarise
from benchmarks.quality.recogniser import Recognitions, print_originals, train_recognisers
from benchmarks.quality.scoring import HEADINGS, METRICS, TITLES, cells_of
from benchmarks.quality.settings import to_setting, train_and_measure
from benchmarks.tables import heading, line
from speech_autoencoder.cli.backend import start_backend
from speech_autoencoder.cli.options import positive, to_path
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.system.figures import new_figure, save_figure
from speech_autoencoder.system.files import write_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("system", "minutes", *(HEADINGS[metric] for metric in METRICS))
# What does not change with the minutes, as horizontal lines. Colours that the colour-blind can tell apart (Okabe, Ito).
_LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "copy_synthesis": ("copy-synthesis", {"color": "#333333", "linestyle": ":"}),
    "pca": ("PCA baseline", {"color": "#777777", "linestyle": "--"}),
    "old": ("the old program", {"color": "#d55e00", "linestyle": "-."}),
}
_MODEL_COLOR = "#0072b2"


def make_row(system: str, minutes: float | None, scores: dict, intervals: dict) -> dict:
    """Return a row as JSON's own types."""
    return {"system": system, "minutes": minutes, "scores": scores, "intervals_95": intervals}


def line_of(row: dict) -> str:
    """Return the row as a line of the table."""
    name = _LINES[row["system"]][0] if row["system"] in _LINES else "the model"
    minutes = "-" if row["minutes"] is None else f"{row['minutes']:g}"
    return line([name, minutes, *cells_of(row["scores"])])


def old_program_row(args: argparse.Namespace, recognitions: Recognitions) -> dict:
    """Measure the program that this one replaces, trained for its 50 epochs, or at most for the longest time."""
    # After `start_backend`, which configures TensorFlow.
    from benchmarks.quality.ablation_steps import make_material, the_old_program

    longest = argparse.Namespace(**vars(args) | {"minutes": max(args.minutes)})
    with tempfile.TemporaryDirectory() as name:
        material = make_material(longest, Path(name))
        system = the_old_program(material)
        with blas_threads(1):
            found = ablation.row_of(system, material.testing, recognitions, workers=args.workers)
    return make_row("old", found["training_s"] / 60, found["scores"], found["intervals_95"])


def rows_of(args: argparse.Namespace, recognitions: Recognitions) -> Iterator[dict]:
    """Yield the rows when they are measured: the old program's, then those of each time."""
    yield old_program_row(args, recognitions)
    for number, minutes in enumerate(args.minutes):
        this_long = argparse.Namespace(**vars(args) | {"minutes": minutes})
        _, measured = train_and_measure(this_long, args.setting, "", recognitions)
        for system in ("model",) if number else ("pca", "copy_synthesis", "model"):
            scores, intervals = summarise([measured.values[system]])
            yield make_row(system, minutes if system == "model" else None, scores, intervals)


def draw(path: Path, rows: list[dict], *, title: str) -> None:
    """Draw each metric against minutes, with bands of 95 % intervals, and what does not change as lines."""
    shown = [metric for metric in METRICS if rows[0]["scores"][metric] is not None]
    figure, axes = new_figure(1, len(shown), (3.4 * len(shown), 3.6), squeeze=False)
    for axis, metric in zip(axes[0], shown, strict=True):
        _draw_metric(axis, rows, metric)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.suptitle(title)
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    save_figure(figure, path, dpi=130)


def _draw_metric(axis: "Axes", rows: list[dict], metric: str) -> None:
    """Draw one metric."""
    from matplotlib.ticker import NullLocator

    models = sorted((row for row in rows if row["system"] == "model"), key=lambda row: row["minutes"])
    minutes = [row["minutes"] for row in models]
    low, high = zip(*(row["intervals_95"][metric] for row in models), strict=True)
    axis.fill_between(minutes, low, high, color=_MODEL_COLOR, alpha=0.15, linewidth=0)
    axis.plot(minutes, [row["scores"][metric] for row in models], "o-", color=_MODEL_COLOR, label="the model")
    for row in rows:
        if row["system"] in _LINES:
            label, look = _LINES[row["system"]]
            axis.axhline(row["scores"][metric], label=label, **look)
    axis.set_xscale("log")
    axis.set_xticks(minutes)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_locator(NullLocator())  # a logarithmic axis would add ticks between ours
    axis.set(xlabel="minutes of training", title=TITLES[metric])
    axis.grid(color="#dddddd", linewidth=0.7)
    axis.spines[["top", "right"]].set_visible(False)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = make_parser(__doc__)
    add_corpus_options(parser)
    parser.add_argument(
        "--setting",
        type=to_setting,
        default=to_setting("classic:690"),
        metavar="PRESET:RATE",
        help="a feature preset and its highest latent rate in values/s",
    )
    parser.add_argument(
        "--minutes", type=positive(float), nargs="+", default=[1.0, 3.0, 10.0, 30.0], help="time budgets of training"
    )
    add_run_options(parser, each="row")
    parser.add_argument("--figure", type=to_path, help="PNG to write, after each time")
    return parser.parse_args(arguments)


def main() -> None:
    args = parse()
    start_backend(lambda text: None)
    recognitions, originals = train_recognisers(args)
    result = {"setting": str(args.setting), "seed": args.seed, "originals": originals, "rows": []}
    print_originals(originals)
    print(heading(COLUMNS), flush=True)
    for row in rows_of(args, recognitions):
        result["rows"].append(row)
        print(line_of(row), flush=True)
        if args.output:
            write_json(args.output, result)
        if args.figure and row["system"] == "model":
            title = f"{args.setting.preset}, {args.setting.most_per_second:g} values per second"
            draw(args.figure, result["rows"], title=title)


if __name__ == "__main__":
    run_main(main)
