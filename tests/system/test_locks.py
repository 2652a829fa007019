"""What is being written is locked, what a killed run has left is removed, and nothing else is."""

import subprocess
import sys

import pytest

from speech_autoencoder.system import locks
from speech_autoencoder.system.locks import hidden_beside, lock, remove_stale_files
from tests.helpers.common import ROOT, names_in

pytestmark = pytest.mark.skipif(locks.fcntl is None, reason="this system has no such locks")

# Run in a process of their own: what they hold ends with them.
CLAIM = """
import sys
from pathlib import Path
from speech_autoencoder.system import files
from speech_autoencoder.errors import InputError
try:
    files.lock(Path(sys.argv[1]))
    print("claimed", flush=True)
except InputError as error:
    print(error, flush=True)
sys.stdin.read()
"""
HIDE = """
import sys
from pathlib import Path
from speech_autoencoder.system.locks import hidden_beside
with hidden_beside(Path("a.wav")), hidden_beside(Path("report"), folder=True) as (folder, _):
    (folder / "index.html").touch()
    print("hidden", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def start(tmp_path):
    """A function (code, arguments) -> (a process that runs it in tmp_path till its stdin is closed, its first line)."""
    processes = []

    def run(code, *arguments):
        command = [sys.executable, "-c", code, *arguments]
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        processes.append(subprocess.Popen(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, text=True, **pipes))
        return processes[-1], processes[-1].stdout.readline().strip()

    yield run
    for process in processes:
        process.communicate()


def end(process):
    """Nothing; the process has ended of itself."""
    process.communicate()
    assert process.returncode == 0


def kill(process):
    """Nothing; the process was killed."""
    process.kill()
    process.communicate()


def test_hidden_beside_has_the_suffix_and_is_the_callers_to_remove(tmp_path):
    with hidden_beside(tmp_path / "new" / "a.wav") as (path, _):
        assert path.parent == tmp_path / "new"
        assert path.suffix == ".wav"
        assert path.read_bytes() == b""
    assert names_in(tmp_path / "new") == [path.name]


def test_tidy_removes_what_a_killed_process_left_and_nothing_else(start, tmp_path):
    others = [".train_data.original.npy", ".hidden", "a.unfinished.wav", ".unfinished"]
    for name in others:
        (tmp_path / name).touch()
    running, killed = start(HIDE)[0], start(HIDE)[0]
    assert len(names_in(tmp_path)) == len(others) + 4
    kill(killed)
    remove_stale_files(tmp_path)
    left = names_in(tmp_path)
    assert len(left) == len(others) + 2
    assert set(others) < set(left)
    kill(running)
    remove_stale_files(tmp_path)
    assert names_in(tmp_path) == sorted(others)
    remove_stale_files(tmp_path / "missing")


def test_tidy_without_locks_removes_nothing(start, tmp_path, monkeypatch):
    kill(start(HIDE)[0])
    before = names_in(tmp_path)
    monkeypatch.setattr(locks, "fcntl", None)
    remove_stale_files(tmp_path)
    assert names_in(tmp_path) == before


def test_tidy_keeps_a_folder_that_was_killed_between_two_renames(tmp_path):
    """Where old and new cannot change places at one stroke, both may be in the hidden folder and nowhere else."""
    with hidden_beside(tmp_path / "report", folder=True) as (path, _):
        (path / "new").mkdir()
        (path / "old").mkdir()
    remove_stale_files(tmp_path)
    assert names_in(path) == ["new", "old"]
    (path / "new").rename(tmp_path / "report")
    remove_stale_files(tmp_path)
    assert names_in(tmp_path) == ["report"]


def test_claim_second_is_refused_and_told_by_whom_until_the_first_has_ended(start, tmp_path):
    first, line = start(CLAIM, "new/a.h5")
    assert line == "claimed"
    second, line = start(CLAIM, "new/a.h5")
    assert line == (
        f"new/a.h5 is being written by another run (process {first.pid}): wait until it has ended, or write elsewhere."
    )
    end(second)
    assert len(names_in(tmp_path / "new")) == 1  # the claim stands
    assert start(CLAIM, "new/b.h5")[1] == "claimed"
    end(first)
    assert start(CLAIM, "new/a.h5")[1] == "claimed"


def test_claim_of_a_killed_process_is_void_and_leaves_no_trace(start, tmp_path):
    first, _ = start(CLAIM, "a.h5")
    kill(first)
    assert len(names_in(tmp_path)) == 1
    second, line = start(CLAIM, "a.h5")
    assert line == "claimed"
    end(second)
    assert names_in(tmp_path) == []


def test_claim_where_nothing_can_be_locked_is_granted(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    assert lock(tmp_path / "file" / "a.h5") is None  # the writing will say what is wrong
    monkeypatch.setattr(locks, "fcntl", None)
    assert lock(tmp_path / "a.h5") is None
    assert names_in(tmp_path) == ["file"]
