"""How a command line runs and ends: exit status, one-line errors, streams, signals."""

import atexit
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, NoReturn

from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import explain, printable

STATUS_PIPE_CLOSED = 1
STATUS_INPUT_ERROR = 2
STATUS_INTERRUPTED = 130  # what shells report after Ctrl-C: 128 + SIGINT


def run_main(main: Callable[[], None]) -> None:
    """Run `main`, turning errors that the user can mend into one line on stderr.

    The process ends with status 0, with 2 after an error of the user, or with 130 after Ctrl-C. SIGTERM is treated as
    Ctrl-C.
    """
    atexit.register(gc.freeze)  # the last garbage collection, through all that libraries hold, takes up to 1 s
    _open_closed_streams()
    _silence_libraries()
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace", line_buffering=True)  # progress is seen through a pipe too
    try:
        main()
        sys.stdout.flush()
    except InputError as error:
        fail(str(error))
    except (KeyboardInterrupt, SystemError) as error:
        # Python raises SystemError if Ctrl-C comes while a library's C code is calling Python.
        if isinstance(error, SystemError) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        print("Interrupted. Unfinished outputs were left unchanged.", file=sys.stderr)
        sys.exit(STATUS_INTERRUPTED)
    except BrokenPipeError:
        # Nobody reads our output any more: without this, the interpreter would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(STATUS_PIPE_CLOSED)
    except OSError as error:
        name = f"{printable(error.filename)}: " if isinstance(error.filename, str) else ""
        fail(f"{name}{explain(error)}.")
    except MemoryError:
        fail("There is not enough memory: close other programs, or use shorter recordings.")


def fail(message: str) -> NoReturn:
    """Print the message as one line on stderr and end the process with status 2."""
    print(f"{Path(sys.argv[0]).name}: error: {printable(' '.join(message.split()))}", file=sys.stderr)
    sys.exit(STATUS_INPUT_ERROR)


def blas_threads(count: int) -> AbstractContextManager:
    """Return a context that limits BLAS to `count` threads: 1 where our own threads compute side by side.

    How a sum is split among threads changes the last bits of the result.
    """
    # threadpoolctl looks through all loaded libraries: imported only when there is something to compute.
    from threadpoolctl import threadpool_limits

    return threadpool_limits(count, user_api="blas")


def _open_closed_streams() -> None:
    """Open those of stdin, stdout and stderr that are closed, so that no file of ours gets their numbers."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    sys.stdout, sys.stderr = sys.stdout or os.fdopen(1, "w"), sys.stderr or os.fdopen(2, "w")


def _silence_libraries() -> None:
    """Discard what libraries write past Python, as decoders do about damaged recordings.

    matplotlib's message about its cache folder, where there is no home, is discarded too.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is not None and not stream.closed and _file_number(stream) == number:
            stream.flush()
            ours = os.fdopen(os.dup(number), "w", encoding=stream.encoding, errors=stream.errors)
            setattr(sys, name, ours)
            os.dup2(nowhere, number)
    os.close(nowhere)


def _file_number(stream: IO) -> int | None:
    """Return the descriptor that a stream writes to, None if it has none."""
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None
