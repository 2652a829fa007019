"""The Python session that a script runs in: a process of its own or, say, a notebook, which stays as it was."""

import atexit
import gc
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from speech_autoencoder.script_names import PROGRAM, SCRIPTS

# `python -m speech_autoencoder`.
_COMMANDS = Path(__file__).parents[1] / "__main__.py"


@contextmanager
def session_kept(name: str = "") -> Iterator[None]:
    """Set streams, signals and libraries up for a run, and put everything back after it.

    In a process that ends with the run, nothing is put back: what libraries print at the end is discarded too.

    Parameters
    ----------
    name
        What messages and --help call the program, if not as its file is called.
    """
    with ExitStack() as stack:
        stack.enter_context(settings_kept())
        _treat_sigterm_as_interrupt(stack)
        _open_closed_streams(stack)
        for number, stream in ((1, "stdout"), (2, "stderr")):
            _silence_libraries(stack, number, stream)
            _write_lines_at_once(stack, getattr(sys, stream))
        if name:
            sys.argv = [name, *sys.argv[1:]]
        is_whole = is_whole_program()
        if is_whole:
            atexit.register(gc.freeze)  # the last garbage collection, through all that libraries hold, takes up to 1 s
        try:
            yield
        finally:
            if is_whole:
                stack.pop_all()


@contextmanager
def settings_kept() -> Iterator[None]:
    """Put arguments, environment variables, filters of warnings and messages, and random numbers back at the end."""
    with ExitStack() as stack:
        stack.callback(setattr, sys, "argv", sys.argv)
        stack.callback(_restore_environment, dict(os.environ))
        stack.enter_context(warnings.catch_warnings())
        if "random" in sys.modules:  # training sets these seeds
            stack.callback(sys.modules["random"].setstate, sys.modules["random"].getstate())
        if "numpy" in sys.modules:
            stack.callback(sys.modules["numpy"].random.set_state, sys.modules["numpy"].random.get_state())
        # matplotlib's message about its cache folder, where there is no home, is discarded.
        logger = logging.getLogger("matplotlib")
        stack.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.ERROR)
        yield


def is_whole_program() -> bool:
    """Return whether the process ends with the run: Python was started with a script of ours, not interactively."""
    frame: Any = sys._getframe(1)
    while frame.f_back and frame.f_back.f_globals.get("__name__") != "runpy":
        frame = frame.f_back
    scope = frame.f_globals
    while frame.f_back and frame.f_back.f_globals.get("__name__") == "runpy":  # python -m
        frame = frame.f_back
    path = Path(scope.get("__file__") or "")
    # The end of these files is the end of their process. On Windows, __main__.py is inside the program.
    is_program = path.name == PROGRAM or path.parent.name == f"{PROGRAM}.exe"
    is_ours = scope.get("__name__") == "__main__" and (path.name in SCRIPTS or path == _COMMANDS or is_program)
    return is_ours and not frame.f_back and not sys.flags.inspect


def is_interactive() -> bool:
    """Return whether somebody types at a prompt: in IPython, in a notebook, in Python's own shell."""
    return hasattr(sys, "ps1")


def survives_exit() -> bool:
    """Return whether SystemExit may end the run: Python's own shell would end with it, and lose what it holds."""
    ipython = sys.modules.get("IPython")
    return not is_interactive() or (ipython is not None and ipython.get_ipython() is not None)


def own_arguments() -> list[str]:
    """Return the arguments of the command line, without those that a notebook's own process was started with."""
    arguments = sys.argv[1:]
    is_of_session = is_interactive() and sys.orig_argv[len(sys.orig_argv) - len(arguments) :] == arguments
    return [] if is_of_session else arguments


def program_name() -> str:
    """Return what messages call the program; "" where the first argument does not name it, as in a notebook."""
    is_of_session = is_interactive() and (own_arguments() != sys.argv[1:] or not sys.argv[0].endswith(".py"))
    return "" if is_of_session else Path(sys.argv[0]).name


def _restore_environment(before: dict[str, str]) -> None:
    """Give the environment's variables the values that they had."""
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update({name: value for name, value in before.items() if os.environ.get(name) != value})


def _treat_sigterm_as_interrupt(stack: ExitStack) -> None:
    """Treat SIGTERM as Ctrl-C, unless it is ignored; only the first thread may set that."""
    is_first = threading.current_thread() is threading.main_thread()
    if is_first and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        stack.callback(signal.signal, signal.SIGTERM, signal.SIG_DFL)


def _open_closed_streams(stack: ExitStack) -> None:
    """Open those of stdin, stdout and stderr that are closed, so that no file of ours gets their numbers."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        stack.callback(_close, handle)
    os.close(handle)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None or getattr(stream, "closed", False):
            _replace_stream(stack, name, os.fdopen(number, "w", closefd=False))


def _silence_libraries(stack: ExitStack, number: int, name: str) -> None:
    """Discard what libraries write to the descriptor past Python's stream, as decoders do about damaged recordings."""
    stream = getattr(sys, name)
    if _file_number(stream) != number:
        return
    stream.flush()
    kept, nowhere = os.dup(number), os.open(os.devnull, os.O_WRONLY)
    stack.callback(os.close, kept)
    stack.callback(os.dup2, kept, number)
    _replace_stream(stack, name, os.fdopen(os.dup(number), "w", encoding=stream.encoding, errors=stream.errors))
    os.dup2(nowhere, number)
    os.close(nowhere)


def _write_lines_at_once(stack: ExitStack, stream: Any) -> None:
    """Write each line at once, as progress is seen through a pipe too, whatever letters a file's name has."""
    if hasattr(stream, "reconfigure"):
        stack.callback(_reconfigure, stream, errors=stream.errors, line_buffering=stream.line_buffering)
        _reconfigure(stream, errors="backslashreplace", line_buffering=True)


def _reconfigure(stream: Any, **settings: Any) -> None:
    """Change the settings of a stream, as far as it is open and somebody reads it."""
    with suppress(OSError, ValueError):
        stream.reconfigure(**settings)


def _replace_stream(stack: ExitStack, name: str, ours: IO) -> None:
    """Put a stream in place of Python's own; afterwards put that back, unless somebody else has replaced ours."""
    before = getattr(sys, name)

    def put_back() -> None:
        if getattr(sys, name) is ours:
            setattr(sys, name, before)
        with suppress(OSError):  # nobody reads it any more
            ours.close()

    setattr(sys, name, ours)
    stack.callback(put_back)


def _close(handle: int) -> None:
    """Close a descriptor, unless somebody else has."""
    with suppress(OSError):
        os.close(handle)


def _file_number(stream: Any) -> int | None:
    """Return the descriptor that a stream writes to, None if it has none."""
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None
