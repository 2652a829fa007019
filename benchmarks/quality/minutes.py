"""How good a model is after how many minutes of training, against the program that this one replaces.

A setting of benchmarks.quality.table, trained anew for each of the times, as a table and as a figure. On other recordings:
python -m benchmarks.quality.minutes --training-dir DIR --testing-dir DIR --minutes 1 3 10 30 --figure out.png
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.options import add_corpus, add_run
from benchmarks.quality.ablation import row_of
from benchmarks.quality.mends import make_material, the_old_program
from benchmarks.quality.scoring import METRICS, cells_of, summary
from benchmarks.quality.table import setting, train_recogniser, try_setting
from speech_autoencoder.cli.options import positive
from speech_autoencoder.cli.process import blas_threads, run_main
from speech_autoencoder.cli.tensorflow import start_tensorflow
from speech_autoencoder.system.files import atomic_write, write_json

_HEADINGS = "system | minutes | digits | STOI | ESTOI | PESQ-NB"
_TITLES = dict(zip(METRICS, ("words heard right", "STOI", "ESTOI", "PESQ-NB"), strict=True))
# What does not change with the minutes. Colours that the colour-blind can tell apart (Okabe and Ito).
_LINES = {
    "copy_synthesis": ("no model in between", {"color": "#333333", "linestyle": ":"}),
    "pca": ("PCA, as many numbers", {"color": "#777777", "linestyle": "--"}),
    "old": ("the old program", {"color": "#d55e00", "linestyle": "-."}),
}
_MODEL_COLOR = "#0072b2"


def row(system: str, minutes: float | None, scores: dict, intervals: dict) -> dict:
    """A row as JSON's own types."""
    return {"system": system, "minutes": minutes, "scores": scores, "intervals_95": intervals}


def line_of(row: dict) -> str:
    """The row as a line of a markdown table."""
    name = _LINES[row["system"]][0] if row["system"] in _LINES else "the model"
    minutes = "-" if row["minutes"] is None else f"{row['minutes']:g}"
    return "| " + " | ".join([name, minutes, *cells_of(row["scores"])]) + " |"


def old_program_row(args: argparse.Namespace, recogniser) -> dict:
    """The row of the program that this one replaces, which trains for as long as it will, but for the longest time."""
    longest = argparse.Namespace(**vars(args) | {"minutes": max(args.minutes)})
    with tempfile.TemporaryDirectory() as name:
        material = make_material(longest, Path(name))
        system = the_old_program(material)
        with blas_threads(1):
            found = row_of(system, material.testing, recogniser, workers=args.workers)
    return row("old", found["training_s"] / 60, found["scores"], found["intervals_95"])


def rows_of(args: argparse.Namespace, recogniser):
    """The rows, each when it has been measured: the old program's, then those of each time."""
    yield old_program_row(args, recogniser)
    for number, minutes in enumerate(args.minutes):
        this_long = argparse.Namespace(**vars(args) | {"minutes": minutes})
        _, heard = try_setting(this_long, args.setting, "", recogniser)
        for system in ("model",) if number else ("pca", "copy_synthesis", "model"):
            scores, intervals = summary([heard.values[system]])
            yield row(system, minutes if system == "model" else None, scores, intervals)


def draw(path: Path, rows: list[dict], *, title: str) -> None:
    """Nothing; path shows each metric against minutes, with bands of 95 % intervals, and what does not change."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [metric for metric in METRICS if rows[0]["scores"][metric] is not None]
    figure = Figure(figsize=(3.4 * len(shown), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, metric in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        _draw_metric(axis, rows, metric)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.suptitle(title)
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=130, format="png")


def _draw_metric(axis, rows, metric):
    """Nothing; the axis shows one metric."""
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
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set(xlabel="minutes of training", title=_TITLES[metric])
    axis.grid(color="#dddddd", linewidth=0.7)
    axis.spines[["top", "right"]].set_visible(False)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add_corpus(parser)
    parser.add_argument("--setting", type=setting, default=setting("classic:690"), metavar="PRESET:NUMBERS")
    parser.add_argument("--minutes", type=positive(float), nargs="+", default=[1.0, 3.0, 10.0, 30.0])
    add_run(parser, each="row")
    parser.add_argument("--figure", type=Path, help="PNG to write, after each time")
    return parser.parse_args(arguments)


def main():
    args = parse()
    start_tensorflow(lambda text: None)
    recogniser, originals = train_recogniser(args)
    result = {"setting": list(args.setting), "seed": args.seed, "recogniser_originals": originals, "rows": []}
    print(f"| {_HEADINGS} |\n|{'---|' * len(_HEADINGS.split('|'))}", flush=True)
    for row in rows_of(args, recogniser):
        result["rows"].append(row)
        print(line_of(row), flush=True)
        if args.output:
            write_json(args.output, result)
        if args.figure and row["system"] == "model":
            draw(args.figure, result["rows"], title=f"{args.setting[0]}, {args.setting[1]:g} numbers a second")


if __name__ == "__main__":
    run_main(main)
