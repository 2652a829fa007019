"""Copies of remote files: for as long as they are read, and for good."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from speech_autoencoder.storage import copies, server
from speech_autoencoder.storage.copies import cache_folder, fetched, local
from speech_autoencoder.storage.remote_path import expanded
from speech_autoencoder.system.files import atomic_write
from tests.helpers.common import ROOT, names_in

CONTENT = b"an array\n" * 1_000


@pytest.fixture
def remote(bucket):
    """Return the path of a remote file."""
    path = expanded(f"{bucket}/data/train_data.npy")
    write(path, CONTENT)
    return path


@pytest.fixture
def fetches(monkeypatch):
    """Return a list of the paths that are fetched from now on."""
    paths, fetch = [], server.fetch

    def counting(path, place):
        paths.append(str(path))
        fetch(path, place)

    monkeypatch.setattr(server, "fetch", counting)
    return paths


def write(path, content):
    """Write a remote file."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def kept(tmp_path):
    """Return the copies that are kept."""
    return sorted(path for path in (tmp_path / "copies").rglob("*") if path.is_file())


def test_fetched_path_on_this_computer_is_itself(tmp_path):
    with fetched(tmp_path / "a.wav") as copy:
        assert copy == tmp_path / "a.wav"
    assert local(tmp_path / "a.npy") == tmp_path / "a.npy"


def test_fetched_copy_is_private_shared_while_it_is_read_and_removed(remote, fetches, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with fetched(remote) as one:
        with fetched(expanded(str(remote))) as other:
            assert one == other
        assert one.read_bytes() == CONTENT
        assert one.name == remote.name
        if os.name == "posix":
            assert one.parent.stat().st_mode & 0o077 == 0
    assert fetches == [str(remote)]
    assert not one.exists()
    assert [name for name in names_in(tmp_path) if "unfinished" in name] == []


def test_fetched_that_fails_leaves_nothing(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(FileNotFoundError), fetched(expanded(f"{bucket}/none.wav")):
        pass
    assert names_in(tmp_path) == []


def test_fetched_after_a_killed_run_removes_what_it_left(remote, tmp_path, monkeypatch):
    code = f"""if True:
        import os
        from speech_autoencoder.storage.copies import fetched
        from speech_autoencoder.storage.remote_path import expanded
        with fetched(expanded("{remote}")) as copy:
            os.kill(os.getpid(), 9 * os.path.exists(copy))
    """
    (tmp_path / "tmp").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "tmp")}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=False).returncode != 0
    assert len(names_in(tmp_path / "tmp")) == 2  # a folder and its lock
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    with fetched(remote):
        assert len(names_in(tmp_path / "tmp")) == 2
    assert names_in(tmp_path / "tmp") == []


def test_local_copy_is_kept_until_the_file_changes(remote, fetches, tmp_path):
    first = local(remote)
    assert (first.read_bytes(), first.suffix) == (CONTENT, ".npy")
    assert local(expanded(str(remote))) == first
    assert fetches == [str(remote)]
    write(remote, CONTENT[::-1])
    second = local(remote)
    assert second.read_bytes() == CONTENT[::-1]
    assert kept(tmp_path) == [second]
    assert len(fetches) == 2


def test_local_copy_that_cannot_be_made_whole_is_not_kept(remote, tmp_path, monkeypatch):
    real = server._ask

    def cut(path, question):
        answer = real(path, question)
        for place in tmp_path.rglob("*.npy"):
            os.truncate(place, 100)
        return answer

    monkeypatch.setattr(server, "_ask", cut)
    with pytest.raises(ValueError, match=r"could not be copied: .* 100 bytes arrived, expected 9,000; run again"):
        local(remote)
    assert kept(tmp_path) == []


def test_local_of_two_processes_is_fetched_by_one(remote, tmp_path):
    code = f"""if True:
        import time
        from speech_autoencoder.storage import server
        from speech_autoencoder.storage.copies import local
        from speech_autoencoder.storage.remote_path import expanded
        fetch = server.fetch
        def slow(path, place):
            print("fetches", flush=True)
            time.sleep(0.5)
            fetch(path, place)
        server.fetch = slow
        print(len(local(expanded("{remote}")).read_bytes()))
    """
    command = [sys.executable, "-c", code]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = "".join(process.communicate(timeout=60)[0] for process in processes)
    assert sorted(said.split()) == ["9000", "9000", "fetches"]
    assert len(kept(tmp_path)) == 1


def test_cache_folder_is_what_the_variable_says_or_where_the_system_keeps_such_files(monkeypatch, tmp_path):
    monkeypatch.setenv(copies.CACHE_VARIABLE, str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv(copies.CACHE_VARIABLE)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache" / "speech-autoencoder"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "speech-autoencoder"
