"""Locks on files that are being written; the files of killed runs, which are no longer locked, are removed."""

import atexit
import os
import secrets
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows: nothing is locked there, and the files of killed runs stay
    fcntl = None

# In the names of all temporary files, so that no other hidden file is taken for one.
_MARK = "unfinished"
# How often a lock is tried: another run may hold it for a moment, to find out whether it can.
_TRIES = 5
# Seconds between two tries.
_PAUSE_S = 0.05
# The most characters of an output's name in the name of its temporary file.
_MOST_CHARACTERS = 40


@contextmanager
def hidden_beside(path: Path, *, folder: bool = False) -> Iterator[tuple[Path, int | None]]:
    """Make a hidden file or folder beside path and lock it; the caller removes it.

    Parameters
    ----------
    path : Path
        Its folder is made if it is missing.
    folder : bool
        Make a folder, not a file.

    Yields
    ------
    Path
        A new empty file with the suffix of path, or a folder.
    int or None
        The handle that locks it; None where locks do not exist.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    made = handle = None
    while made is None:
        made = _make(path, folder)
        try:
            handle = _lock(made)
        except (BlockingIOError, FileNotFoundError):  # another run has just taken it for a stale file
            made = None
    try:
        yield made, handle
    finally:
        if handle is not None:
            os.close(handle)


def remove_stale_files(folder: Path) -> None:
    """Remove what killed runs have left in a folder, as far as permissions allow."""
    left = []
    with suppress(OSError), os.scandir(folder) as entries:
        left += [Path(entry) for entry in entries if entry.name.startswith(".") and f".{_MARK}." in entry.name]
    for path in left if fcntl else ():
        with suppress(OSError):
            handle = _lock(path)
            if handle is not None:
                try:
                    _remove(path)
                finally:
                    os.close(handle)


def lock(path: Path) -> str | None:
    """Lock an output until this process ends.

    The lock is on a hidden file beside path, which is removed at the end.

    Returns
    -------
    str or None
        The id of the process that has locked it; None if this one has, or locks do not exist.
    """
    checksum = f"{zlib.crc32(os.fsencode(path.name)):08x}"
    lock_path = path.parent / f".{path.name[:_MOST_CHARACTERS]}.{_MARK}.{checksum}.lock"
    for attempt in range(_TRIES if fcntl else 0):
        time.sleep(_PAUSE_S if attempt else 0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock_path.touch()
            handle = _lock(lock_path)
        except (BlockingIOError, FileNotFoundError):
            continue
        except OSError:  # writing the output will report what is wrong
            return None
        if handle is None:
            lock_path.unlink(missing_ok=True)
            return None
        atexit.register(_release, lock_path, handle)
        with suppress(OSError):
            lock_path.write_text(str(os.getpid()))
        return None
    try:
        return lock_path.read_text() or "unknown"
    except OSError:
        return "unknown" if fcntl else None


def _make(path: Path, folder: bool) -> Path:
    """Make a new empty file or folder, hidden, beside path."""
    prefix = f".{path.stem[:_MOST_CHARACTERS]}.{_MARK}."
    if folder:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))
    made = path.with_name(f"{prefix}{secrets.token_hex(8)}{path.suffix}")
    made.touch(exist_ok=False)  # with the permissions of any new file, unlike mkstemp's
    return made


def _lock(path: Path) -> int | None:
    """Lock a file or folder, and return the handle that holds the lock until it is closed; None without locks.

    Raises BlockingIOError if it is locked, FileNotFoundError if it has been removed or replaced meanwhile.
    """
    if fcntl is None:
        return None
    handle = os.open(path, (os.O_RDONLY if path.is_dir() else os.O_RDWR) | os.O_NOFOLLOW)
    locked = False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(handle), path.lstat()):
            raise FileNotFoundError(path)
        locked = True
        return handle
    except (BlockingIOError, FileNotFoundError):
        raise
    except OSError:  # a file system without locks
        return None
    finally:
        if not locked:
            os.close(handle)


def _remove(path: Path) -> None:
    """Remove a file, or a folder unless it holds the only copies of what it was to replace and to become."""
    if not path.is_dir():
        path.unlink()
    elif not ((path / "old").exists() and (path / "new").exists()):
        shutil.rmtree(path)


def _release(lock_path: Path, handle: int) -> None:
    """Remove the file of a lock, and release the lock."""
    lock_path.unlink(missing_ok=True)
    os.close(handle)
