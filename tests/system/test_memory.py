"""The memory that is left on a machine and in Linux' control groups, by invented files of theirs."""

import math
import os

import pytest

from speech_autoencoder.system.memory import available_bytes, in_words

MEMINFO = "MemTotal:  16000 kB\nMemFree:  100 kB\nMemAvailable:  8000 kB\n"
VERSION_1 = "memory.limit_in_bytes", "memory.usage_in_bytes"


def make_system(root, groups, **files):
    """Write /proc and files below /sys/fs/cgroup into root, and return it."""
    known = {"proc/meminfo": MEMINFO, "proc/self/cgroup": groups}
    for name, text in (known | {f"sys/fs/cgroup/{name}": text for name, text in files.items()}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("", {}, 8_192_000),
        ("0::/\n", {"memory.max": "max\n", "memory.current": "10\n"}, 8_192_000),
        ("0::/\n", {"memory.max": "5000\n", "memory.current": "2000\n"}, 3_000),
        ("0::/a\n", {"a/memory.max": "max", "a/memory.current": "1", "memory.max": "9", "memory.current": "2"}, 7),
        (
            "0::/\n",
            {
                "memory.max": "5000",
                "memory.current": "4000",
                "memory.stat": "anon 1\ninactive_file 500\nactive_file 70",
            },
            1_570,
        ),
        ("0::/\n", {"memory.max": "5000", "memory.current": "6000"}, 0),
        ("4:memory:/x\n", {f"memory/x/{VERSION_1[0]}": "900", f"memory/x/{VERSION_1[1]}": "400"}, 500),
        ("4:memory:/\n", {f"memory/{VERSION_1[0]}": "9223372036854771712", f"memory/{VERSION_1[1]}": "4"}, 8_192_000),
    ],
)
def test_available_bytes_are_the_least_of_machine_and_control_groups(groups, files, expected, tmp_path):
    assert available_bytes(make_system(tmp_path, groups, **files)) == expected


def test_available_bytes_without_meminfo_are_those_that_the_c_library_knows(tmp_path, monkeypatch):
    if not hasattr(os, "sysconf"):
        pytest.skip("this system has no sysconf")
    assert 0 < available_bytes(tmp_path) < math.inf
    monkeypatch.delattr(os, "sysconf")
    assert available_bytes(tmp_path) == math.inf


def test_in_words_has_two_digits_or_so():
    assert in_words(7_260_000_000) == "7.3 GB"
    assert in_words(46_100_000) == "46 MB"
