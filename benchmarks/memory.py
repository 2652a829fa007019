"""Peak memory of train_data_generator.py at 1,000 and at 100,000 clips: it must not grow with the corpus.

The corpora are links to recordings of the project, in a temporary folder; 100,000 clips take 2.5 GB on disk.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent

# Runs a script (or -m and a module) in a child of its own, so that the peak is that child's alone.
MEASURED = """
import resource, subprocess, sys
status = subprocess.run([sys.executable, *sys.argv[1:]], stdout=sys.stderr).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def measure(n_clips: int, folder: Path) -> tuple[float, float]:
    """(peak memory in MB, seconds) of the generator over n_clips recordings of one clip each."""
    sources = sorted((ROOT / "speechdata" / "training").rglob("*_digits.flac"))
    sources = [path for path in sources if path.stat().st_size < 16_000]
    for i in range(n_clips):
        source = sources[i % len(sources)]
        target = folder / "recordings" / f"{i // 1000:03d}" / f"{i:06d}.flac"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)
    start = time.monotonic()
    result = subprocess.run(
        [
            *(sys.executable, "-c", MEASURED, ROOT / "train_data_generator.py"),
            *("--audio-dir", folder / "recordings", "--output", folder / "train_data.npy", "--quiet"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        sys.exit(result.stderr)
    return int(result.stdout) / 1024, time.monotonic() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, nargs="+", default=[1_000, 100_000], help="corpora to measure")
    args = parser.parse_args()
    first = None
    for n_clips in args.clips:
        with tempfile.TemporaryDirectory() as folder:
            megabytes, seconds = measure(n_clips, Path(folder))
        first = first or megabytes
        growth, speed = megabytes / first, n_clips / seconds
        print(f"{n_clips:>8,} clips: peak {megabytes:,.0f} MB ({growth:.2f} x), {speed:,.0f} clips/s", flush=True)


if __name__ == "__main__":
    main()
