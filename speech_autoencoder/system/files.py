"""Files and folders that are written whole or not at all, and messages about those that cannot be."""

import ctypes
import errno
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from speech_autoencoder.errors import InputError
from speech_autoencoder.system import locks

# A larger sidecar or report, in bytes, was not written by this program.
_JSON_LIMIT = 1 << 30
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
# Arguments of Linux's renameat2: paths are relative to the working directory; the two change places.
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def printable(path: os.PathLike | str) -> str:
    """Return a path as one printable line, whatever bytes its name holds."""
    text = os.fspath(path)
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def explain(error: OSError) -> str:
    """Return what an error of the operating system means, and the next step."""
    return _EXPLANATIONS.get(error.errno or 0, error.strerror or type(error).__name__)


def is_regular(status: os.stat_result) -> bool:
    """Return whether a path of this status is a regular file: opening another, such as a pipe, may block."""
    return stat.S_ISREG(status.st_mode)


def lock(path: Path) -> None:
    """Lock an output until this process ends, so that no other run writes it.

    Call it before work whose outputs belong together, or which would be done twice. Where locks do not exist (on
    Windows, in some network folders), it does nothing.

    Raises
    ------
    InputError
        If another run has locked it.
    """
    locks.remove_stale_files(path.parent)
    owner = locks.lock(path)
    if owner:
        raise InputError(
            f"{printable(path)} is being written by another run (process {owner}): wait until it has ended, "
            "or write elsewhere."
        )


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file whole or not at all: if the block ends with an error, the old file stays.

    The folder of `path` is made if it is missing.

    Yields
    ------
    Path
        A temporary file in the same folder, with the same suffix, that replaces `path` after the block.

    Raises
    ------
    InputError
        If the operating system refuses.
    """
    try:
        with _temporary_beside(path) as (temporary, handle):
            try:
                yield temporary
                if handle is not None:
                    os.fsync(handle)  # or a power cut could leave an empty file in place of the old one
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{printable(path)} could not be written: {explain(error)}.") from error


def require_writable(*paths: Path) -> None:
    """Check that files can be written, and remove stale files where they will be; call it before long work.

    Raises
    ------
    InputError
        If one cannot be written.
    """
    for folder in {path.parent for path in paths}:
        locks.remove_stale_files(folder)
    for path in paths:
        try:
            with _temporary_beside(path) as (temporary, _):
                temporary.unlink()
        except OSError as error:
            raise InputError(f"{printable(path)} could not be written: {explain(error)}.") from error


def _temporary_beside(path: Path) -> AbstractContextManager[tuple[Path, int | None]]:
    """Return a context of a new hidden file beside path and of the handle that locks it."""
    if path.is_dir():
        raise InputError(f"{printable(path)} is a folder: name a file to write.")
    return locks.hidden_beside(path)


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
    place = path.resolve()  # a link to a folder stays one
    try:
        with locks.hidden_beside(place, folder=True) as (beside, _):
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
    try:
        if path.is_dir() and any(path.iterdir()) and not is_ours(path):
            raise InputError(f"{printable(path)} holds other files, which would be lost: name another folder.")
        if path.exists() and not path.is_dir():
            raise InputError(f"{printable(path)} is a file: name a folder to write.")
        locks.remove_stale_files(path.resolve().parent)
        with locks.hidden_beside(path.resolve(), folder=True) as (beside, _):
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
        If the file is missing, too large or not a JSON object.
    """
    try:
        if path.stat().st_size > _JSON_LIMIT:
            raise InputError(f"{printable(path)} is too large for its purpose: run {made_by} again.")
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{printable(path)} is missing: run {made_by} first.") from None
    except OSError as error:
        raise InputError(f"{printable(path)} could not be read: {explain(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{printable(path)} is damaged ({error}): run {made_by} again.") from error
    if not isinstance(data, dict):
        raise InputError(f"{printable(path)} does not hold a JSON object: run {made_by} again.")
    return data
