"""What is being written is locked; what a killed run has left is removed, and nothing else.

Each test runs with this system's locks and with those of Windows, which are imitated.
"""

import atexit
import errno
import subprocess
import sys
from types import SimpleNamespace

import pytest

from speech_autoencoder.system import locks
from speech_autoencoder.system.files import atomic_folder, read_json, write_json
from speech_autoencoder.system.locks import hidden_beside, lock, release_all, released, remove_stale_files
from tests.helpers.common import ROOT, names_in
from tests.helpers.windows import imitate

IMITATE = """
from tests.helpers.windows import imitate
imitate()
"""

# Run in processes of their own: their locks end with them.
LOCK = """
import sys
from pathlib import Path
from speech_autoencoder.system import files
from speech_autoencoder.errors import InputError
try:
    files.lock(Path(sys.argv[1]))
    print("locked", flush=True)
except InputError as error:
    print(error, flush=True)
sys.stdin.read()
"""
HIDE = """
import sys
from pathlib import Path
from speech_autoencoder.system.locks import hidden_beside
with hidden_beside(Path("a.wav")), hidden_beside(Path("report"), folder=True) as folder:
    (folder / "index.html").touch()
    print("hidden", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["here", "Windows"], autouse=True)
def system(request, monkeypatch):
    """Run the test with the locks of this system, and with those of Windows."""
    if request.param == "Windows":
        if sys.platform != "linux":
            pytest.skip("Windows is imitated on Linux")
        imitate(monkeypatch.setattr)
    return request.param


@pytest.fixture
def start(tmp_path, system):
    """Return a function that starts code in tmp_path and returns the process and its first line.

    The process runs until its stdin is closed.
    """
    processes = []

    def run(code, *arguments):
        command = [sys.executable, "-c", (IMITATE if system == "Windows" else "") + code, *arguments]
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        processes.append(subprocess.Popen(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, text=True, **pipes))
        return processes[-1], processes[-1].stdout.readline().strip()

    yield run
    for process in processes:
        process.communicate()


def end(process):
    """Close the process' stdin and wait until it has ended."""
    process.communicate()
    assert process.returncode == 0


def kill(process):
    """Kill the process."""
    process.kill()
    process.communicate()


def test_hidden_beside_has_the_suffix_and_is_not_removed(tmp_path):
    with hidden_beside(tmp_path / "new" / "a.wav") as path:
        assert path.parent == tmp_path / "new"
        assert path.suffix == ".wav"
        assert path.read_bytes() == b""
    assert names_in(tmp_path / "new") == [path.name]


def test_hidden_beside_where_no_file_can_be_made_ends(tmp_path, monkeypatch):
    """In /proc, the system says that there is no such folder, though there is."""

    def refuse(path, *, make=False):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))

    monkeypatch.setattr(locks, "_lock", refuse)
    with pytest.raises(FileNotFoundError), hidden_beside(tmp_path / "a.wav"):
        pass


def test_remove_stale_files_removes_what_a_killed_process_left_and_nothing_else(start, tmp_path):
    others = [".train_data.original.npy", ".hidden", "a.unfinished.wav", ".unfinished"]
    for name in others:
        (tmp_path / name).touch()
    running, killed = start(HIDE)[0], start(HIDE)[0]
    assert len(names_in(tmp_path)) == len(others) + 8  # with their locks
    kill(killed)
    remove_stale_files(tmp_path)
    left = names_in(tmp_path)
    assert len(left) == len(others) + 4
    assert set(others) < set(left)
    kill(running)
    remove_stale_files(tmp_path)
    assert names_in(tmp_path) == sorted(others)
    remove_stale_files(tmp_path / "missing")


def without_locks(monkeypatch):
    """Make the file system one without locks, as some network folders are."""

    def refuse(*args):
        raise OSError(errno.ENOLCK, "no locks")

    module = "fcntl" if locks.fcntl else "msvcrt"
    names = {
        name: getattr(getattr(locks, module), name)
        for name in ("LOCK_EX", "LOCK_NB", "LK_NBLCK")
        if hasattr(getattr(locks, module), name)
    }
    monkeypatch.setattr(locks, module, SimpleNamespace(flock=refuse, locking=refuse, **names))


def test_remove_stale_files_without_locks_removes_nothing(start, tmp_path, monkeypatch):
    kill(start(HIDE)[0])
    before = names_in(tmp_path)
    without_locks(monkeypatch)
    remove_stale_files(tmp_path)
    assert names_in(tmp_path) == before


def test_remove_stale_files_of_an_earlier_version_are_removed(tmp_path):
    """It locked the hidden files themselves."""
    (tmp_path / ".a.unfinished.0123456789abcdef.wav").touch()
    (tmp_path / ".report.unfinished.ab_c12de").mkdir()
    (tmp_path / ".report.unfinished.ab_c12de" / "new").mkdir()
    (tmp_path / ".a.unfinished.notes.txt").touch()  # somebody else's
    remove_stale_files(tmp_path)
    assert names_in(tmp_path) == [".a.unfinished.notes.txt"]


def test_hidden_beside_without_locks_is_made_and_leaves_nothing(tmp_path, monkeypatch):
    without_locks(monkeypatch)
    with hidden_beside(tmp_path / "a.wav") as path:
        remove_stale_files(tmp_path)
        assert path.exists()
        path.unlink()
    assert names_in(tmp_path) == []


def test_remove_stale_files_keeps_a_folder_that_was_killed_between_two_renames(tmp_path):
    """Without an exchange in one step, the hidden folder may have the only copies of the old and the new one."""
    with hidden_beside(tmp_path / "report", folder=True) as path:
        (path / "new").mkdir()
        (path / "old").mkdir()
    remove_stale_files(tmp_path)
    assert names_in(path) == ["new", "old"]
    (path / "new").rename(tmp_path / "report")
    remove_stale_files(tmp_path)
    assert names_in(tmp_path) == ["report"]


def test_lock_second_run_is_refused_and_told_the_process_until_the_first_has_ended(start, tmp_path):
    first, line = start(LOCK, "new/a.h5")
    assert line == "locked"
    second, line = start(LOCK, "new/a.h5")
    assert line == (
        f"new/a.h5 is being written by another run (process {first.pid}): wait until it has ended, or write elsewhere."
    )
    end(second)
    assert len(names_in(tmp_path / "new")) == 1  # that of the first is still locked
    assert start(LOCK, "new/b.h5")[1] == "locked"
    end(first)
    assert start(LOCK, "new/a.h5")[1] == "locked"


def test_lock_of_a_killed_process_is_released_and_leaves_no_trace(start, tmp_path):
    first, _ = start(LOCK, "a.h5")
    kill(first)
    assert len(names_in(tmp_path)) == 1
    second, line = start(LOCK, "a.h5")
    assert line == "locked"
    end(second)
    assert names_in(tmp_path) == []


def test_lock_where_locks_do_not_exist_is_granted(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    assert lock(tmp_path / "file" / "a.h5") is None  # writing will report what is wrong
    without_locks(monkeypatch)
    assert lock(tmp_path / "a.h5") is None
    assert names_in(tmp_path) == ["file"]


def test_lock_twice_in_one_process_is_granted_until_all_are_released(start, tmp_path):
    """As in a notebook, where a script runs again in the process that ran it before."""
    assert lock(tmp_path / "a.h5") is None
    assert lock(tmp_path / "a.h5") is None
    assert start(LOCK, str(tmp_path / "a.h5"))[1].startswith(f"{tmp_path}/a.h5 is being written by another run")
    release_all()
    assert names_in(tmp_path) == []
    assert start(LOCK, str(tmp_path / "a.h5"))[1] == "locked"


def test_atomic_write_and_folder_replace_what_was_there(tmp_path):
    for text in ("old", "new"):
        write_json(tmp_path / "a.json", {"text": text})
        with atomic_folder(tmp_path / "report", lambda folder: True) as folder:
            (folder / "index.html").write_text(text)
        assert read_json(tmp_path / "a.json", "") == {"text": text}
        assert (tmp_path / "report" / "index.html").read_text() == text
    assert names_in(tmp_path) == ["a.json", "report"]


def test_released_ends_the_locks_that_are_taken_within(start, tmp_path):
    """As where a notebook runs a script twice."""
    assert lock(tmp_path / "a.h5") is None
    with released():
        assert lock(tmp_path / "b.h5") is None
        assert lock(tmp_path / "a.h5") is None
        assert start(LOCK, str(tmp_path / "b.h5"))[1] != "locked"
    assert start(LOCK, str(tmp_path / "b.h5"))[1] == "locked"
    assert start(LOCK, str(tmp_path / "a.h5"))[1] != "locked"
    release_all()


def test_released_registers_nothing_for_the_end_of_the_process(tmp_path, monkeypatch):
    monkeypatch.setattr(atexit, "register", lambda *arguments: pytest.fail("registered"))
    with released():
        assert lock(tmp_path / "b.h5") is None
    assert names_in(tmp_path) == []
