"""Measure how fast every stage is, each against the obvious alternative in the same run.

    python -m benchmarks.speed.stages

makes the table of docs/speed.md, writes it there and to docs/speed.json, and reports what became slower since the last
docs/speed.json. Other recordings: --training-dir and --testing-dir.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.options import add_corpus_options, make_parser
from benchmarks.running import ROOT
from benchmarks.speed import features, inversion, long_recording, memory, start, time_to_old_quality, training
from benchmarks.speed.comparison_table import HEADING, TOLERANCE, line_of, merge, slower, table, write_table
from benchmarks.speed.material import Material
from benchmarks.speed.timing import Row
from speech_autoencoder.cli.backend import start_backend
from speech_autoencoder.cli.options import positive, to_path
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.data import dataset
from speech_autoencoder.system.files import write_json
from speech_autoencoder.system.processors import available_cpus

STAGES = ("start", "features", "memory", "inversion", "hour", "training", "quality", "prediction")


def rows(args: argparse.Namespace, material: Material) -> Iterator[Row]:
    """Yield the rows of the stages that were asked for."""
    if "start" in args.stages:
        yield start.help_row(args.times)
    if "features" in args.stages:
        yield from features.rows(material, args.times, sorted({1, 2, available_cpus()}))
    if "memory" in args.stages:
        yield from memory.rows((args.clips // 100, args.clips))
    if "inversion" in args.stages:
        yield from _on_one_core(inversion.rows, dataset.load(material.testing, ""), args.times)
    if "hour" in args.stages:
        yield long_recording_row(material.codec, args.sound_minutes, args.testing_dir)
    if "training" in args.stages:
        yield from training.rows(material.training, args.times)
    if "quality" in args.stages:
        start_backend(lambda text: None)
        yield time_to_old_quality.row(material, args.old_epochs)
    if "prediction" in args.stages:
        yield from start.prediction_rows(material, args.times)


def _on_one_core(function: Callable[..., Iterable[Row]], *arguments: object) -> list[Row]:
    """Return the rows that function yields, computed on one processor."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if before:
        os.sched_setaffinity(0, {min(before)})
    try:
        with threadpool_limits(1):
            return list(function(*arguments))
    finally:
        if before:
            os.sched_setaffinity(0, before)


def long_recording_row(model: Path, minutes: float, audio_dir: Path) -> Row:
    """Return the row of a long recording, encoded and decoded by the codec."""
    seconds = 60 * minutes
    cost = long_recording.measure(model, seconds, audio_dir)
    total_s = cost.encoding_s + cost.decoding_s
    note = f"encoding {seconds / cost.encoding_s:.0f} x, decoding {seconds / cost.decoding_s:.0f} x real time"
    stage = f"{minutes:g} minutes encoded, decoded, inverted, one core"
    return Row(stage, "real time / 25", "s", total_s, seconds / 25, seconds / 25 / total_s, 1, note)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = make_parser(__doc__)
    add_corpus_options(parser)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES), help="what is measured")
    parser.add_argument("--times", type=positive(int), default=3, help="turns, of which the best counts")
    parser.add_argument("--clips", type=positive(int), default=100_000, help="of the corpus of the stage memory")
    parser.add_argument("--sound-minutes", type=positive(float), default=60.0, help="of the long recording")
    parser.add_argument("--epochs", type=positive(int), default=1, help="of the models whose speed is measured")
    parser.add_argument("--old-epochs", type=positive(int), default=6, help="of the old program that are timed")
    parser.add_argument("--tolerance", type=positive(float), default=TOLERANCE, help="of ratios that became worse")
    parser.add_argument("--output-dir", type=to_path, default=ROOT / "docs", help="where speed.json and speed.md are")
    parser.add_argument("--no-write", action="store_true", help="only print")
    return parser.parse_args(arguments)


def main() -> None:
    args = parse()
    json_path, page_path = args.output_dir / "speed.json", args.output_dir / "speed.md"
    before = json.loads(json_path.read_text())["rows"] if json_path.exists() else []
    found = []
    print(HEADING, flush=True)
    with tempfile.TemporaryDirectory() as name:
        for row in rows(args, Material(args, Path(name))):
            found.append(row)
            print(line_of(row), flush=True)
    lines = slower(found, before, args.tolerance)
    print("\n".join(lines) if lines else "Nothing is slower than before.", flush=True)
    if not args.no_write:
        result = merge(found, before)
        write_json(json_path, {"rows": result})
        write_table(page_path, table([Row(**row) for row in result]))


if __name__ == "__main__":
    run_main(main)
