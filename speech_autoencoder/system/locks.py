"""Locks on files that are being written; the files of killed runs, which are no longer locked, are removed.

The standard library's locks, `fcntl.flock` and, on Windows, `msvcrt.locking`, are held by a process and released when
it ends, however it ends. The library filelock takes the same ones, but does not say who holds a lock, nor which hidden
files are stale; its import takes 50 ms.
"""

import atexit
import errno
import os
import re
import secrets
import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

fcntl: ModuleType | None
msvcrt: ModuleType | None
try:
    import fcntl
except ImportError:
    fcntl = None
try:
    import msvcrt  # Windows
except ImportError:
    msvcrt = None

# In the names of all temporary files, so that no other hidden file is taken for one.
_MARK = "unfinished"
_LOCK_SUFFIX = ".lock"
# The part of a hidden file's name that it shares with its lock.
_STEM = re.compile(rf"\..*\.{_MARK}\.[0-9a-z_]{{8,16}}")
# The byte of a file that is locked on Windows, where nobody can read what is locked: beyond the text of a lock's file.
_LOCKED_BYTE = 1 << 20
# What msvcrt.locking raises if another process holds the lock.
_HELD = (errno.EACCES, errno.EDEADLK)
# How often a lock is tried: another run may hold it for a moment, to find out whether it can.
_TRIES = 5
# Seconds between two tries.
_PAUSE_S = 0.05
# The most characters of an output's name in the name of its temporary file.
_MOST_CHARACTERS = 40

# The locks on outputs that this process holds: {path of the lock's file: handle}.
_held: dict[Path, int] = {}
# For each `released` context that has not ended, the locks that were held before it.
_scopes: list[set[Path]] = []


@contextmanager
def hidden_beside(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """Make a hidden file or folder beside path, locked by another hidden file; the caller removes or moves it.

    The lock is on a file of its own, as Windows moves and removes no file that is open.

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
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, _TRIES + 1):
        name = f".{path.stem[:_MOST_CHARACTERS]}.{_MARK}.{secrets.token_hex(8)}"
        lock_path = path.with_name(name + _LOCK_SUFFIX)
        # The lock is there before what it locks, and goes after it: what is hidden and has no lock is stale.
        try:
            handle = _lock(lock_path, make=True)
            break
        except (BlockingIOError, FileNotFoundError):  # another run has just taken it for a stale file
            if attempt == _TRIES:  # or no file can be made here, as in /proc
                raise
    try:
        made = path.with_name(name if folder else name + path.suffix)
        if folder:
            made.mkdir(0o700)
        else:
            made.touch(exist_ok=False)  # with the permissions of any new file, unlike tempfile's
        yield made
    finally:
        _release(lock_path, handle)


def remove_stale_files(folder: Path) -> None:
    """Remove what killed runs have left in a folder, as far as permissions allow."""
    left: dict[str, list[Path]] = {}  # by the name without the suffix
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if match := _STEM.match(entry.name):
                left.setdefault(match[0], []).append(Path(entry))
    for stem, paths in left.items():
        lock_path = folder / (stem + _LOCK_SUFFIX)
        with suppress(OSError):
            handle = _lock(lock_path) if lock_path.exists() else None
            if handle is None and lock_path.exists():
                continue  # a file system without locks: nothing tells whether they are in use
            try:
                for path in paths:
                    if path != lock_path:
                        _remove(path)
            finally:
                _release(lock_path, handle)


def lock(path: Path) -> str | None:
    """Lock an output until this process ends, or `release_all` is called.

    The lock is on a hidden file beside path, which is removed at the end.

    Returns
    -------
    str or None
        The id of the process that has locked it; None if this one has, or locks do not exist.
    """
    checksum = f"{zlib.crc32(os.fsencode(path.name)):08x}"
    lock_path = path.parent / f".{path.name[:_MOST_CHARACTERS]}.{_MARK}.{checksum}{_LOCK_SUFFIX}"
    if lock_path in _held:
        return None
    for attempt in range(_TRIES):
        time.sleep(_PAUSE_S if attempt else 0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = _lock(lock_path, make=True)
        except (BlockingIOError, FileNotFoundError):
            continue
        except OSError:  # writing the output will report what is wrong
            return None
        if handle is None:
            _release(lock_path, None)
            return None
        if not _held and not _scopes:
            atexit.register(release_all)
        _held[lock_path] = handle
        with suppress(OSError):
            os.ftruncate(handle, 0)
            os.write(handle, str(os.getpid()).encode("ascii"))
        return None
    try:
        return lock_path.read_text(encoding="ascii") or "unknown"
    except OSError:
        return "unknown"


@contextmanager
def released() -> Iterator[None]:
    """Release the locks on outputs that are taken within, at its end."""
    before = set(_held)
    _scopes.append(before)
    try:
        yield
    finally:
        _scopes.remove(before)
        for lock_path in _held.keys() - before:
            _release(lock_path, _held.pop(lock_path))


def release_all() -> None:
    """Release every lock on an output that this process holds."""
    while _held:
        _release(*_held.popitem())


def _lock(path: Path, *, make: bool = False) -> int | None:
    """Lock a file, and return the handle that holds the lock until it is closed; None where locks do not exist.

    Raises BlockingIOError if it is locked, FileNotFoundError if it has been removed or replaced meanwhile.
    """
    handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | (os.O_CREAT if make else 0), 0o666)
    locked = False
    try:
        locked = _try_to_lock(handle)
        # Windows removes no file that is open.
        if locked and fcntl is not None and not os.path.samestat(os.fstat(handle), path.lstat()):
            locked = False
            raise FileNotFoundError(path)
        return handle if locked else None
    finally:
        if not locked:
            os.close(handle)


def _try_to_lock(handle: int) -> bool:
    """Lock a file, and return whether that is possible here; raise BlockingIOError if another process has locked it."""
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt is not None:
            os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            return False
    except BlockingIOError:
        raise
    except OSError as error:
        if fcntl is None and error.errno in _HELD:
            raise BlockingIOError from error
        return False  # a file system without locks
    return True


def _remove(path: Path) -> None:
    """Remove a file, or a folder unless it holds the only copies of what it was to replace and to become."""
    if not path.is_dir():
        path.unlink()
    elif not ((path / "old").exists() and (path / "new").exists()):
        shutil.rmtree(path)


def _release(lock_path: Path, handle: int | None) -> None:
    """Remove the file of a lock, and release the lock if there is a handle."""
    with suppress(OSError):  # first, so that no other run locks a file that is about to go
        lock_path.unlink()
    if handle is not None:
        os.close(handle)
        if fcntl is None:  # Windows removes no file that is open; if another run has opened it by now, it stays
            with suppress(OSError):
                lock_path.unlink()
