"""What workers of a cluster do in tests: functions of a chunk, which a worker must be able to import."""

import ctypes
import errno
import os
import time
from pathlib import Path

from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import atomic_write


def double(chunk):
    """Return twice each item."""
    return [2 * item for item in chunk]


def process(chunk):
    """Return the process that the chunk is computed in, and its working folder."""
    return os.getpid(), str(Path.cwd())


def double_slowly(chunk, *, folder):
    """Return twice each item after a moment, and write a file for each."""
    time.sleep(0.3)
    for item in chunk:
        with atomic_write(folder / f"{item}.txt") as path:
            path.write_text(str(2 * item))
    return double(chunk)


def crash_at_7(chunk):
    """Return twice each item; 7 ends the process as a fault of C code does."""
    if 7 in chunk:
        ctypes.string_at(0)
    return double(chunk)


def hang_at_7(chunk):
    """Return twice each item; 7 never returns, and cannot be interrupted from Python."""
    if 7 in chunk:
        ctypes.PyDLL(None).sleep(600)  # holds the interpreter's lock
    return double(chunk)


def wait_for_file(chunk, *, folder):
    """Note that the chunk has begun, and wait for ever."""
    (folder / f"begun {chunk[0]}").touch()
    time.sleep(600)


def fail(chunk, *, error):
    """Raise an error by its name."""
    match error:
        case "for the user":
            raise InputError("two.wav is no recording: give another one.")
        case "bug":
            raise KeyError("a bug of ours")
        case "memory":
            raise MemoryError
        case "disk":
            with atomic_write(Path("out.txt")):
                raise OSError(errno.ENOSPC, "No space left on device")
        case "unsendable":
            return lambda: None
    return None
