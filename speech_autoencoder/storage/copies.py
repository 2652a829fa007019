"""Copies of remote files on this computer: of a recording while it is read, of an array or a model for good."""

import hashlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from speech_autoencoder.errors import InputError
from speech_autoencoder.storage import server
from speech_autoencoder.storage.remote_path import RemotePath
from speech_autoencoder.system import locks
from speech_autoencoder.system.files import atomic_write, temporary_folder

# The environment variable that names the folder of copies.
CACHE_VARIABLE = "SPEECH_AUTOENCODER_CACHE"
# Seconds between two looks at whether another process has fetched a file.
_PAUSE_S = 0.2


@dataclass
class _Copy:
    """A copy that is removed when nobody uses it any more."""

    path: Path
    stack: ExitStack
    n_users: int = 1


_lock = threading.Lock()
_copies: dict[RemotePath, _Copy] = {}


@contextmanager
def fetched(path: Path) -> Iterator[Path]:
    """Fetch a remote file for as long as it is read; a path on this computer stays as it is.

    Who asks for the same file meanwhile gets the same copy.

    Yields
    ------
    Path
        The copy, in the folder for temporary files, with the name of the file.

    Raises
    ------
    OSError
        If it cannot be fetched.
    """
    if not isinstance(path, RemotePath):
        yield path
        return
    with _lock:
        copy = _copies.get(path)
        if copy:
            copy.n_users += 1
    if copy is None:
        with ExitStack() as stack:
            place = stack.enter_context(temporary_folder()) / path.name
            server.fetch(path, place)
            copy = _Copy(place, stack.pop_all())
        with _lock:
            _copies.setdefault(path, copy)
    try:
        yield copy.path
    finally:
        with _lock:
            copy.n_users -= 1
            is_last = not copy.n_users
            if is_last and _copies.get(path) is copy:
                del _copies[path]
        if is_last:
            copy.stack.close()


def local(path: Path) -> Path:
    """Return the path of a file on this computer: of a remote one, that of a copy, which is fetched if it is not there.

    The copy stays, for the next time. It is another one for each version of the file, by its size, its time of change
    and its ETag; the copies of earlier versions are removed. Of two processes that need it, one fetches it.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be fetched.
    InputError
        If the copy cannot be written.
    """
    if not isinstance(path, RemotePath):
        return path
    status = path.stat()
    folder = cache_folder() / hashlib.blake2b(str(path).encode(), digest_size=8).hexdigest()
    place = folder / f"{status.st_size:x}-{status.st_mtime_ns // 10**9:x}-{status.st_ino:x}{path.suffix}"
    with locks.released():
        while not place.exists() and locks.lock(place) is not None:  # another process fetches it
            time.sleep(_PAUSE_S)
        if not place.exists():
            try:
                with atomic_write(place) as temporary:
                    server.fetch(path, temporary)
            except InputError as error:
                raise InputError(f"{path} could not be copied: {error} Another folder: {CACHE_VARIABLE}.") from error
            for older in folder.iterdir():
                if older != place and not older.name.startswith("."):
                    with suppress(OSError):  # Windows removes no file that another run reads
                        older.unlink()
    return place


def cache_folder() -> Path:
    """Return the folder of copies: what CACHE_VARIABLE says, or where the system keeps such files."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).expanduser()
    try:
        home = Path.home()
    except RuntimeError:  # there is none
        home = Path(tempfile.gettempdir())
    if sys.platform == "win32":
        parent = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        parent = home / "Library" / "Caches"
    else:
        parent = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return parent / "speech-autoencoder"
