"""Calls of native code that may end the process or never return: each runs in a child process that may be lost.

Children are kept for further calls of the same code, one for each thread that calls it at the same time, and replaced
when they are lost. They are plain programs that read calls and write answers, rather than those of `multiprocessing`,
which would import the main script again.
"""

import atexit
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import chain
from typing import Any

from speech_autoencoder.errors import InputError

# Code that gave no answer this often is not called again: each time costs the whole time limit.
_MOST_TIMEOUTS = 3
# How long a child that closed its output may take to end, and a child without a parent after its time limit, seconds.
_ENDING_S = 10
# More children than threads call at the same time.
_MANY = 1_000
# What is quoted at most of an exception's message.
_MOST_CHARACTERS = 500
_START = "import sys; sys.path[:] = {path}; from speech_autoencoder.system.isolation import serve; serve()"
# How sums are split among threads changes their last bits; the evaluation limits its own process in the same way.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1"}


class CallFailed(InputError):
    """Native code crashed, gave no answer in time or raised an exception; the message, without a full stop, says so."""


class NoAnswer(CallFailed):
    """A call took longer than its limit."""


def call(
    function: Callable[..., Any],
    *args: Any,
    name: str,
    limit_s: float,
    most: int = _MANY,
    most_timeouts: float = _MOST_TIMEOUTS,
) -> Any:
    """Return function(*args), computed in a child process; may be called in several threads at once.

    Parameters
    ----------
    function
        A function that can be imported by its name. What it prints is discarded.
    args
        Its arguments, which pickle must be able to copy, as the result.
    name
        What messages call the code that it runs; calls of one name share children.
    limit_s
        The time limit in seconds.
    most
        How many children may run the code at the same time; further calls wait, before their time counts.
    most_timeouts
        After so many calls without an answer, the code is not called again.

    Raises
    ------
    CallFailed
        If there is no answer.
    InputError
        If the function raises it.
    """
    with _children().turn(name, most), _borrowed(name, most_timeouts) as ask:
        try:
            value, error = ask((function, args, limit_s))
        except NoAnswer:
            _children().count_timeout(name)
            raise
    if error is not None:
        raise _as_raised(error, name)
    return value


def stream(function: Callable[..., Generator], *args: Any, name: str, limit_s: float) -> Generator[Any]:
    """Yield what the generator function(*args) yields, each item computed in a child process when it is asked for.

    The arguments and the errors are those of `call`, with the time limit for each item. A stream that is closed before
    its end leaves its child to others.
    """
    with _borrowed(name) as ask:
        value, error = ask((function, args, limit_s))
        while error is None and value is not _End:
            try:
                yield value
            except GeneratorExit:
                with suppress(CallFailed):
                    ask((tuple, (), limit_s))  # whatever is called next ends the generator in the child
                raise
            value, error = ask((None, (), limit_s))
    if error is not None:
        raise _as_raised(error, name)


class _End:
    """What a child answers instead of an item at the end of a stream."""


@contextmanager
def _borrowed(name: str, most_timeouts: float = _MOST_TIMEOUTS) -> Iterator[Callable[[tuple], tuple[Any, Any]]]:
    """Lend what asks a child, which is kept for others unless it gave no answer."""
    child = _children().take(name, most_timeouts)
    is_idle = True

    def ask(question: tuple) -> tuple[Any, Any]:
        nonlocal is_idle
        is_idle = False
        answer = child.ask(question, name)
        is_idle = True
        return answer

    try:
        yield ask
    finally:
        if is_idle:
            _children().give_back(name, child)
        else:
            _children().forget(name, child)
            child.end()


def _as_raised(error: InputError | str, name: str) -> InputError:
    """Return the exception for an error of a child: as it is if it is meant for users."""
    return error if isinstance(error, InputError) else CallFailed(f"{name} failed: {error}")


@contextmanager
def child_processes() -> Iterator[None]:
    """End the children of all calls when the block ends; without it they wait until this process ends."""
    try:
        yield
    finally:
        _children().close()


def end_calls(name: str) -> None:
    """End the children that run some code, with the calls that they are busy with: these fail."""
    _children().end(name)


def end_idle_children(*, but: str) -> None:
    """End the idle children of all code but that of one name."""
    _children().end_idle(but=but)


def describe_status(status: int) -> str:
    """Return the exit status of a process in words: "status 3", or "segmentation fault" for -11."""
    return (signal.strsignal(-status) or f"signal {-status}").lower() if status < 0 else f"status {status}"


class _Child:
    """A child process that answers one call after another."""

    def __init__(self, name: str) -> None:
        command = [sys.executable, "-c", _START.format(path=ascii(sys.path))]
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=nowhere, env=os.environ | _ONE_THREAD
            )
        except (OSError, TypeError) as error:
            raise CallFailed(f"{name} could not be started: {error}") from error

    def ask(self, question: tuple, name: str) -> tuple[Any, Any]:
        """Return (value, error) of a call (function, args, limit_s), one of which is None."""
        limit_s = question[-1]
        is_late = threading.Event()

        def end_late() -> None:
            is_late.set()
            self._process.kill()

        timer = threading.Timer(limit_s, end_late)
        timer.daemon = True
        timer.start()
        try:
            pickle.dump(question, self._process.stdin)  # type: ignore[arg-type]
            self._process.stdin.flush()  # type: ignore[union-attr]
            answer = pickle.load(self._process.stdout)  # type: ignore[arg-type]  # our own child wrote it
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            if not is_late.is_set():
                raise CallFailed(f"{name} {self._describe_end()}") from error
        finally:
            timer.cancel()
            timer.join()
        if is_late.is_set():
            raise NoAnswer(f"{name} gave no answer within {limit_s:,.0f} s")
        return answer

    def kill(self) -> None:
        """Kill the process; the call that it is busy with fails."""
        self._process.kill()

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        with suppress(OSError):  # a part of a question may be left in the pipe
            self._process.stdin.close()  # type: ignore[union-attr]
        self._process.stdout.close()  # type: ignore[union-attr]
        self._process.wait()

    def _describe_end(self) -> str:
        """Return how the process ended by itself."""
        try:
            status = self._process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            return "gave no answer"
        return (
            f"crashed: {describe_status(status)}" if status < 0 else f"ended its process with {describe_status(status)}"
        )


class _Children:
    """The children, idle and busy, by the code that they run, and how often it gave no answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: defaultdict[str, list[_Child]] = defaultdict(list)
        self._busy: defaultdict[str, set[_Child]] = defaultdict(set)
        self._timeouts: Counter[str] = Counter()
        self._turns: dict[str, threading.Semaphore] = {}
        atexit.register(self.close)

    def turn(self, name: str, most: int) -> threading.Semaphore:
        """Return what lets so many threads call some code at the same time."""
        with self._lock:
            return self._turns.setdefault(name, threading.Semaphore(most))

    def take(self, name: str, most_timeouts: float) -> _Child:
        """Return an idle child, or a new one."""
        with self._lock:
            if self._timeouts[name] >= most_timeouts:
                raise CallFailed(f"{name} gave no answer {most_timeouts} times and was not tried again")
            child = self._idle[name].pop() if self._idle[name] else None
        child = child or _Child(name)
        with self._lock:
            self._busy[name].add(child)
        return child

    def give_back(self, name: str, child: _Child) -> None:
        """Keep a child for further calls."""
        with self._lock:
            self._busy[name].discard(child)
            self._idle[name].append(child)

    def forget(self, name: str, child: _Child) -> None:
        """Note that a child is lost."""
        with self._lock:
            self._busy[name].discard(child)

    def end(self, name: str) -> None:
        """End the idle children of a name, and kill the busy ones, whose callers do the rest."""
        with self._lock:
            idle = self._idle.pop(name, [])
            for child in self._busy[name]:
                child.kill()
        for child in idle:
            child.end()

    def end_idle(self, *, but: str) -> None:
        """End the idle children of all names but one."""
        with self._lock:
            others = [name for name in self._idle if name != but]
            idle = list(chain.from_iterable(self._idle.pop(name) for name in others))
        for child in idle:
            child.end()

    def count_timeout(self, name: str) -> None:
        """Note that a call gave no answer."""
        with self._lock:
            self._timeouts[name] += 1

    def close(self) -> None:
        """End all idle children."""
        with self._lock:
            idle = list(chain.from_iterable(self._idle.values()))
            self._idle.clear()
            self._timeouts.clear()
        for child in idle:
            child.end()


@cache
def _children() -> _Children:
    """Return the children of this process."""
    return _Children()


def serve() -> None:
    """Answer calls from stdin on stdout until stdin ends: what a child does."""
    calls = os.fdopen(0, "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # native code may print
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    going: Iterator[Any] = iter(())
    value: Any
    error: InputError | str | None
    while True:
        if not calls.peek(1):  # the parent has ended
            return
        try:
            function, args, limit_s = pickle.load(calls)  # our own parent wrote it
            _end_after(round(limit_s) + _ENDING_S)
            if function is None:
                value = next(going, _End)
            else:
                if isinstance(going, Generator):
                    going.close()
                value = function(*args)
                if isinstance(value, Generator):
                    going, value = value, next(value, _End)
            error = None
        except InputError as problem:
            value, error = None, problem
        except Exception as problem:  # whatever a library raises
            value, error = None, f"{type(problem).__name__}: {problem}"[:_MOST_CHARACTERS]
        _end_after(0)
        pickle.dump((value, error), answers)
        answers.flush()


def _end_with_parent() -> None:
    """End this process as soon as nobody can read its answers: what it writes may be done again elsewhere."""
    if hasattr(select, "poll"):  # Windows has none
        parent = select.poll()
        # The end of stdin is reported anyway. The interpreter closes stdin before it ends, but not a copy of it.
        parent.register(os.dup(0), 0)
        parent.poll()
        os._exit(0)


def _end_after(seconds: int) -> None:
    """End this process after some seconds, unless it is called again: its parent may have been killed."""
    if hasattr(signal, "alarm"):  # Windows has none
        signal.alarm(seconds)
