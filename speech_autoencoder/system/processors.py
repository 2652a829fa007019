"""The count of processors that this process may use, within the quota of its container."""

import math
import os
from pathlib import Path

from speech_autoencoder.system.control_groups import groups, read_text


def available_cpus() -> int:
    """Return the count of processors that this process may use, a container's quota included; at least 1."""
    return max(1, math.ceil(min(processors(), quota())))


def training_threads() -> tuple[int, int]:
    """Return the threads that share an operation in training, and the operations that run at the same time.

    Two operations, as training.backends.tensorflow computes a batch in two parts.
    """
    return max(1, available_cpus() // 2), 2


def processors() -> int:
    """Return the count of processors that this process may run on, whatever its share of their time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def quota(root: Path = Path("/")) -> float:
    """Return how many processors Linux' control groups allow this process to keep busy, infinite without a limit.

    The least of this process' group and those above it, in both versions of control groups. `root` is where the
    system's files are.
    """
    return min((_limit(group) for group in groups("cpu", root)), default=math.inf)


def _limit(folder: Path) -> float:
    """Return the processors that one group allows: version 2's cpu.max, or version 1's two files."""
    old = f"{read_text(folder / 'cpu.cfs_quota_us')} {read_text(folder / 'cpu.cfs_period_us')}"
    words = (read_text(folder / "cpu.max") or old).split()
    if len(words) != 2 or not all(word.isdigit() for word in words) or not all(map(int, words)):
        return math.inf  # "max", -1, or the file is missing
    return int(words[0]) / int(words[1])
