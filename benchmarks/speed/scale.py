"""Measure --engine dask on this computer: what a second worker gains, what the engine costs, what killed workers lose.

    python -m benchmarks.speed.scale

prints the table and the sentences of docs/scale.md, "Measured on one machine". Recordings of some seconds are made of
the project's own, and links to them stand for more. --parts says what is measured:

speed-up    the features of all recordings by one worker and by two, each on a processor of its own, in turns
cost        the same by threads and by the Dask cluster that --engine dask starts, in turns
kills       each stage while random workers are killed (kill -9): its outputs, to the byte, and its lines

Each also compares the outputs. The status is 1 if some differ.
"""

import argparse
import hashlib
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from benchmarks.options import TESTING_DIR, TRAINING_DIR, make_parser
from benchmarks.running import ROOT, link_recordings
from benchmarks.speed.dask_cluster import Killer, cluster
from benchmarks.speed.material import Material
from benchmarks.speed.timing import run_python
from benchmarks.tables import heading, line
from speech_autoencoder.audio.finding import find_recordings
from speech_autoencoder.audio.reading import describe, read
from speech_autoencoder.cli.options import positive
from speech_autoencoder.cli.process import run_main
from speech_autoencoder.model.pretrained import NAME

PARTS = ("speed-up", "cost", "kills")
STAGES = ("features", "parts", "encode", "decode", "predict", "latents", "evaluate")
_GENERATOR = (ROOT / "train_data_generator.py",)
_COMMANDS = ("-m", "speech_autoencoder")
# Recordings that all links lead to.
_DISTINCT = 60
# Recordings of each stage whose workers are killed: each takes some 20 s.
_COUNTS = {"features": 2_000, "encode": 200, "decode": 60, "predict": 30, "latents": 30, "evaluate": 12}
# Seconds between two kills: a worker takes two or three to start again, so some find no other one.
_EVERY_S = (1.0, 6.0)
# Lines that tell where the work is done, or how far it is.
_PASSING = re.compile(
    r"Working on the Dask|Dask hands out|The Dask cluster|.*\((less than )?[\d.,]+ \w+ (left|so far)\)$"
)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what is measured")
    parser.add_argument("--length", type=positive(float), default=5.0, help="of a recording, in seconds")
    parser.add_argument(
        "--minutes", type=positive(float), default=10.0, help="of work for one processor, in a run of speed-up and cost"
    )
    parser.add_argument("--pairs", type=positive(int), default=3, help="of runs, in turns")
    parser.add_argument("--kills", type=positive(int), default=40, help="of workers, over all stages")
    parser.add_argument("--size", type=positive(float), default=1.0, help="of the stages while workers are killed")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES, help="whose workers are killed")
    parser.add_argument("--workers", type=positive(int), default=2, help="of the cluster whose workers are killed")
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which workers are killed")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        bench = Bench(args, Path(name))
        is_equal = [measure(bench) for part, measure in MEASURES.items() if part in args.parts]
    if not all(is_equal):
        sys.exit(1)


# A function of the folder for outputs that returns the arguments of Python.
Command = Callable[[Path], Sequence[object]]


@dataclass
class Run:
    """A run of a command: its seconds, what it printed, its status, and {path: digest} of its outputs."""

    seconds: float
    lines: list[str]
    status: int
    outputs: dict[str, str]


class Bench:
    """The recordings, and the folder that commands run in."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.args, self.folder = args, folder
        self.distinct = folder / "distinct"
        _make_recordings(self.distinct, args.length)
        self._n_recordings = 0

    @property
    def n_recordings(self) -> int:
        """How many recordings take --minutes of one processor's time, by a first run of threads."""
        if not self._n_recordings:
            few = self.linked(20 * _DISTINCT)
            start = self.run(self.features(self.linked(1), workers=1), "threads").seconds
            each_s = (self.run(self.features(few, workers=1), "threads").seconds - start) / (20 * _DISTINCT)
            self._n_recordings = max(_DISTINCT, round(60 * self.args.minutes / each_s))
        return self._n_recordings

    def linked(self, count: int) -> Path:
        """Return a folder with so many links to the distinct recordings."""
        folder = self.folder / f"links-{count}"
        if not folder.exists():
            names = find_recordings(self.distinct)
            link_recordings(self.distinct, {f"{i:07}.flac": names[i % len(names)] for i in range(count)}, folder)
        return folder

    def features(self, audio_dir: Path, *options: object, workers: int) -> Command:
        """Return the command that makes the features of recordings."""
        common = ("--audio-dir", audio_dir, "--workers", workers, *options)
        return lambda out: (*_GENERATOR, "--output", out / "train_data.npy", *common)

    def run(self, command: Command, engine: str, *, address: str = "") -> Run:
        """Run a command that writes into a new folder, which goes afterwards."""
        out = self.folder / "out"
        out.mkdir()
        environment = {key: text for key, text in os.environ.items() if key != "DASK_SCHEDULER_ADDRESS"}
        environment |= {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment |= {"DASK_SCHEDULER_ADDRESS": address} if address else {}
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *map(str, command(out)), "--engine", engine],
            cwd=out,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - start
        said = [text for text in (done.stdout + done.stderr).splitlines() if not _PASSING.match(text)]
        outputs = {path.relative_to(out).as_posix(): _digest(path) for path in out.rglob("*") if path.is_file()}
        shutil.rmtree(out)
        return Run(seconds, said, done.returncode, outputs)

    def require(self, run: Run) -> Run:
        """Return a run that succeeded; end this process if it did not."""
        if run.status:
            sys.exit("\n".join(run.lines[-20:]))
        return run


def _make_recordings(folder: Path, length_s: float) -> None:
    """Write recordings of about this length, each of several of one speaker of the project's, as FLAC."""
    folder.mkdir()
    pending: list[np.ndarray] = []
    before, count = None, 0
    for path in (TRAINING_DIR / name for name in find_recordings(TRAINING_DIR)):
        kind = describe(path).sr, path.parent
        pending = [*(pending if kind == before else []), read(path)]
        before, n_samples = kind, round(length_s * kind[0])
        if sum(map(len, pending)) >= n_samples:
            sf.write(folder / f"{count:03}.flac", np.concatenate(pending)[:n_samples], kind[0], subtype="PCM_16")
            pending, count = [], count + 1
        if count == _DISTINCT:
            return


def _digest(path: Path) -> str:
    """Return a digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def measure_speed_up(bench: Bench) -> bool:
    """Print what a second worker gains; return whether the outputs are the same."""
    args, n = bench.args, bench.n_recordings
    is_equal = True
    for what, options in (("one array", ()), ("parts", ("--parts", 8))):
        command = bench.features(bench.linked(n), *options, workers=1)
        expected = bench.require(bench.run(command, "threads")).outputs
        seconds: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(args.pairs):
            for n_workers, found in seconds.items():
                with cluster(n_workers, bench.folder / f"cluster-{n_workers}") as address:
                    run = bench.require(bench.run(command, "dask", address=address))
                found.append(run.seconds)
                is_equal &= run.outputs == expected
        ratios = [one / two for one, two in zip(*seconds.values(), strict=True)]
        one, two = map(statistics.median, seconds.values())
        print(
            f"Features of {n:,} recordings of {args.length:g} s, as {what}: {one:.1f} s by one worker, {two:.1f} s by "
            f"two, each with one processor: {statistics.median(ratios):.2f} times as fast (pairs of runs in turns: "
            f"{_listed(ratios)}). The bytes were {'those of threads' if is_equal else 'NOT those of threads'}.",
            flush=True,
        )
    return is_equal


def measure_cost(bench: Bench) -> bool:
    """Print what the engine costs against threads; return whether the outputs are the same."""
    args, n = bench.args, bench.n_recordings
    command = bench.features(bench.linked(n), workers=2)
    runs: dict[str, list[Run]] = {"threads": [], "dask": []}
    for _ in range(args.pairs):
        for engine, found in runs.items():
            found.append(bench.require(bench.run(command, engine)))
    is_equal = all(run.outputs == runs["threads"][0].outputs for found in runs.values() for run in found)
    seconds = [[run.seconds for run in found] for found in runs.values()]
    costs = [100 * (dask / threads - 1) for threads, dask in zip(*seconds, strict=True)]
    threads, dask = map(statistics.median, seconds)
    print(
        f"Features of {n:,} recordings of {args.length:g} s, {args.minutes:g} minutes of work for one processor: "
        f"{threads:.1f} s by two threads, {dask:.1f} s by two processes that Dask hands out the work to: "
        f"{statistics.median(costs):+.0f} % (pairs of runs in turns: {_listed(costs, '+.0f')} %). The bytes were "
        f"{'the same' if is_equal else 'NOT the same'}.",
        flush=True,
    )
    return is_equal


def measure_kills(bench: Bench) -> bool:
    """Print what killed workers lose, stage by stage; return whether the outputs are the same."""
    args, rng = bench.args, random.Random(bench.args.seed)
    stages = {name: command for name, command in _stages(bench).items() if name in args.stages}
    print(heading(("stage", "workers killed", "runs", "seconds undisturbed", "as if undisturbed")))
    left, is_equal = args.kills, True
    with cluster(args.workers, bench.folder / "cluster", restart=True) as address:
        for i, (name, command) in enumerate(stages.items()):
            share = round(left / (len(stages) - i))
            expected = bench.require(bench.run(command, "dask", address=address))
            n_killed = n_runs = n_good = 0
            while n_killed < share:
                with Killer(address, rng, most=share - n_killed, every_s=_EVERY_S) as killer:
                    run = bench.run(command, "dask", address=address)
                if not killer.n_killed:  # it was over before the first one
                    continue
                n_killed, n_runs = n_killed + killer.n_killed, n_runs + 1
                is_same = (run.outputs, run.lines, run.status) == (expected.outputs, expected.lines, 0)
                n_good += is_same
                if not is_same:
                    _print_difference(name, run, expected)
            left -= n_killed
            is_equal &= n_good == n_runs
            print(line((name, str(n_killed), str(n_runs), f"{expected.seconds:.0f}", str(n_good))), flush=True)
    print(
        f"\n{args.kills - left:,} workers were killed: "
        + ("nothing was lost, and nothing was done twice." if is_equal else "OUTPUTS DIFFER.")
    )
    return is_equal


MEASURES = {"speed-up": measure_speed_up, "cost": measure_cost, "kills": measure_kills}


def _stages(bench: Bench) -> dict[str, Command]:
    """Return the commands whose workers are killed."""
    folders = {name: bench.linked(max(2, round(bench.args.size * count))) for name, count in _COUNTS.items()}
    trained = argparse.Namespace(training_dir=bench.distinct, testing_dir=TESTING_DIR, epochs=1)
    codec = Material(trained, bench.folder).codec
    array, encoded = bench.folder / "test_data.npy", bench.folder / "encoded"
    for arguments in (
        (*_COMMANDS, "features", "--audio-dir", folders["evaluate"], "--output", array),
        (*_COMMANDS, "encode", folders["decode"], "--output-dir", encoded, "--model", codec),
    ):
        run_python(*arguments)
    features = bench.features(folders["features"], workers=2)
    parts = bench.features(folders["features"], "--parts", 12, workers=2)

    def command(name: str, folder: Path, model: object) -> Command:
        return lambda out: (*_COMMANDS, name, folder, "--model", model, "--output-dir", out / "all")

    def evaluate(out: Path) -> Sequence[object]:
        options = ("--training-data", bench.folder / "none.npy", "--labels", "none", "--no-report")
        return (*_COMMANDS, "evaluate", "--data", array, "--model", NAME, *options)

    def latents(out: Path) -> Sequence[object]:
        return (*_COMMANDS, "latents", folders["latents"], "--model", NAME, "--output", out / "latents.npz")

    return {
        "features": features,
        "parts": parts,
        "encode": command("encode", folders["encode"], codec),
        "decode": command("decode", encoded, codec),
        "predict": command("predict", folders["predict"], NAME),
        "latents": latents,
        "evaluate": evaluate,
    }


def _print_difference(name: str, run: Run, expected: Run) -> None:
    """Print what differs from the undisturbed run, on stderr."""
    names = sorted(
        key for key in {*run.outputs, *expected.outputs} if run.outputs.get(key) != expected.outputs.get(key)
    )
    lines = sorted({*run.lines} ^ {*expected.lines})
    print(f"{name}: status {run.status}; files {names[:9]}; lines {lines[:9]}", file=sys.stderr, flush=True)


def _listed(values: list[float], style: str = ".2f") -> str:
    """Return numbers as text."""
    return ", ".join(f"{value:{style}}" for value in values)


if __name__ == "__main__":
    run_main(main)
