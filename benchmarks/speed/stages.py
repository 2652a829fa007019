"""How fast every stage is, each against the obvious alternative in the same run: python -m benchmarks.speed.stages.

Writes docs/speed.json, and the table in docs/speed.md; says what became slower than in the JSON that was there.
Other recordings: --training-dir and --testing-dir.
"""

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np

from benchmarks.options import add_corpus
from benchmarks.running import ROOT
from benchmarks.speed import features as speed_features
from benchmarks.speed import hour
from benchmarks.speed import inversion as speed_inversion
from benchmarks.speed import memory as speed_memory
from benchmarks.speed import old_quality as speed_quality
from benchmarks.speed import start as speed_start
from benchmarks.speed import training as speed_training
from benchmarks.speed.timing import Row, process
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import read
from speech_autoencoder.cli.options import positive
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.cli.tensorflow import start_tensorflow
from speech_autoencoder.data import dataset
from speech_autoencoder.system.files import atomic_write, write_json
from speech_autoencoder.system.processors import available_cpus

STAGES = ("start", "features", "memory", "inversion", "hour", "training", "quality", "prediction")
# A ratio that is worse than before by more than this share is said.
TOLERANCE = 0.15
_MARKS = ("<!-- table: python -m benchmarks.speed.stages -->", "<!-- end of the table -->")
_HEADINGS = "| stage | ours | against | that | times better | wanted | |\n|---|---|---|---|---|---|---|"


class Material:
    """Arrays and models in a temporary folder, made by the scripts when they are first asked for."""

    def __init__(self, args: argparse.Namespace, folder: Path):
        self.args, self.folder = args, folder

    def array(self, side: str, preset: str = "classic") -> Path:
        """The array of the recordings of one side."""
        path = self.folder / f"{side}_{preset}.npy"
        if not path.exists():
            audio_dir = {"training": self.args.training_dir, "testing": self.args.testing_dir}[side].resolve()
            options = ("--audio-dir", audio_dir, "--output", path, "--preset", preset, "--quiet")
            process(ROOT / "train_data_generator.py", *options)
        return path

    @property
    def training(self) -> Path:
        """The `classic` array to train on."""
        return self.array("training")

    @property
    def testing(self) -> Path:
        """The `classic` array to test with."""
        return self.array("testing")

    @cached_property
    def model(self) -> Path:
        """A model of one epoch: it is as fast as any."""
        return self._train("model.h5", "--data", self.training)

    @cached_property
    def codec(self) -> Path:
        """A codec of some epochs, so that its latents take about the bits that they should."""
        return self._train("codec.h5", "--data", self.array("training", "fine"), "--codec")

    def _train(self, name, *options):
        process(
            ROOT / "autoencoder_for_many_data.py",
            *("--quiet", "--epochs", self.args.epochs, "--model", self.folder / name, *options),
            cwd=self.folder,
        )
        return self.folder / name

    def a_second(self) -> bytes:
        """A second of 16-bit samples at 22,050 Hz, of testing recordings."""
        names = find_recordings(self.args.testing_dir)
        sound = np.concatenate([read(self.args.testing_dir / name, 22_050) for name in names[:8]])
        return (32_767 * np.clip(np.resize(sound, 22_050), -1, 1)).astype("<i2").tobytes()


def rows(args: argparse.Namespace, material: Material) -> Iterator[Row]:
    """The rows of the stages that were asked for."""
    times = args.times
    if "start" in args.stages:
        yield from speed_start.helps(times)
    if "features" in args.stages:
        counts = tuple(sorted({1, 2, available_cpus()}))
        yield from speed_features.rows(material, times, counts)
    if "memory" in args.stages:
        yield from speed_memory.rows((args.clips // 100, args.clips))
    if "inversion" in args.stages:
        yield from _on_one_core(speed_inversion.rows, dataset.load(material.testing, ""), times)
    if "hour" in args.stages:
        yield _hour(args, material.codec)
    if "training" in args.stages:
        yield from speed_training.rows(material.training, times)
    if "quality" in args.stages:
        start_tensorflow(lambda text: None)
        yield from speed_quality.rows(material, args.old_epochs)
    if "prediction" in args.stages:
        yield from speed_start.prediction(material, times)


def _on_one_core(function, *arguments):
    """The list of what function yields, computed on one processor."""
    from threadpoolctl import threadpool_limits

    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if before:
        os.sched_setaffinity(0, {min(before)})
    try:
        with threadpool_limits(1):
            return list(function(*arguments))
    finally:
        if before:
            os.sched_setaffinity(0, before)


def _hour(args, model):
    """The row of a long recording, encoded, decoded and made sound again."""
    seconds = 60 * args.sound_minutes
    with tempfile.TemporaryDirectory() as name:
        sound, code, output = (Path(name) / file for file in ("sound.wav", "sound.sae", "output.wav"))
        hour.write_sound(sound, seconds, args.testing_dir)
        start = time.perf_counter()
        process("-m", "speech_autoencoder", "encode", sound, code, "--model", model, "--quiet", one_core=True)
        encoded = time.perf_counter()
        process("-m", "speech_autoencoder", "decode", code, output, "--model", model, "--quiet", one_core=True)
        end = time.perf_counter()
    note = f"encoding {seconds / (encoded - start):.0f} x, decoding {seconds / (end - encoded):.0f} x real time"
    stage = f"{args.sound_minutes:g} minutes encoded, decoded, inverted, one core"
    return Row(stage, "real time / 25", "s", end - start, seconds / 25, seconds / 25 / (end - start), 1, note)


def table(found: list[Row]) -> str:
    """The rows as a table in markdown; what is not reached is bold."""
    lines = [_HEADINGS]
    for row in found:
        ratio = f"{row.ratio:.2f}" if row.least is None or row.ratio >= row.least else f"**{row.ratio:.2f}**"
        least = "-" if row.least is None else f"{row.least:g}"
        costs = [
            f"{cost:.3g} {row.unit}" if cost < 100 else f"{cost:,.0f} {row.unit}" for cost in (row.ours, row.theirs)
        ]
        lines.append(f"| {row.stage} | {costs[0]} | {row.against} | {costs[1]} | {ratio} | {least} | {row.note} |")
    return "\n".join(lines)


def slower(found: list[Row], before: list[dict], tolerance: float = TOLERANCE) -> list[str]:
    """Lines about the rows whose ratio is worse than it was before by more than tolerance, or that are gone."""
    was = {(row["stage"], row["against"]): row["ratio"] for row in before}
    return [
        f"Slower: {row.stage}, against {row.against}: {row.ratio:.2f}, was {was[row.stage, row.against]:.2f}."
        for row in found
        if row.ratio < (1 - tolerance) * was.get((row.stage, row.against), 0)
    ]


def merged(found: list[Row], before: list[dict]) -> list[dict]:
    """The rows as JSON's own types, where they were; those of stages that were not measured now stay."""
    now = {(row.stage, row.against): asdict(row) for row in found}
    kept = [now.pop((row["stage"], row["against"]), row) for row in before]
    return kept + list(now.values())


def write_table(path: Path, text: str) -> None:
    """Nothing; between its marks, the page at path holds this table."""
    start, end = map(re.escape, _MARKS)
    page, count = re.subn(
        f"({start}\n).*({end})", lambda found: f"{found[1]}\n{text}\n\n{found[2]}", path.read_text(), flags=re.DOTALL
    )
    if not count:
        sys.exit(f"{path} has no place for the table: {_MARKS[0]} and {_MARKS[1]}.")
    with atomic_write(path) as temporary:
        temporary.write_text(page)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add_corpus(parser)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--times", type=positive(int), default=3, help="turns, of which the best counts")
    parser.add_argument(
        "--clips", type=positive(int), default=100_000, help="of the corpus whose memory is measured"
    )
    parser.add_argument("--sound-minutes", type=positive(float), default=60.0, help="of the long recording")
    parser.add_argument("--epochs", type=positive(int), default=1, help="of the models whose speed is measured")
    parser.add_argument("--old-epochs", type=positive(int), default=6, help="of the old program that are timed")
    parser.add_argument("--tolerance", type=positive(float), default=TOLERANCE, help="of ratios, against before")
    parser.add_argument("--output-dir", type=Path, default=ROOT / "docs", help="where speed.json and speed.md are")
    parser.add_argument("--no-write", action="store_true", help="only print")
    return parser.parse_args(arguments)


def main():
    args = parse()
    json_path, page_path = args.output_dir / "speed.json", args.output_dir / "speed.md"
    before = json.loads(json_path.read_text())["rows"] if json_path.exists() else []
    found = []
    print(_HEADINGS, flush=True)
    with tempfile.TemporaryDirectory() as name:
        for row in rows(args, Material(args, Path(name))):
            found.append(row)
            print(table([row]).removeprefix(_HEADINGS + "\n"), flush=True)
    lines = slower(found, before, args.tolerance)
    print("\n".join(lines) if lines else "Nothing is slower than before.", flush=True)
    if not args.no_write:
        result = merged(found, before)
        write_json(json_path, {"rows": result})
        write_table(page_path, table([Row(**row) for row in result]))


if __name__ == "__main__":
    run_main(main)
