"""How a command line runs and ends: exit status, one-line errors, interruptions."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from speech_autoencoder.cli.libraries import explain_import
from speech_autoencoder.cli.session import is_whole_program, program_name, session_kept, survives_exit
from speech_autoencoder.errors import InputError
from speech_autoencoder.storage.urls import redacted
from speech_autoencoder.system.files import explain, printable

STATUS_PIPE_CLOSED = 1
STATUS_PARTLY_DONE = 1
STATUS_INPUT_ERROR = 2
STATUS_INTERRUPTED = 130  # what shells report after Ctrl-C: 128 + SIGINT

# The limits that `blas_threads` has set and not taken back yet, of which only the first is one.
_blas_limits: list[Any] = []
_blas_lock = threading.Lock()


def run_main(main: Callable[[], None], name: str = "") -> None:
    """Run `main`, turning errors that the user can mend into one line on stderr.

    The process ends with status 0, with 2 after an error of the user, or with 130 after Ctrl-C. SIGTERM is treated as
    Ctrl-C. In a session that goes on, such as a notebook, SystemExit holds the status, and all is as it was before.

    Parameters
    ----------
    main
        Reads its arguments from the command line.
    name
        What messages call the program, if not as its file is called.
    """
    try:
        with session_kept(name):
            _run(main)
    except SystemExit:
        if survives_exit():
            raise


def _run(main: Callable[[], None]) -> None:
    """Run `main`, and raise SystemExit with the status if it does not succeed."""
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
        if is_whole_program():  # nobody reads our output any more: the interpreter would complain when it flushes
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(STATUS_PIPE_CLOSED)
    except MemoryError:
        fail("There is not enough memory: close other programs, or use shorter recordings.")
    except Exception as error:
        message = explain_import(error) or (_explain(error) if isinstance(error, OSError) else None)
        if message is None:
            raise  # a bug, which keeps its traceback
        fail(message)


def _explain(error: OSError) -> str:
    """Return what an error of the operating system means, with the name of the file."""
    name = f"{printable(error.filename)}: " if isinstance(error.filename, str) else ""
    return f"{name}{explain(error)}."


def warn(message: str) -> None:
    """Print the message as one line on stderr."""
    name = program_name()
    print(f"{name}: {_one_line(message)}" if name else _one_line(message), file=sys.stderr)


def fail(message: str) -> NoReturn:
    """Print the message as one line on stderr and end the run with status 2."""
    warn(f"error: {message}")
    sys.exit(STATUS_INPUT_ERROR)


def _one_line(message: str) -> str:
    """Return a message as one printable line; arguments that it quotes may be URLs that give access to something."""
    return redacted(printable(" ".join(message.split())))


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """Limit BLAS to `count` threads: 1 where our own threads compute side by side.

    How a sum is split among threads changes the last bits of the result. The limit is that of the process: of several
    threads that set it, the first sets it, and the last takes it back.
    """
    # threadpoolctl looks through all loaded libraries: imported only when there is something to compute.
    from threadpoolctl import threadpool_limits

    with _blas_lock:
        _blas_limits.append(threadpool_limits(count, user_api="blas") if not _blas_limits else None)
    try:
        yield
    finally:
        with _blas_lock:
            # The first one, which knows how it was, goes last.
            limit = _blas_limits.pop()
            if limit:
                limit.restore_original_limits()
