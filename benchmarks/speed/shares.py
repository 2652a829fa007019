"""Where a script's time goes: python -m benchmarks.speed.shares predict_for_one_data.py --no-show --quiet

Looks every few milliseconds at what each thread is doing, and prints the share of each of our functions with the
library that it was waiting for, and of each import. Without Python's own start and end. With --workers 1, the shares
are of one processor's time.
"""

import argparse
import runpy
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from benchmarks.running import ROOT

_PACKAGE = ROOT / "speech_autoencoder"
_PERIOD_S = 0.003
# Where threads have nothing to do.
_IDLE = ("threading.py", "thread.py", "_base.py", "queue.py", "_monitor.py")


def place(frame) -> str | None:
    """What a thread does whose innermost frame this is, "module.function: library" or "import of library"; None if
    nothing.
    """
    if Path(frame.f_code.co_filename).name in _IDLE:
        return None
    library, ours, imported = "", "", ""
    while frame:
        path, function = Path(frame.f_code.co_filename), frame.f_code.co_name
        if path.parent == _PACKAGE and not ours and function != "<module>":
            ours = f"{path.stem}.{frame.f_code.co_qualname.replace('.<locals>', '')}"
        elif not ours and "site-packages" in path.parts:
            library = path.parts[path.parts.index("site-packages") + 1].removesuffix(".py")
        if function == "_find_and_load" and not (name := frame.f_locals["name"]).startswith("speech_autoencoder"):
            imported = name.split(".")[0]  # the outermost, as that is what was asked for
        frame = frame.f_back
    if imported:
        return f"import of {imported}"
    return f"{ours}: {library}" if ours and library else ours or library or "the script"


def watch(run) -> tuple[float, Counter]:
    """(seconds, samples of each place) while run() runs."""
    counts, done = Counter(), threading.Event()

    def look():
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


def table(counts: Counter, least: float) -> str:
    """The places that take more than this share, as a table in markdown, the largest first."""
    total = sum(counts.values())
    lines = [f"| {place} | {count / total:.0%} |" for place, count in counts.most_common() if count >= least * total]
    return "\n".join(["| where | share |", "|---|---|", *lines])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--least", type=float, default=0.02, help="the smallest share that is printed")
    parser.add_argument("script", help="one of the five scripts")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its own")
    args = parser.parse_args()
    sys.argv = [args.script, *args.arguments]

    def run():
        try:
            runpy.run_path(args.script, run_name="__main__")
        except SystemExit as end:
            if end.code:
                raise

    sys.setswitchinterval(_PERIOD_S / 3)
    seconds, counts = watch(run)
    print(f"{seconds:.1f} s\n{table(counts, args.least)}")


if __name__ == "__main__":
    main()
