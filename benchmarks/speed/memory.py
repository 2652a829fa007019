"""How much memory the generator takes for 100,000 clips and for 1,000, and the trainer with so many."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.running import ROOT, linked
from benchmarks.speed.timing import Row, peak_of

# MB that the generator and the trainer may take; how much more it may be for a hundred times the clips.
GENERATOR_MB, TRAINER_MB, GROWTH = 600, 1_500, 1.1
# A recording of this size has no more than one clip.
_CLIP_BYTES = 16_000


def rows(counts: tuple[int, int]) -> Iterator[Row]:
    """Peaks of the generator over few and many recordings, and of the trainer over the many."""
    few, many = counts
    with tempfile.TemporaryDirectory() as name:
        _, small = _generator(few, Path(name))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds, large = _generator(many, folder)
        note = f"{large / small:.2f} times that of {few:,}; {many / seconds:,.0f} clips a second"
        yield Row(
            f"memory, {many:,} clips",
            f"{GROWTH} times {few:,} clips",
            "MB",
            large,
            small,
            small * GROWTH / large,
            1,
            note,
        )
        yield Row("the same", f"{GENERATOR_MB} MB", "MB", large, GENERATOR_MB, GENERATOR_MB / large, 1)
        command = [ROOT / "autoencoder_for_many_data.py", "--epochs", 1, "--quiet", "--data", folder / "train_data.npy"]
        peak, what = own_memory([*map(str, command)], folder)
        stage = f"memory of the trainer, {many:,} clips"
        size = (folder / "train_data.npy").stat().st_size / 2**20
        note = f"{what}; the array on disk has {size:,.0f} MB"
        yield Row(stage, f"{TRAINER_MB:,} MB", "MB", peak, TRAINER_MB, TRAINER_MB / peak, 1, note)


def _generator(n_clips, folder):
    """(seconds, peak memory in MB) of the generator over so many recordings of one clip each, links to a few."""
    source = ROOT / "speechdata" / "training"
    names = [path.relative_to(source).as_posix() for path in sorted(source.rglob("*_digits.flac"))]
    names = [name for name in names if (source / name).stat().st_size < _CLIP_BYTES]
    recordings = {f"{i // 1000:03d}/{i:06d}.flac": names[i % len(names)] for i in range(n_clips)}
    options = ("--audio-dir", linked(source, recordings, folder / "recordings"), "--output", folder / "train_data.npy")
    return peak_of(ROOT / "train_data_generator.py", *options, "--quiet")


def own_memory(command: list[str], folder: Path) -> tuple[float, str]:
    """(the most MB of a process of Python's own, what that is): without pages of files, which the system can take back.

    Where the system does not tell them apart (elsewhere than on Linux), the whole of it at its end.
    """
    process = subprocess.Popen([sys.executable, *command], cwd=folder, stdout=subprocess.DEVNULL)
    most, done = 0.0, threading.Event()

    def watch():
        nonlocal most
        while not done.is_set():
            most = max(most, _anonymous_mb(process.pid))
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    status = process.wait()
    done.set()
    watcher.join()
    if status:
        sys.exit(f"{' '.join(command)} ended with {status}.")
    if most:
        return most, "without the pages of files"
    import resource

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, "with the pages of files"


def _anonymous_mb(pid):
    """The MB of a process that are of no file; 0 where Linux does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024
