"""What a worker of a Dask cluster does with a chunk: it is computed in a child process, which may be lost.

Code that crashes or hangs takes neither the worker with it nor the other chunks that the worker has.
"""

import os
import pickle
import socket
import traceback
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from speech_autoencoder.engines.terms import Terms, problem
from speech_autoencoder.errors import InputError
from speech_autoencoder.system import isolation
from speech_autoencoder.system.files import explain, locks_released, printable

# What became of a chunk. With each goes what the driver needs to know: bytes, or a text.
DONE = "done"
CRASHED = "crashed"  # its process ended
LATE = "late"  # it exceeded its time limit
WRONG = "wrong"  # an InputError
BUG = "bug"  # any other exception

Outcome = tuple[str, Any]

# The runs that this worker has checked the terms of, and those that have ended.
_checked: set[str] = set()
_ended: set[str] = set()


class Task:
    """A call of `do_chunk`: unpickling its pickle makes the call, and returns what that returns.

    So the scheduler, which reads the functions and arguments that it is given, meets nothing but `pickle.loads` and
    bytes: it needs none of our packages.
    """

    def __init__(self, *args: Any) -> None:
        self._args = args

    def __reduce__(self) -> tuple[Callable[..., Outcome], tuple]:
        return do_chunk, self._args


def pack(value: Any) -> bytes:
    """Return a value as bytes; they are small, and Dask cannot log what is in them, such as URLs that give access."""
    return zlib.compress(pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL), 1)


def unpack(packed: bytes) -> Any:
    """Return the value for what `pack` returns."""
    return pickle.loads(zlib.decompress(packed))  # our own driver wrote it


def do_chunk(packed: bytes, packed_terms: bytes, run: str, limit_s: float) -> Outcome:
    """Return what became of a chunk. No exception leaves it: Dask would log its arguments.

    Parameters
    ----------
    packed
        (function, chunk), see `pack`: the worker itself does not import what is in them.
    packed_terms
        The `Terms`, which the worker must fulfil.
    run
        Names what `end_run` ends.
    limit_s
        The time limit, in seconds.
    """
    terms: Terms = unpack(packed_terms)
    where = f"The worker on {socket.gethostname()}"
    if terms.run not in _checked:
        try:
            found = problem(terms, where)
        except InputError as error:  # of a URL
            found = f"{where}: {error}"
        if found:
            return WRONG, found
        _checked.add(terms.run)
    isolation.end_idle_children(but=run)  # of a driver that was killed
    if run in _ended:
        return CRASHED, "was ended with its run"
    try:
        return isolation.call(
            _compute, packed, terms.folder, where, name=run, limit_s=limit_s, most_timeouts=float("inf")
        )
    except isolation.NoAnswer:
        return LATE, ""
    except isolation.CallFailed as error:
        return CRASHED, str(error).removeprefix(run).strip()


def end_run(run: str) -> None:
    """End the chunks of a run on this worker, and begin no further ones."""
    _ended.add(run)
    isolation.end_calls(run)


def _compute(packed: bytes, folder: str, where: str) -> Outcome:
    """Compute a chunk in this process, which is a child, as if it were one of the driver."""
    try:
        with suppress(OSError):  # then all paths must be absolute
            os.chdir(folder)
        function, chunk = unpack(packed)
        with locks_released():
            return DONE, pickle.dumps(function(chunk), protocol=pickle.HIGHEST_PROTOCOL)
    except InputError as error:
        return WRONG, f"{where}: {error}" if isinstance(error.__cause__, OSError) else str(error)
    except MemoryError:
        return CRASHED, "ran out of memory"
    except OSError as error:
        return WRONG, f"{where}: {printable(str(error.filename or ''))} failed: {explain(error)}."
    except Exception:
        return BUG, traceback.format_exc()
