"""Outputs are written whole or not at all; what cannot be written or read is reported in one line."""

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.system import files
from speech_autoencoder.system.files import (
    atomic_folder,
    atomic_write,
    explain,
    printable,
    read_json,
    require_replaceable,
    require_writable,
    write_json,
)
from tests.helpers.common import ROOT, names_in, one_line_of


def test_write_json_read_json_round_trip(tmp_path):
    data = {"name": "한국어 \udcff\n", "numbers": [0, -1, 1.5, 1e-300], "nothing": None, "deep": {"yes": True}}
    write_json(tmp_path / "a.json", data)
    assert read_json(tmp_path / "a.json", "x.py") == data


def test_write_json_same_data_same_bytes(tmp_path):
    for name in ("a.json", "b.json"):
        write_json(tmp_path / name, {"b": 1, "a": [1.25]})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert (tmp_path / "a.json").read_bytes().endswith(b"\n")


def test_atomic_write_block_that_ends_well_replaces_the_old_file(tmp_path):
    path = tmp_path / "a.wav"
    path.write_text("old")
    with atomic_write(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".wav"  # what Keras and libsndfile tell the format from
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names_in(tmp_path) == ["a.wav"]


def test_atomic_write_missing_folders_are_made(tmp_path):
    write_json(tmp_path / "some" / "where" / "a.json", {})
    assert (tmp_path / "some" / "where" / "a.json").is_file()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, InputError])
def test_atomic_write_exception_in_the_block_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), atomic_write(path) as temporary:
        temporary.write_text("half of the n")
        raise error
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["a.txt"]


def test_atomic_write_full_disk_is_reported_in_one_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    said = r"a\.txt could not be written: the disk is full; free some space"
    with pytest.raises(InputError, match=said) as error, atomic_write(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    one_line_of(error)
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["a.txt"]


def test_atomic_write_and_folder_whose_folder_vanishes_report_it_in_one_line(tmp_path):
    for write in (atomic_write, lambda path: atomic_folder(path, is_ours)):
        with pytest.raises(InputError, match="a could not be written: there is no such file") as error:  # noqa: SIM117
            with write(tmp_path / "out" / "a") as temporary:
                shutil.rmtree(tmp_path / "out")
                (temporary / "x" if write is not atomic_write else temporary).open("x").close()
        one_line_of(error)
        assert names_in(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_atomic_write_permissions_are_those_of_an_ordinary_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_json(tmp_path / "a.json", {})
        assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o666 & ~umask
        assert os.umask(umask) == umask  # the process' own is unchanged
    finally:
        os.umask(before)


def test_atomic_write_contents_are_on_the_disk_before_the_old_file_goes(tmp_path, monkeypatch):
    """Otherwise, a power cut could leave an empty file in its place."""
    path, synced = tmp_path / "a.txt", []
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append((os.pread(handle, 9, 0), path.read_text())))
    with atomic_write(path) as temporary:
        temporary.write_text("new")
    assert synced == [(b"new", "old")]


@pytest.mark.parametrize("name", ["모델.json", "a b\nc.json", "x" * 250 + ".json", os.fsdecode(b"\xff\xfe.json")])
def test_write_json_any_name_is_written(tmp_path, name):
    try:
        (tmp_path / name).touch()
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    write_json(tmp_path / name, {"a": 1})
    assert read_json(tmp_path / name, "x.py") == {"a": 1}
    assert names_in(tmp_path) == [name]


def test_atomic_write_over_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="is a folder: name a file"):
        write_json(tmp_path, {})


def test_atomic_write_file_as_parent_is_refused(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(InputError, match=r"b\.json could not be written"):
        write_json(tmp_path / "a" / "b.json", {})


def test_atomic_write_name_too_long_is_refused(tmp_path):
    with pytest.raises(InputError, match="could not be written"):
        write_json(tmp_path / ("a" * 300), {})
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("write", [require_writable, lambda path: write_json(path, {})])
def test_write_to_folder_without_permission_is_refused(as_user, write):
    as_user.chmod(0o500)
    try:
        for path in (as_user / "a.json", as_user / "new" / "a.json"):
            with pytest.raises(InputError, match=r"a\.json could not be written: permission denied") as error:
                write(path)
            one_line_of(error)
    finally:
        as_user.chmod(0o700)
    assert names_in(as_user) == []


def test_read_json_without_permission_is_refused(as_user):
    write_json(as_user / "a.json", {})
    (as_user / "a.json").chmod(0)
    with pytest.raises(InputError, match=r"a\.json could not be read: permission denied"):
        read_json(as_user / "a.json", "x.py")


def test_require_writable_leaves_only_new_folders(tmp_path):
    (tmp_path / "a.h5").write_text("old")
    require_writable(tmp_path / "a.h5", tmp_path / "b" / "c.h5")
    assert (tmp_path / "a.h5").read_text() == "old"
    assert names_in(tmp_path) == ["a.h5", "b"]
    assert names_in(tmp_path / "b") == []


def test_require_writable_second_of_two_is_refused_by_its_name(tmp_path):
    (tmp_path / "a").touch()
    for name, reason in (("b.h5", "a file has the name of its folder"), ("b/c.h5", "a part of its path is a file")):
        with pytest.raises(InputError, match=rf"{name} could not be written: {reason}") as error:
            require_writable(tmp_path / "c.h5", tmp_path / "a" / name)
        one_line_of(error)
    with pytest.raises(InputError, match="is a folder: name a file"):
        require_writable(tmp_path)


def test_read_json_missing_names_the_script_to_run(tmp_path):
    with pytest.raises(InputError, match=r"a\.json is missing: run train_data_generator\.py first"):
        read_json(tmp_path / "a.json", "train_data_generator.py")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"a": 1,}', b"\xff\xfe{}", b'{"a": 1} x', b"\x00", b"[" * 100_000, b'{"a": ' + b"9" * 5_000 + b"}"],
    ids=["empty", "cut short", "comma", "not UTF-8", "more behind", "zeros", "nested", "long number"],
)
def test_read_json_damaged_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json is damaged .*: run x\.py again") as error:
        read_json(tmp_path / "a.json", "x.py")
    one_line_of(error)


@pytest.mark.parametrize("data", [[], "a", 1, None, True])
def test_read_json_without_an_object_is_refused(tmp_path, data):
    (tmp_path / "a.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"does not hold a JSON object: run x\.py again"):
        read_json(tmp_path / "a.json", "x.py")


def test_read_json_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="could not be read: it is a folder"):
        read_json(tmp_path, "x.py")


def test_printable_of_a_printable_path_is_unchanged(tmp_path):
    assert (
        printable(tmp_path / "한국어 with spaces 'and quotes'.wav") == f"{tmp_path}/한국어 with spaces 'and quotes'.wav"
    )


def test_printable_of_an_unprintable_path_is_one_line():
    assert printable(os.fsdecode(b"a\nb\x1b[2J\xff.wav")) == r"a\nb\x1b[2J\udcff.wav"


def test_explain_unknown_error_is_the_systems_message_or_the_type():
    assert explain(OSError(errno.ELOOP, os.strerror(errno.ELOOP))) == os.strerror(errno.ELOOP)
    assert explain(OSError()) == "OSError"


# kill -9

# Writes a file and a folder again and again, each time killed one step later, until a run ends before it is killed.
# Prints what exists then, and after the next run.
DIE_LATER_EACH_TIME = """
import itertools, os, signal, sys
from pathlib import Path
from speech_autoencoder.system.files import read_json, atomic_folder, require_writable, write_json

def run(n_steps, text):
    def watch(event, arguments):
        nonlocal n_steps
        if event == "open" or event.startswith(("os.", "shutil.", "fcntl.")):
            n_steps -= 1
            if n_steps == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    if pid := os.fork():
        return os.waitpid(pid, 0)[1]
    sys.addaudithook(watch)
    require_writable(Path("a.json"))
    write_json(Path("a.json"), {"text": text})
    with atomic_folder(Path("report"), lambda path: True) as temporary:
        for name in ("index.html", "sound.wav"):
            (temporary / name).write_text(text)
    os._exit(0)

def texts():
    return read_json(Path("a.json"), "")["text"], *(path.read_text() for path in sorted(Path("report").iterdir()))

run(-1, "old")
for n_steps in itertools.count(1):
    status = run(n_steps, "new")
    print(status, *texts())
    if status == 0:
        break
    run(-1, "old")
    print(*texts(), *sorted(os.listdir()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere two folders cannot be exchanged in one step")
def test_write_killed_at_any_step_leaves_old_or_new_and_the_next_run_cleans_up(tmp_path):
    command = [sys.executable, "-c", DIE_LATER_EACH_TIME]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.stderr == ""
    *lines, last = done.stdout.splitlines()
    assert last == "0 new new new"
    killed, cleaned = lines[::2], lines[1::2]
    assert len(killed) > 30
    assert set(killed) == {f"9 {texts}" for texts in ("old old old", "new old old", "new new new")}
    assert set(cleaned) == {"old old old a.json report"}


# Folders


def is_ours(folder):
    """Return whether the tests below may replace a folder."""
    return (folder / "index.html").exists()


def test_atomic_folder_replaces_the_old_one_whole(tmp_path):
    path = tmp_path / "some" / "report"
    for text in ("old", "new"):
        with atomic_folder(path, is_ours) as temporary:
            (temporary / "index.html").write_text(text)
            (temporary / f"{text}.wav").touch()
            assert not (path / f"{text}.wav").exists()
        assert (path / "index.html").read_text() == text
        assert names_in(path) == sorted(["index.html", f"{text}.wav"])
    assert names_in(path.parent) == ["report"]


def test_atomic_folder_without_a_swap_replaces_the_old_one_too(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_swap", lambda one, other: False)
    for text in ("old", "new"):
        with atomic_folder(tmp_path / "report", is_ours) as temporary:
            (temporary / "index.html").write_text(text)
    assert (tmp_path / "report" / "index.html").read_text() == "new"
    assert names_in(tmp_path) == ["report"]


def test_atomic_folder_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "other").mkdir()
    with atomic_folder(tmp_path / "report", is_ours) as temporary:
        (temporary / "index.html").touch()
    assert (tmp_path / "report").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, InputError, OSError(errno.ENOSPC, "full")])
def test_atomic_folder_exception_leaves_the_old_one(tmp_path, error):
    path = tmp_path / "report"
    with atomic_folder(path, is_ours) as temporary:
        (temporary / "index.html").write_text("old")
    with pytest.raises((ValueError, KeyboardInterrupt, InputError)), atomic_folder(path, is_ours) as temporary:
        (temporary / "index.html").write_text("half of the n")
        raise error
    assert (path / "index.html").read_text() == "old"
    assert names_in(tmp_path) == ["report"]


RENAME = Path.rename


def refuse_the_new(path, target):
    """Rename as Path.rename does, but refuse to put the new folder in place."""
    if path.name == "new":
        raise OSError(errno.EACCES, "no")
    return RENAME(path, target)


def interrupt_after_the_old(path, target):
    """Rename as Path.rename does, then raise what Ctrl-C does when the old folder was moved aside."""
    RENAME(path, target)
    if target.name == "old":
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("rename", "error", "words"),
    [(refuse_the_new, InputError, "permission denied"), (interrupt_after_the_old, KeyboardInterrupt, None)],
)
def test_atomic_folder_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path, monkeypatch, rename, error, words):
    path = tmp_path / "report"
    with atomic_folder(path, is_ours) as temporary:
        (temporary / "index.html").write_text("old")
    monkeypatch.setattr(files, "_swap", lambda one, other: False)
    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(error, match=words), atomic_folder(path, is_ours) as temporary:
        (temporary / "index.html").write_text("new")
    assert (path / "index.html").read_text() == "old"
    assert names_in(tmp_path) == ["report"]


def test_atomic_folder_over_other_files_is_refused_before_the_work(tmp_path):
    path = tmp_path / "thesis"
    path.mkdir()
    (path / "chapter 1.txt").write_text("years of work")
    for refuse in (lambda: require_replaceable(path, is_ours), lambda: atomic_folder(path, is_ours).__enter__()):
        with pytest.raises(InputError, match="thesis holds other files") as error:
            refuse()
        one_line_of(error)
    with pytest.raises(InputError, match="is a file"):
        require_replaceable(path / "chapter 1.txt", is_ours)
    assert names_in(tmp_path) == ["thesis"]
    assert names_in(path) == ["chapter 1.txt"]


def test_atomic_folder_that_is_a_link_stays_one(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "report").symlink_to(tmp_path / "disk", target_is_directory=True)
    with atomic_folder(tmp_path / "report", is_ours) as temporary:
        (temporary / "index.html").touch()
    assert (tmp_path / "report").is_symlink()
    assert names_in(tmp_path / "disk") == ["index.html"]
