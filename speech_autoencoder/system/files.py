"""Outputs that are written whole or not at all."""

import errno
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from speech_autoencoder.errors import InputError
from speech_autoencoder.system import locks

# A sidecar or report larger than this was not written by us.
_JSON_LIMIT = 1 << 30


def printable(path: os.PathLike | str) -> str:
    """A path as one printable line, whatever bytes its name holds."""
    text = os.fspath(path)
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def is_regular(status: os.stat_result) -> bool:
    """Return whether a path of this status is a regular file: opening another, such as a pipe, may block."""
    return stat.S_ISREG(status.st_mode)


def explain(error: OSError) -> str:
    """What the operating system said, and the next step."""
    steps = {
        errno.ENOSPC: "the disk is full: free some space and run again",
        errno.EFBIG: "the file is larger than allowed here: raise the limit or write elsewhere",
        errno.EACCES: "permission denied: choose a place that you may use",
        errno.EPERM: "permission denied: choose a place that you may use",
        errno.EROFS: "the file system is read-only: write elsewhere",
        errno.ENOENT: "there is no such file or folder",
        errno.EISDIR: "it is a folder",
        errno.ENOTDIR: "a part of its path is a file, not a folder",
        errno.EEXIST: "its folder's name is taken by a file",
    }
    return steps.get(error.errno, error.strerror or type(error).__name__)


def lock(path: Path) -> None:
    """Nothing; until this process ends, no other run may claim path. Raises InputError where one has.

    To be asked before work whose parts belong together, or which would be done twice. Where nothing can be locked
    (Windows, some network folders), nothing is.
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
    """A temporary path beside `path`, with its suffix, that takes its place when the block ends well.

    When it does not, the temporary file is removed, and what was at `path` is as it was. Raises InputError for
    what the operating system refuses.
    """
    try:
        with _temporary_beside(path) as (temporary, handle):
            try:
                yield temporary
                if handle is not None:
                    os.fsync(handle)  # or a power cut could leave an empty file in the old one's place
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{printable(path)} could not be written: {explain(error)}.") from error


def _temporary_beside(path):
    """A new hidden file beside path and the handle that locks it, as a context."""
    if path.is_dir():
        raise InputError(f"{printable(path)} is a folder: name a file to write.")
    return locks.hidden_beside(path)


def require_writable(*paths: Path) -> None:
    """Nothing. Raises InputError where no file can be written: to be asked before long work, not after it.

    What killed runs have left where the files will be is removed.
    """
    for folder in {path.parent for path in paths}:
        locks.remove_stale_files(folder)
    for path in paths:
        try:
            with _temporary_beside(path) as (temporary, _):
                temporary.unlink()
        except OSError as error:
            raise InputError(f"{printable(path)} could not be written: {explain(error)}.") from error


@contextmanager
def atomic_folder(path: Path, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place when the block ends well.

    When it does not, the temporary folder is removed, and what was at `path` is as it was. Raises InputError for what
    the operating system refuses, and where `path` holds anything and not is_ours(path).
    """
    require_replaceable(path, is_ours)
    place = path.resolve()  # a link to a folder goes on to be one
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


def _put_in_place(temporary, place, old):
    """Nothing; the folder `temporary` is at `place`, and what was there is elsewhere, or all is as it was."""
    if not place.exists():
        temporary.rename(place)
    elif not _swap(temporary, place):
        try:
            place.rename(old)
            temporary.rename(place)
        except BaseException:  # Ctrl-C between the two, too, must not lose what was there
            if not place.exists():
                old.rename(place)
            raise


def _swap(one, other):
    """Whether the two have changed places, at one stroke: Linux can do that, on most file systems."""
    if sys.platform != "linux":
        return False
    import ctypes

    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)  # missing from the C library before glibc 2.28
    at_cwd, exchange = -100, 2
    return bool(renameat2) and renameat2(at_cwd, os.fsencode(one), at_cwd, os.fsencode(other), exchange) == 0


def require_replaceable(path: Path, is_ours: Callable[[Path], bool]) -> None:
    """Nothing. Raises InputError where no folder can be written, or one is that holds anything but is not ours.

    What killed runs have left beside it is removed.
    """
    try:
        if path.is_dir() and any(path.iterdir()) and not is_ours(path):
            raise InputError(f"{printable(path)} holds other things, which would be lost: name another folder.")
        if path.exists() and not path.is_dir():
            raise InputError(f"{printable(path)} is a file: name a folder to write.")
        locks.remove_stale_files(path.resolve().parent)
        with locks.hidden_beside(path.resolve(), folder=True) as (beside, _):
            beside.rmdir()
    except OSError as error:
        raise InputError(f"{printable(path)} could not be written: {explain(error)}.") from error


def write_json(path: Path, data: dict) -> None:
    """Nothing; `path` holds data as JSON, arrays as lists."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="ascii") as file:
        json.dump(data, file, indent=1, default=_to_list)
        file.write("\n")


def _to_list(value):
    """An array as a list, for JSON."""
    if not hasattr(value, "tolist"):
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    return value.tolist()


def read_json(path: Path, made_by: str) -> dict:
    """The JSON object in `path`; `made_by` names the script that makes it.

    Raises InputError when it is missing, too large or no JSON object.
    """
    try:
        if path.stat().st_size > _JSON_LIMIT:
            raise InputError(f"{printable(path)} is too large for what it should hold: run {made_by} again.")
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{printable(path)} is missing: run {made_by} first.") from None
    except OSError as error:
        raise InputError(f"{printable(path)} could not be read: {explain(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{printable(path)} is damaged ({error}): run {made_by} again.") from error
    if not isinstance(data, dict):
        raise InputError(f"{printable(path)} holds no JSON object: run {made_by} again.")
    return data
