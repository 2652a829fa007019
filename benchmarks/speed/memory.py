"""Measure how much memory the generator takes for 100,000 clips and for 1,000, and the trainer for 100,000."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.running import ROOT, link_recordings
from benchmarks.speed.timing import Row, run_and_measure

GENERATOR_MB = 600  # the goals
TRAINER_MB = 1_500
GROWTH = 1.1  # for a hundred times as many clips
_CLIP_BYTES = 16_000  # a recording below this size has only one clip
_LOOK_S = 0.05  # between looks at the trainer's memory


def rows(counts: tuple[int, int]) -> Iterator[Row]:
    """Yield the peaks of the generator over few and many recordings, and of the trainer over the many."""
    few, many = counts
    with tempfile.TemporaryDirectory() as name:
        _, small = _run_generator(few, Path(name))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds, large = _run_generator(many, folder)
        note = f"{large / small:.2f} times that of {few:,}; {many / seconds:,.0f} clips a second"
        stage, against = f"memory, {many:,} clips", f"{GROWTH} times {few:,} clips"
        yield Row(stage, against, "MB", large, small, small * GROWTH / large, 1, note)
        yield Row("the same", f"{GENERATOR_MB} MB", "MB", large, GENERATOR_MB, GENERATOR_MB / large, 1)
        command = [ROOT / "autoencoder_for_many_data.py", "--epochs", 1, "--quiet", "--data", folder / "train_data.npy"]
        peak, what = own_memory([*map(str, command)], folder)
        stage = f"memory of the trainer, {many:,} clips"
        size = (folder / "train_data.npy").stat().st_size / 2**20
        note = f"{what}; the array on disk has {size:,.0f} MB"
        yield Row(stage, f"{TRAINER_MB:,} MB", "MB", peak, TRAINER_MB, TRAINER_MB / peak, 1, note)


def _run_generator(n_clips: int, folder: Path) -> tuple[float, float]:
    """Run the generator over links to recordings of one clip each; return (seconds, peak memory in MB)."""
    source = ROOT / "speechdata" / "training"
    names = [path.relative_to(source).as_posix() for path in sorted(source.rglob("*_digits.flac"))]
    names = [name for name in names if (source / name).stat().st_size < _CLIP_BYTES]
    links = {f"{i // 1000:03d}/{i:06d}.flac": names[i % len(names)] for i in range(n_clips)}
    recordings = link_recordings(source, links, folder / "recordings")
    options = ("--audio-dir", recordings, "--output", folder / "train_data.npy")
    return run_and_measure(ROOT / "train_data_generator.py", *options, "--quiet")


def own_memory(command: list[str], folder: Path) -> tuple[float, str]:
    """Run Python with these arguments in folder; return its peak memory in MB, and what that includes.

    Pages of files, which the system can take back, do not count. Systems other than Linux do not tell them apart;
    there, the peak of everything is returned.
    """
    process = subprocess.Popen([sys.executable, *command], cwd=folder, stdout=subprocess.DEVNULL)
    most, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, _anonymous_mb(process.pid))
            time.sleep(_LOOK_S)

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = process.wait()
    done.set()
    watcher.join()
    if status:
        sys.exit(f"{' '.join(command)} ended with {status}.")
    if most:
        return most, "without the pages of files"
    import resource  # not on Windows, where the other stages can be measured

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, "with the pages of files"


def _anonymous_mb(pid: int) -> float:
    """Return the MB of a process that belong to no file; 0 if the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024
