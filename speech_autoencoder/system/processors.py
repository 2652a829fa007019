"""How many processors one may use: those of this process, within what its container may spend."""

import math
import os
from pathlib import Path


def available_cpus() -> int:
    """The processors that this process may use, a container's quota included; at least 1."""
    return max(1, math.ceil(min(processors(), quota())))


def training_threads() -> tuple[int, int]:
    """How many threads share an operation in training, and how many operations are done at the same time.

    Two operations, as a batch is computed in two parts: see learner.TrainStep.
    """
    return max(1, available_cpus() // 2), 2


def processors() -> int:
    """The processors that this process may run on, however much of their time it may have."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def quota(root: Path = Path("/")) -> float:
    """The processors' time that Linux' control groups allow, in processors; infinite where they set no limit.

    Of both versions of control groups, the least of this process' group and those above it. root is where the
    system's files are.
    """
    limits = [math.inf]
    for mount, group in _groups(root):
        while True:
            limits.append(_limit(mount / group))
            if group == Path():
                break
            group = group.parent
    return min(limits)


def _groups(root):
    """(where the hierarchy is mounted, this process' group in it) of each that may limit processors."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, name = line.split(":", 2)
        mounts = root / "sys/fs/cgroup"
        if not controllers:
            yield mounts, Path(name.lstrip("/"))
        elif "cpu" in controllers.split(","):
            yield mounts / controllers, Path(name.lstrip("/"))
            yield mounts / "cpu", Path(name.lstrip("/"))


def _limit(folder):
    """The processors that one group allows: version 2's cpu.max, or version 1's two files."""
    words = (
        _text(folder / "cpu.max") or f"{_text(folder / 'cpu.cfs_quota_us')} {_text(folder / 'cpu.cfs_period_us')}"
    ).split()
    if len(words) != 2 or not all(word.isdigit() for word in words) or not all(map(int, words)):
        return math.inf  # "max", -1, or no such file
    return int(words[0]) / int(words[1])


def _text(path):
    """What is in a small file; nothing where it is missing, or may not be read."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
