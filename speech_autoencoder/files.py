"""Outputs that are written whole or not at all."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from speech_autoencoder.errors import InputError

# A sidecar or report larger than this was not written by us.
_JSON_LIMIT = 1 << 30


def shown(path: os.PathLike | str) -> str:
    """A path as one printable line, whatever bytes its name holds."""
    text = os.fspath(path)
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


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


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, with its suffix, that takes its place when the block ends well.

    When it does not, the temporary file is removed, and what was at `path` is as it was. Raises InputError for
    what the operating system refuses.
    """
    temporary = None
    try:
        temporary = _temporary_beside(path)
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
        temporary = None
    except OSError as error:
        raise InputError(f"{shown(path)} could not be written: {explain(error)}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _temporary_beside(path):
    """The path of a new empty file, hidden, in the same folder, which is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise InputError(f"{shown(path)} is a folder: name a file to write.")
    handle, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    return Path(name)


def require_writable(*paths: Path) -> None:
    """Nothing. Raises InputError where no file can be written: to be asked before long work, not after it."""
    for path in paths:
        try:
            _temporary_beside(path).unlink()
        except OSError as error:
            raise InputError(f"{shown(path)} could not be written: {explain(error)}.") from error


@contextmanager
def replacing_folder(path: Path, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place when the block ends well.

    When it does not, the temporary folder is removed, and what was at `path` is as it was. Raises InputError for what
    the operating system refuses, and where `path` holds anything and not is_ours(path).
    """
    require_replaceable(path, is_ours)
    place = path.resolve()  # a link to a folder goes on to be one
    beside = old = None
    try:
        beside = _temporary_folder_beside(place)
        temporary = beside / "new"
        temporary.mkdir()
        yield temporary
        if place.exists():
            require_replaceable(path, is_ours)
            old = place.rename(beside / "old")
        temporary.rename(place)
        old = None
    except OSError as error:
        raise InputError(f"{shown(path)} could not be written: {explain(error)}.") from error
    finally:
        if old is not None:
            old.rename(place)
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)


def require_replaceable(path: Path, is_ours: Callable[[Path], bool]) -> None:
    """Nothing. Raises InputError where no folder can be written, or one is that holds anything but is not ours."""
    try:
        if path.is_dir() and any(path.iterdir()) and not is_ours(path):
            raise InputError(f"{shown(path)} holds other things, which would be lost: name another folder.")
        if path.exists() and not path.is_dir():
            raise InputError(f"{shown(path)} is a file: name a folder to write.")
        _temporary_folder_beside(path.resolve()).rmdir()
    except OSError as error:
        raise InputError(f"{shown(path)} could not be written: {explain(error)}.") from error


def _temporary_folder_beside(path):
    """The path of a new empty folder, hidden, in the same folder, which is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}.", dir=path.parent))


def write_json(path: Path, data: dict) -> None:
    """Nothing; `path` holds data as JSON, arrays as lists."""
    with replacing(path) as temporary, temporary.open("w", encoding="ascii") as file:
        json.dump(data, file, indent=1, default=_listed)
        file.write("\n")


def _listed(value):
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
            raise InputError(f"{shown(path)} is too large for what it should hold: run {made_by} again.")
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{shown(path)} is missing: run {made_by} first.") from None
    except OSError as error:
        raise InputError(f"{shown(path)} could not be read: {explain(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{shown(path)} is damaged ({error}): run {made_by} again.") from error
    if not isinstance(data, dict):
        raise InputError(f"{shown(path)} holds no JSON object: run {made_by} again.")
    return data
