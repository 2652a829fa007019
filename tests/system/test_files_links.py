"""Outputs that are symbolic links stay links, and what they lead to is written; what is no file is refused."""

import os

import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import atomic_folder, atomic_write, lock, require_replaceable, require_writable
from tests.helpers.common import names_in, one_line_of


def write(path, text="new"):
    """Write text to path."""
    with atomic_write(path) as temporary:
        temporary.write_text(text)


@pytest.mark.parametrize("relative", [True, False])
def test_atomic_write_link_stays_one_and_its_target_is_written(tmp_path, relative):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "target").write_text("old")
    path = tmp_path / "a.npy"
    path.symlink_to("disk/target" if relative else tmp_path / "disk" / "target")
    with atomic_write(path) as temporary:
        assert temporary.parent == tmp_path / "disk"  # the same disk, so that one step replaces the old file
        assert temporary.suffix == ".npy"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.is_symlink()
    assert (tmp_path / "disk" / "target").read_text() == "new"
    assert names_in(tmp_path / "disk") == ["target"]


def test_atomic_write_exception_behind_a_link_leaves_the_target(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "a.txt").symlink_to("target")
    with pytest.raises(ValueError), atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("half of the n")
        raise ValueError
    assert (tmp_path / "target").read_text() == "old"
    assert names_in(tmp_path) == ["a.txt", "target"]


def test_atomic_write_link_to_what_is_missing_makes_it(tmp_path):
    (tmp_path / "one.txt").symlink_to("two.txt")
    (tmp_path / "two.txt").symlink_to("new/three.txt")
    write(tmp_path / "one.txt")
    assert (tmp_path / "one.txt").is_symlink()
    assert (tmp_path / "two.txt").is_symlink()
    assert (tmp_path / "new" / "three.txt").read_text() == "new"


def test_write_through_a_circle_of_links_is_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    for use in (write, require_writable, lock, lambda path: require_replaceable(path, bool)):
        with pytest.raises(InputError, match="a is a symbolic link that leads in a circle: choose") as error:
            use(tmp_path / "a")
        one_line_of(error)
    for use in (write, require_writable):
        with pytest.raises(InputError, match="c could not be written") as error:
            use(tmp_path / "a" / "c")
        one_line_of(error)
    assert names_in(tmp_path) == ["a", "b"]


def test_write_to_a_pipe_or_device_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "device.wav").symlink_to(os.devnull)
    for use in (write, require_writable):
        for name in ("pipe.wav", "device.wav"):
            with pytest.raises(InputError, match=f"{name} is a pipe or a device, not a file: name a file") as error:
                use(tmp_path / name)
            one_line_of(error)
    assert names_in(tmp_path) == ["device.wav", "pipe.wav"]


def test_write_to_a_write_protected_file_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("kept")
    (tmp_path / "a.txt").chmod(0o444)
    for use in (write, require_writable):
        with pytest.raises(InputError, match=r"a\.txt is write-protected: choose another name") as error:
            use(tmp_path / "a.txt")
        one_line_of(error)
    assert (tmp_path / "a.txt").read_text() == "kept"


def test_atomic_write_keeps_the_permissions_of_the_old_file(tmp_path):
    write(tmp_path / "a.txt")
    (tmp_path / "a.txt").chmod(0o640)
    write(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_atomic_folder_link_to_what_is_missing_makes_it(tmp_path):
    (tmp_path / "report").symlink_to("disk/report")
    with atomic_folder(tmp_path / "report", bool) as temporary:
        (temporary / "index.html").touch()
    assert (tmp_path / "report").is_symlink()
    assert names_in(tmp_path / "disk") == ["report"]
    assert names_in(tmp_path / "disk" / "report") == ["index.html"]


def test_lock_through_a_link_is_that_of_the_target(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "a.h5").symlink_to("disk/target.h5")
    lock(tmp_path / "a.h5")
    assert [name.startswith(".target.h5.") for name in names_in(tmp_path / "disk")] == [True]
