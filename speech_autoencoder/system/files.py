"""Files and folders that are written whole or not at all, and messages about those that cannot be."""

import ctypes
import errno
import json
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech_autoencoder.errors import InputError
from speech_autoencoder.system import locks

# What the operating system's errors mean, and the next step.
_EXPLANATIONS = {
    errno.ENOSPC: "the disk is full; free some space and run again",
    errno.EFBIG: "the file is larger than allowed here; raise the limit or write elsewhere",
    errno.EACCES: "permission denied; choose a place where you have permission",
    errno.EPERM: "permission denied; choose a place where you have permission",
    errno.EROFS: "the file system is read-only; write elsewhere",
    errno.ENOENT: "there is no such file or folder; check the path",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENOTDIR: "a part of its path is a file, not a folder; choose another path",
    errno.EEXIST: "a file has the name of its folder; choose another folder",
}
# What Windows' errors mean: "access denied" is also what it says of replacing a file that is open.
_WINDOWS_EXPLANATIONS = {
    5: "permission denied, or another program has it open; close it there, or write elsewhere",
    32: "another program has it open; close it there and run again",
    33: "another program has locked it; close it there and run again",
    1224: "another program has it open; close it there and run again",
}
# Enough of a file to recognise a pointer of Git LFS.
_LFS_HEAD_BYTES = 64
# The permissions to write a file; on Windows, its attribute "read-only" takes them all.
_MAY_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
# How often a file is replaced on Windows, where a virus scanner may have opened it; the seconds in between.
_TRIES = 10
_PAUSE_S = 0.1
# Arguments of Linux's renameat2: paths are relative to the working directory; the two change places.
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # in Python 3.11, classes can only be derived from the Path of a system


class Elsewhere(_Path):
    """A path that is not on this computer: what opens files refuses it, but for what `storage/` makes use it."""

    def __fspath__(self) -> str:
        raise InputError(f"{self} is a URL, which is not taken here: name a file or a folder on this computer.")

    def require_writable(self) -> None:
        """Check that a file can be written here; raise OSError if not."""
        raise NotImplementedError

    def put(self, temporary: Path) -> None:
        """Write a file that is on this computer here, whole or not at all; raise OSError if that fails."""
        raise NotImplementedError


def printable(path: os.PathLike | str) -> str:
    """Return a path as one printable line, whatever bytes its name holds."""
    text = str(path) if isinstance(path, Path) else os.fspath(path)
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def explain(error: OSError) -> str:
    """Return what an error of the operating system means, and the next step."""
    explanations = _WINDOWS_EXPLANATIONS.get(getattr(error, "winerror", None) or 0), _EXPLANATIONS.get(error.errno or 0)
    return next(filter(None, explanations), error.strerror or type(error).__name__)


def is_lfs_pointer(head: bytes) -> bool:
    """Return whether a file that begins like this is a pointer of Git LFS, which stands in a checkout for the file."""
    return head.startswith(b"version https://git-lfs.github.com/")


def require_content(path: Path) -> None:
    """Check that a file is not the pointer of Git LFS to it; a file that cannot be read passes.

    Raises
    ------
    InputError
        If it is one.
    """
    if isinstance(path, Elsewhere):  # read where its content is
        return
    try:
        if not is_regular(path.stat()):  # opening a pipe may block
            return
        with path.open("rb") as file:
            head = file.read(_LFS_HEAD_BYTES)
    except OSError:
        return
    if is_lfs_pointer(head):
        raise InputError(f"{printable(path)} is a Git LFS pointer, not the file itself: run git lfs pull.")


def is_regular(status: os.stat_result) -> bool:
    """Return whether a path of this status is a regular file: opening another, such as a pipe, may block."""
    return stat.S_ISREG(status.st_mode)


def destination(path: Path) -> Path:
    """Return where an output goes: its path, or where the symbolic links in it lead.

    Raises
    ------
    InputError
        If that is a loop of links, a folder, a pipe or a device, or a file that is write-protected.
    """
    place = path if isinstance(path, Elsewhere) else _end_of_links(path)
    try:
        status = place.stat()
    except OSError:  # none yet; if it is something else, writing reports it
        return place
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{printable(path)} is a folder: name a file to write.")
    if not is_regular(status):
        raise InputError(f"{printable(path)} is a pipe or a device, not a file: name a file to write.")
    if not status.st_mode & _MAY_WRITE:
        raise InputError(f"{printable(path)} is write-protected: choose another name, or make it writable.")
    return place


def ignores_case(folder: Path) -> bool:
    """Return whether two names in a folder that differ only in capital letters are one file."""
    with suppress(OSError), locks.hidden_beside(folder / "case") as path:
        try:
            return path.with_name(path.name.upper()).exists()
        finally:
            path.unlink()
    return False


def _end_of_links(path: Path) -> Path:
    """Return a path without symbolic links; raise InputError if they form a loop."""
    place = Path(os.path.realpath(path))
    if os.path.islink(place):  # noqa: PTH114 - unlike Path's method, it raises nothing: writing reports what is wrong
        raise InputError(f"{printable(path)} is a symbolic link that leads in a circle: choose another name.")
    return place


def lock(path: Path) -> None:
    """Lock an output, so that no other run writes it, until `locks_released` or this process ends.

    Call it before work whose outputs belong together, or which would be done twice. Where locks do not exist (under
    URLs, in some network folders), it does nothing.

    Raises
    ------
    InputError
        If another run has locked it.
    """
    if isinstance(path, Elsewhere):
        return
    place = _end_of_links(path)
    locks.remove_stale_files(place.parent)
    owner = locks.lock(place)
    if owner:
        raise InputError(
            f"{printable(path)} is being written by another run (process {owner}): wait until it has ended, "
            "or write elsewhere."
        )


@contextmanager
def locks_released() -> Iterator[None]:
    """Release the locks that are taken within, at its end: a decorator of what a session may run again."""
    with locks.released():
        yield


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file whole or not at all: if the block ends with an error, the old file stays.

    The folder of `path` is made if it is missing. If `path` is a symbolic link, it stays one, and the file that it
    leads to is written.

    Yields
    ------
    Path
        A temporary file in the same folder, with the suffix of `path`, that replaces the file after the block. Of a
        path elsewhere, it is in the folder for temporary files.

    Raises
    ------
    InputError
        If the operating system refuses.
    """
    place = destination(path)
    try:
        if isinstance(path, Elsewhere):
            with temporary_folder() as folder:
                temporary = folder / path.name
                yield temporary
                path.put(temporary)
            return
        with locks.hidden_beside(place.with_suffix(path.suffix)) as temporary:
            try:
                yield temporary
                with temporary.open("r+b") as file:
                    os.fsync(file.fileno())  # or a power cut could leave an empty file in place of the old one
                with suppress(OSError):  # there is no old file, or permissions do not exist here
                    shutil.copymode(place, temporary)
                _replace(temporary, place)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{printable(path)} could not be written: {explain(error)}.") from error


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder for temporary files, which is removed at the end; what killed runs have left is removed, too."""
    place = Path(tempfile.gettempdir(), "speech-autoencoder")
    _remove_stale_once(place.parent)
    with locks.hidden_beside(place, folder=True) as folder:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@cache
def _remove_stale_once(folder: Path) -> None:
    """Remove what killed runs have left in a folder, once in this process."""
    locks.remove_stale_files(folder)


def _replace(temporary: Path, place: Path) -> None:
    """Move a file to its place; on Windows, wait a moment if another program has just opened what is there."""
    for _ in range(_TRIES if os.name == "nt" else 0):
        try:
            temporary.replace(place)
            return
        except PermissionError:
            time.sleep(_PAUSE_S)
    temporary.replace(place)


def require_writable(*paths: Path) -> None:
    """Check that files can be written, and remove stale files where they will be; call it before long work.

    Raises
    ------
    InputError
        If one cannot be written.
    """
    places = [destination(path) for path in paths]
    for folder in {place.parent for place in places if not isinstance(place, Elsewhere)}:
        locks.remove_stale_files(folder)
    for path, place in zip(paths, places, strict=True):
        try:
            if isinstance(place, Elsewhere):
                place.require_writable()
                continue
            with locks.hidden_beside(place) as temporary:
                temporary.unlink()
        except OSError as error:
            raise InputError(f"{printable(path)} could not be written: {explain(error)}.") from error


@contextmanager
def atomic_folder(path: Path, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Write a folder whole or not at all: if the block ends with an error, the old folder stays.

    `is_ours` returns whether an existing folder may be replaced.

    Yields
    ------
    Path
        A temporary folder that replaces `path` after the block.

    Raises
    ------
    InputError
        If the operating system refuses, or the existing folder holds other things.
    """
    require_replaceable(path, is_ours)
    place = _end_of_links(path)  # a link to a folder stays one
    try:
        with locks.hidden_beside(place, folder=True) as beside:
            try:
                temporary = beside / "new"
                temporary.mkdir()
                yield temporary
                if place.exists():
                    require_replaceable(path, is_ours)
                _put_in_place(temporary, place, beside / "old")
            finally:
                shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise InputError(f"{printable(path)} could not be written: {explain(error)}.") from error


def require_replaceable(path: Path, is_ours: Callable[[Path], bool]) -> None:
    """Check that a folder can be written, and remove stale files beside it; call it before long work.

    `is_ours` returns whether an existing folder may be replaced.

    Raises
    ------
    InputError
        If it cannot be written, or holds other things.
    """
    place = _end_of_links(path)
    try:
        if path.is_dir() and any(path.iterdir()) and not is_ours(path):
            raise InputError(f"{printable(path)} holds other files, which would be lost: name another folder.")
        if path.exists() and not path.is_dir():
            raise InputError(f"{printable(path)} is a file: name a folder to write.")
        locks.remove_stale_files(place.parent)
        with locks.hidden_beside(place, folder=True) as beside:
            beside.rmdir()
    except OSError as error:
        raise InputError(f"{printable(path)} could not be written: {explain(error)}.") from error


def _put_in_place(temporary: Path, place: Path, old: Path) -> None:
    """Move `temporary` to `place`, and what was there elsewhere; if that fails, all is as it was."""
    if not place.exists():
        temporary.rename(place)
    elif not _swap(temporary, place):
        try:
            place.rename(old)
            temporary.rename(place)
        except BaseException:  # Ctrl-C between the two must not lose the old folder either
            if not place.exists():
                old.rename(place)
            raise


def _swap(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, and return whether that was possible: it is on Linux, on most file systems."""
    if sys.platform != "linux":
        return False
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)  # missing from the C library before glibc 2.28
    if renameat2 is None:
        return False
    return renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write data as JSON, arrays as lists."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="ascii") as file:
        json.dump(data, file, indent=1, default=_to_list)
        file.write("\n")


def _to_list(value: Any) -> Any:
    """Return an array as a list, for JSON."""
    if not hasattr(value, "tolist"):
        raise TypeError(f"{type(value).__name__} cannot be written as JSON")
    return value.tolist()


def read_json(path: Path, made_by: str) -> dict[str, Any]:
    """Return the JSON object in a file; messages suggest to run the script `made_by`, which makes it.

    Raises
    ------
    InputError
        If the file is missing or not a JSON object.
    """
    require_content(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{printable(path)} is missing: run {made_by} first.") from None
    except OSError as error:
        raise InputError(f"{printable(path)} could not be read: {explain(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{printable(path)} is damaged ({error}): run {made_by} again.") from error
    if not isinstance(data, dict):
        raise InputError(f"{printable(path)} does not hold a JSON object: run {made_by} again.")
    return data
