"""What is being written is locked; what a killed run has left, which is so no longer, is removed."""

import atexit
import os
import secrets
import shutil
import tempfile
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there, and what a killed run has left stays
    fcntl = None

# In the names of all that is hidden beside outputs, so that no other hidden file is taken for ours.
_MARK = "unfinished"
# How often, and after how many seconds, a lock is asked for again: another run may hold it just to see whether it can.
_TRIES, _PAUSE_S = 5, 0.05


@contextmanager
def hidden_beside(path: Path, *, folder: bool = False):
    """(a new empty file beside path, hidden, with its suffix, or a folder; the handle that locks it, or None).

    The folder that it is in is made where it is missing. It is for the caller to remove.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    made = handle = None
    while made is None:
        made = _make(path, folder)
        try:
            handle = _lock(made)
        except (BlockingIOError, FileNotFoundError):  # another run has just taken it for left over
            made = None
    try:
        yield made, handle
    finally:
        if handle is not None:
            os.close(handle)


def _make(path, folder):
    """The path of a new empty file or folder, hidden, in path's folder."""
    prefix = f".{path.stem[:40]}.{_MARK}."
    if folder:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))
    made = path.with_name(f"{prefix}{secrets.token_hex(8)}{path.suffix}")
    made.touch(exist_ok=False)  # with the permissions of any new file, which mkstemp's has not
    return made


def _lock(path):
    """A handle that locks the file or folder until it is closed; None where there are no locks.

    Raises BlockingIOError where it is locked, FileNotFoundError where it is gone by then, or another is in its place.
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


def remove_stale_files(folder: Path) -> None:
    """Nothing; what killed runs have left in folder is removed, as far as it may be."""
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


def _remove(path):
    """Nothing; the file is removed, or the folder, if it does not hold the only copies of what was in its place."""
    if not path.is_dir():
        path.unlink()
    elif not ((path / "old").exists() and (path / "new").exists()):
        shutil.rmtree(path)


def lock(path: Path) -> str | None:
    """None, and no other can claim path until this process ends; or the id of the one that has claimed it.

    The lock is on a hidden file beside path, which is removed at the end. Where there are no locks all may claim.
    """
    known_by = f"{zlib.crc32(os.fsencode(path.name)):08x}"
    lock_path = path.parent / f".{path.name[:40]}.{_MARK}.{known_by}.lock"
    for attempt in range(_TRIES if fcntl else 0):
        time.sleep(_PAUSE_S if attempt else 0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock_path.touch()
            handle = _lock(lock_path)
        except (BlockingIOError, FileNotFoundError):
            continue
        except OSError:  # what cannot be written is said by what writes it
            return None
        if handle is None:
            lock_path.unlink(missing_ok=True)
            return None
        atexit.register(_give_back, lock_path, handle)
        with suppress(OSError):
            lock_path.write_text(str(os.getpid()))
        return None
    try:
        return lock_path.read_text() or "unknown"
    except OSError:
        return "unknown" if fcntl else None


def _give_back(lock_path, handle):
    """Nothing; the lock's file is gone, and with it the claim."""
    lock_path.unlink(missing_ok=True)
    os.close(handle)
