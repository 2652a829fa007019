"""The processors that Linux' control groups allow, by invented files of theirs."""

import math
import os

import pytest

from speech_autoencoder.system import processors

QUOTA = "cpu.cfs_quota_us"
PERIOD = "cpu.cfs_period_us"


def make_system(root, groups, **files):
    """Write /proc/self/cgroup and files below /sys/fs/cgroup into root, and return it."""
    for name, text in {"proc/self/cgroup": groups, **{f"sys/fs/cgroup/{k}": v for k, v in files.items()}}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "50000 100000\n"}, 0.5),
        ("4:cpu,cpuacct:/x\n", {f"cpu,cpuacct/x/{QUOTA}": "300000", f"cpu,cpuacct/x/{PERIOD}": "100000"}, 3),
        ("4:cpu,cpuacct:/gone\n", {f"cpu/{QUOTA}": "200000", f"cpu/{PERIOD}": "100000"}, 2),
        ("4:cpu:/\n", {f"cpu/{QUOTA}": "-1", f"cpu/{PERIOD}": "100000"}, math.inf),
        ("3:cpuset:/\n", {f"cpuset/{QUOTA}": "1", f"cpuset/{PERIOD}": "100000"}, math.inf),
        ("0::/\n", {}, math.inf),
    ],
)
def test_quota_is_that_of_the_control_groups(groups, files, expected, tmp_path):
    assert processors.quota(make_system(tmp_path, groups, **files)) == expected


def test_quota_without_control_groups_is_infinite(tmp_path):
    assert processors.quota(tmp_path) == math.inf


@pytest.mark.parametrize(("quota", "expected"), [(0.5, 1), (1.0, 1), (math.inf, 8), (2.5, 3), (100, 8)])
def test_available_cpus_are_within_the_quota(quota, expected, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(processors, "quota", lambda: quota)
    assert processors.available_cpus() == expected


def test_available_cpus_are_at_most_those_of_the_machine():
    assert 1 <= processors.available_cpus() <= (os.cpu_count() or 1)
