"""Measuring time: what is compared is run in turns, and the best of each counts, as other programs only ever add."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.running import ROOT


@dataclass(frozen=True)
class Row:
    """What a stage costs, ours and theirs, in `unit`; ratio is how many times better ours is (more is better).

    least is the ratio that is wanted, None where it is only to be known; note says what else was measured.
    """

    stage: str
    against: str
    unit: str
    ours: float
    theirs: float
    ratio: float
    least: float | None = None
    note: str = ""


def compared(stage: str, against: str, unit: str, ours: float, theirs: float, least: float | None, note="") -> Row:
    """A Row of costs, of which the smaller one is the better."""
    return Row(stage, against, unit, ours, theirs, theirs / max(ours, 1e-12), least, note)


def in_turns(functions: Sequence[Callable[[], object]], times: int, clock=time.perf_counter) -> list[float]:
    """The least seconds of each function, all called in turns so many times."""
    best = [float("inf")] * len(functions)
    for _ in range(times):
        for i, function in enumerate(functions):
            start = clock()
            function()
            best[i] = min(best[i], clock() - start)
    return best


# Runs a script (or -m and a module) in a child of its own, so that the peak is that child's alone.
_MEASURED = """
import resource, subprocess, sys
status = subprocess.run([sys.executable, *sys.argv[1:]], stdout=sys.stderr).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def peak_of(*command) -> tuple[float, float]:
    """(seconds, peak memory in MB) of Python with these arguments, silent. Ends ours where it fails."""
    start = time.perf_counter()
    done = process("-c", _MEASURED, *command)
    return time.perf_counter() - start, int(done.stdout) / 1024


def process(*command, cwd: Path | None = None, one_core: bool = False) -> subprocess.CompletedProcess:
    """The finished process of Python with these arguments, silent; on one core where the system can. Ends ours where
    it fails.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "agg"}
    core = {min(os.sched_getaffinity(0))} if one_core and hasattr(os, "sched_setaffinity") else None
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=(lambda: os.sched_setaffinity(0, core)) if core else None,
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")
    return done
