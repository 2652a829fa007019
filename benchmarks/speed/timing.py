"""Measuring time: alternatives run in turns, and the best time of each counts, as other programs only ever add time."""

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
    """The cost of a stage beside that of an alternative.

    Attributes
    ----------
    stage
        What is measured.
    against
        The alternative.
    unit
        Of both costs.
    ours, theirs
        The costs.
    ratio
        How many times better ours is (more is better).
    least
        The goal of the ratio, None if there is none.
    note
        What else was measured.
    """

    stage: str
    against: str
    unit: str
    ours: float
    theirs: float
    ratio: float
    least: float | None = None
    note: str = ""


def compare(
    stage: str, against: str, unit: str, *, ours: float, theirs: float, least: float | None, note: str = ""
) -> Row:
    """Return a Row of two costs, of which the smaller one is better."""
    return Row(stage, against, unit, ours, theirs, theirs / max(ours, 1e-12), least, note)


def best_seconds(
    functions: Sequence[Callable[[], object]], times: int, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Return the least seconds of each function; all are called in turns, `times` times."""
    best = [float("inf")] * len(functions)
    for _ in range(times):
        for i, function in enumerate(functions):
            start = clock()
            function()
            best[i] = min(best[i], clock() - start)
    return best


# Runs a script (or -m and a module) in a child process, so that the peak is of that child alone.
_MEASURED = """
import resource, subprocess, sys
status = subprocess.run([sys.executable, *sys.argv[1:]], stdout=sys.stderr).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


def run_and_measure(*command: object, one_core: bool = False) -> tuple[float, float]:
    """Run Python with these arguments; return (seconds, peak memory in MB). Ends this process if it fails."""
    start = time.perf_counter()
    done = run_python("-c", _MEASURED, *command, one_core=one_core)
    return time.perf_counter() - start, int(done.stdout) / 1024


def run_python(*command: object, cwd: Path | None = None, one_core: bool = False) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments and return the finished process. Ends this process if it fails.

    Parameters
    ----------
    command
        The arguments.
    cwd
        The folder to run in.
    one_core
        Whether it may use one processor only, if the system can say so.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "agg"}
    core = {min(os.sched_getaffinity(0))} if one_core and hasattr(os, "sched_getaffinity") else None
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
