"""Locks and open files as Windows has them, imitated on Linux; called in a process of its own, or with monkeypatch."""

import errno
import os
import struct
from pathlib import Path
from types import SimpleNamespace

from speech_autoencoder.system import locks


def imitate(set_attribute=setattr):
    """Give `locks` the locks of Windows, and refuse to remove or replace a file that this process has open."""
    set_attribute(locks, "fcntl", None)
    set_attribute(locks, "msvcrt", SimpleNamespace(LK_NBLCK=2, locking=locking))
    for name in ("unlink", "remove", "replace", "rename"):
        set_attribute(os, name, _refusing(getattr(os, name)))


def locking(handle, mode, n_bytes):
    """Lock bytes from the position of a handle as msvcrt.locking does: for this handle, until it is closed."""
    import fcntl

    assert (mode, n_bytes) == (2, 1)
    position = os.lseek(handle, 0, os.SEEK_CUR)
    try:
        fcntl.fcntl(handle, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, position, n_bytes, 0))
    except BlockingIOError:
        raise PermissionError(errno.EACCES, "Permission denied") from None


def open_files():
    """Return the files that this process has open or mapped."""
    handles = {os.path.realpath(handle) for handle in Path("/proc/self/fd").iterdir()}
    return handles | {line.split(maxsplit=5)[-1] for line in Path("/proc/self/maps").read_text().splitlines()}


def _refusing(function):
    """Return a function of the module os that refuses paths of files that are open."""

    def refuse(*paths, **options):
        names = {os.path.realpath(path) for path in paths if not options.get("dir_fd")}
        if any(Path(name).is_file() for name in names & open_files()):
            raise PermissionError(errno.EACCES, "the file is open", os.fspath(paths[0]))
        return function(*paths, **options)

    return refuse
