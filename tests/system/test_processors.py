"""How many processors one may use, as Linux' control groups tell: their files are made up here."""

import math
import os

import pytest

from speech_autoencoder.system import processors as cpus

QUOTA, PERIOD = "cpu.cfs_quota_us", "cpu.cfs_period_us"


def system(root, groups, **files):
    """root, with /proc/self/cgroup of this text, and files below /sys/fs/cgroup."""
    for name, text in {"proc/self/cgroup": groups, **{f"sys/fs/cgroup/{k}": v for k, v in files.items()}}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    "groups, files, expected",
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
def test_quota_is_what_the_control_groups_say(groups, files, expected, tmp_path):
    assert cpus.quota(system(tmp_path, groups, **files)) == expected


def test_quota_elsewhere_than_on_linux_is_no_limit(tmp_path):
    assert cpus.quota(tmp_path) == math.inf


@pytest.mark.parametrize("quota, expected", [(0.5, 1), (1.0, 1), (math.inf, 8), (2.5, 3), (100, 8)])
def test_available_cpus_keeps_to_the_quota(quota, expected, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(cpus, "quota", lambda: quota)
    assert cpus.available_cpus() == expected


def test_available_cpus_is_no_more_than_there_are():
    assert 1 <= cpus.available_cpus() <= (os.cpu_count() or 1)
