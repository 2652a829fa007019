"""Measure where a script's time goes.

    python -m benchmarks.speed.profiler predict_for_one_data.py --no-show --quiet

makes the tables of docs/speed.md, "Where the time goes". It looks every few milliseconds at what each thread is doing,
and prints the share of each of our functions, with the library that it was waiting for, and of each import. Python's
own start and end are not included. With --workers 1, the shares are of one processor's time.
"""

import argparse
import runpy
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from benchmarks.running import ROOT
from benchmarks.tables import heading, line

_PACKAGE = ROOT / "speech_autoencoder"
_PERIOD_S = 0.003
_IDLE = ("threading.py", "thread.py", "_base.py", "queue.py", "_monitor.py")  # where threads wait for work


def place(innermost: FrameType) -> str | None:
    """Return what a thread is doing: "module.function: library" or "import of library"; None if it waits for work."""
    if Path(innermost.f_code.co_filename).name in _IDLE:
        return None
    library, ours, imported = "", "", ""
    frame: FrameType | None = innermost
    while frame:
        path, function = Path(frame.f_code.co_filename), frame.f_code.co_name
        if _PACKAGE in path.parents and not ours and function != "<module>":
            ours = f"{path.stem}.{frame.f_code.co_qualname.replace('.<locals>', '')}"
        elif not ours and "site-packages" in path.parts:
            library = path.parts[path.parts.index("site-packages") + 1].removesuffix(".py")
        if function == "_find_and_load" and not (name := frame.f_locals["name"]).startswith("speech_autoencoder"):
            imported = name.split(".")[0]  # the outermost, as that is what was asked for
        frame = frame.f_back
    if imported:
        return f"import of {imported}"
    return f"{ours}: {library}" if ours and library else ours or library or "the script"


def sample(run: Callable[[], object]) -> tuple[float, Counter[str]]:
    """Return (seconds, samples of each place) of run()."""
    counts: Counter[str] = Counter()
    done = threading.Event()

    def look() -> None:
        mine = threading.get_ident()
        while not done.wait(_PERIOD_S):
            for thread, frame in sys._current_frames().items():
                if thread != mine and (what := place(frame)):
                    counts[what] += 1

    watcher = threading.Thread(target=look)
    start = time.perf_counter()
    watcher.start()
    try:
        run()
    finally:
        done.set()
        watcher.join()
    return time.perf_counter() - start, counts


def table(counts: Counter[str], least: float) -> str:
    """Return the places that take at least this share, largest first, as a table in markdown."""
    total = sum(counts.values())
    shares = [(place, count / total) for place, count in counts.most_common() if count >= least * total]
    return "\n".join([heading(["where", "share"]), *(line([place, f"{share:.0%}"]) for place, share in shares)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--least", type=float, default=0.02, help="the smallest share that is printed")
    parser.add_argument("script", help="one of the five scripts")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")
    args = parser.parse_args()
    sys.argv = [args.script, *args.arguments]

    def run() -> None:
        try:
            runpy.run_path(args.script, run_name="__main__")
        except SystemExit as end:
            if end.code:
                raise

    sys.setswitchinterval(_PERIOD_S / 3)  # so that the watcher gets its turns
    seconds, counts = sample(run)
    print(f"{seconds:.1f} s\n{table(counts, args.least)}")


if __name__ == "__main__":
    main()
