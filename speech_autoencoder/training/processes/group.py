"""The processes of a training together: one decides, the others follow; when one ends, the others end too.

Each process has a connection to process 0. It carries no tensors, which are JAX's matter, but what process 0 has
decided, and it breaks when a process dies: JAX notices that after a minute and more, or waits for ever.
"""

import atexit
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from speech_autoencoder.errors import InputError
from speech_autoencoder.training.processes.connection import (
    Connection,
    Message,
    accept_within,
    connect_within,
    free_port,
    listening,
)
from speech_autoencoder.training.processes.place import Place

# How long all processes may take to come.
_GATHER_S = 300.0
# How long a process has to end in order, once another one has ended; and how long an error of JAX waits for its cause.
_GRACE_S = 5.0
_CAUSE_S = 2.0
# What a process ends with, as `cli.process` has them: an error, and Ctrl-C.
_STATUS_ERROR = 2
_STATUS_INTERRUPTED = 130
# Numbers of processes that a message names.
_MOST_NAMED = 5


class Processes:
    """The one process of a training on its own: there is nothing to agree on.

    Attributes
    ----------
    number : int
        The number of this process; process 0 writes files and messages.
    count : int
        How many there are.
    place : Place or None
        Where this process is among several.
    jax_port : int
        Where process 0 has a port for JAX; 0 if there is one process.
    """

    number = 0
    count = 1
    place: Place | None = None
    jax_port = 0

    def agree(self, value: Any) -> Any:
        """Return the value of process 0, as JSON has it; all processes call this at the same time."""
        return value

    def meet(self) -> None:
        """Raise KeyboardInterrupt in all processes, at the same call, if one of them was interrupted."""

    def part(self) -> None:
        """Let each process go its own way: nothing is computed together any more."""

    def require_same(self, identity: Mapping[str, Any]) -> None:
        """Raise InputError unless this is, by what messages call it, the same as in process 0."""
        first = self.agree(dict(identity))
        differing = [
            f"{key} {first.get(key)} and {value}" for key, value in identity.items() if first.get(key) != value
        ]
        if differing:
            raise InputError(
                f"Process {self.number} differs from process 0 ({'; '.join(differing)}): all processes need the same "
                "array, options and versions."
            )


class _Several(Processes):
    """One of several processes."""

    def __init__(self, place: Place, warn: Callable[[str], None]) -> None:
        self.place = place
        self.number = place.number
        self.count = place.count
        self._warn = warn
        self._others: dict[int, Connection] = {}  # by their numbers
        self._messages: queue.Queue[Message] = queue.Queue()
        self._lock = threading.Lock()
        self._has_parted = False
        self._end: InputError | KeyboardInterrupt | None = None  # why this process is to end: another one has
        self._is_ending = threading.Event()

    def interrupt(self) -> None:
        """Have all processes end at their next meeting."""

    def fail(self, error: BaseException) -> BaseException:
        """Tell the others that this process ends; return why, which may be that another one ended before."""
        if self._has_parted:
            return error
        is_own = isinstance(error, InputError | KeyboardInterrupt)
        if self._is_ending.wait(0 if is_own else _CAUSE_S) and self._end:
            error = self._end
        reason = str(error) if is_own else type(error).__name__
        self._send(failed=self._sentence(self.number, reason), interrupted=isinstance(error, KeyboardInterrupt))
        # Instead of what JAX does at the end of a process, which waits for the others.
        atexit.register(_exit, _STATUS_INTERRUPTED if isinstance(error, KeyboardInterrupt) else _STATUS_ERROR)
        return error

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            self._has_parted = True
        for other in self._others.values():
            other.close()

    def _follow(self) -> None:
        """Take the messages of the other processes from now on."""
        for number in self._others:
            threading.Thread(target=self._read, args=(number,), daemon=True).start()

    def _read(self, number: int) -> None:
        """Take the messages of another process until it is gone."""
        for message in self._others[number].messages():
            if "failed" in message:
                self._lose(number, str(message["failed"]), is_interruption=bool(message.get("interrupted")))
            else:
                self._take(message)
        self._lose(number, self._sentence(number, "see what it, or its machine, reports"))

    def _take(self, message: Message) -> None:
        """Act on a message of another process."""
        self._messages.put(message)

    def _send(self, *, but: int = -1, **message: Any) -> None:
        """Send a message to all connected processes but one, as far as they are there."""
        for number, other in self._others.items():
            if number != but:
                other.send(message)

    def _sentence(self, number: int, reason: str) -> str:
        return f"Process {number} of {self.count} has ended: {reason}"

    def _lose(self, number: int, sentence: str, *, is_interruption: bool = False) -> None:
        """End this process soon, as process `number` has ended; its main thread may be waiting in JAX for ever."""
        with self._lock:
            if self._has_parted or self._end:
                return
            message = f"{sentence.rstrip('.')}. The training goes on from its checkpoint with --resume."
            self._end = KeyboardInterrupt() if is_interruption else InputError(message)
        self._send(failed=sentence, interrupted=is_interruption, but=number)
        self._is_ending.set()
        self._messages.put({})  # the main thread may be waiting for a message
        timer = threading.Timer(_GRACE_S, self._end_now)
        timer.daemon = True
        timer.start()

    def _raise_end(self) -> None:
        if self._end:
            raise self._end

    def _end_now(self) -> None:
        """End this process, whatever its main thread does."""
        is_interruption = isinstance(self._end, KeyboardInterrupt)
        self._warn("Interrupted." if is_interruption else str(self._end))
        _exit(_STATUS_INTERRUPTED if is_interruption else _STATUS_ERROR)


class _First(_Several):
    """Process 0, to which the others are connected."""

    def __init__(self, place: Place, warn: Callable[[str], None]) -> None:
        super().__init__(place, warn)
        self._is_interrupted = threading.Event()
        deadline = time.monotonic() + _GATHER_S
        try:
            with listening(place.host, place.port) as server:
                while len(self._others) < self.count - 1:
                    number, connection = self._admit(accept_within(server, deadline - time.monotonic()))
                    self._others[number] = connection
        except InputError as error:
            self._send(failed=str(error))
            raise
        self.jax_port = free_port()
        self._send(jax_port=self.jax_port)
        self._follow()

    def agree(self, value: Any) -> Any:
        self._raise_end()
        self._send(value=value)
        return value

    def meet(self) -> None:
        if self.agree(self._is_interrupted.is_set()):
            raise KeyboardInterrupt

    def part(self) -> None:
        self._raise_end()
        with self._lock:
            self._has_parted = True
        self._send(parted=True)

    def interrupt(self) -> None:
        self._is_interrupted.set()

    def _take(self, message: Message) -> None:
        if "interrupt" in message:
            self._is_interrupted.set()

    def _admit(self, arrived: tuple[Connection, Message] | None) -> tuple[int, Connection]:
        """Return the number and the connection of a process that has come."""
        if arrived is None:
            missing = sorted({*range(1, self.count)} - {*self._others})
            names = ", ".join(map(str, missing[:_MOST_NAMED])) + (" ..." if len(missing) > _MOST_NAMED else "")
            raise InputError(
                f"Of {self.count} processes, these did not come within {_GATHER_S / 60:.0f} minutes: {names}. See what "
                "they report."
            )
        connection, hello = arrived
        number, count = hello.get("number"), hello.get("count")
        if not isinstance(number, int) or not 0 < number < self.count or number in self._others or count != self.count:
            connection.send({"failed": f"Process 0 of {self.count} expects no process {number} of {count}."})
            connection.close()
            raise InputError(
                f"A process came as {number} of {count}, where each of {self.count} is expected once: start all "
                "of them anew, each with a number of its own."
            )
        return number, connection


class _Other(_Several):
    """A process that follows process 0."""

    def __init__(self, place: Place, warn: Callable[[str], None]) -> None:
        super().__init__(place, warn)
        connection = connect_within(place.host, place.port, _GATHER_S)
        self._others[0] = connection
        connection.send({"number": place.number, "count": place.count})
        answer = connection.first_message(_GATHER_S)
        if "failed" in answer:
            raise InputError(answer["failed"])
        if "jax_port" not in answer:
            raise InputError("Process 0 has ended before the training began: see what it reports.")
        self.jax_port = int(answer["jax_port"])
        self._follow()

    def agree(self, value: Any) -> Any:
        message = self._messages.get()
        self._raise_end()
        if "value" not in message:  # process 0 has parted early, as when nobody reads its output any more
            raise KeyboardInterrupt
        return message["value"]

    def meet(self) -> None:
        if self.agree(False):
            raise KeyboardInterrupt

    def part(self) -> None:
        while not self._has_parted:
            self._raise_end()
            self._messages.get()

    def interrupt(self) -> None:
        self._send(interrupt=True)

    def _take(self, message: Message) -> None:
        if "parted" in message:
            with self._lock:
                self._has_parted = True
        super()._take(message)


@contextmanager
def joined(place: Place | None, *, say: Callable[[str], None], warn: Callable[[str], None]) -> Iterator[Processes]:
    """Wait for all processes of a training, and end together with them.

    Meanwhile, Ctrl-C and SIGTERM are for all processes, at their next meeting; a second one is for this one, at once.

    Parameters
    ----------
    place : Place or None
        Where this process is among them; None: there is one.
    say, warn : Callable
        Report what is waited for, and why this process is ended.

    Raises
    ------
    InputError
        If a process does not come, differs, or ends before the others.
    """
    if place is None:
        yield Processes()
        return
    if place.number == 0:
        say(f"Training with {place.count} processes: waiting for them at {place.host}:{place.port} ...")
    processes = _First(place, warn) if place.number == 0 else _Other(place, warn)
    with _interrupted_together(processes):
        try:
            yield processes
        except BaseException as error:
            reason = processes.fail(error)
            if reason is error:
                raise
            raise reason from error
        finally:
            processes.close()


@contextmanager
def _interrupted_together(processes: _Several) -> Iterator[None]:
    """Take the first SIGINT or SIGTERM for all processes."""

    def handle(before: Any, number: int, frame: Any) -> None:
        signal.signal(number, before)
        processes.interrupt()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, before in kept.items():
        signal.signal(number, partial(handle, before))
    try:
        yield
    finally:
        for number, before in kept.items():
            signal.signal(number, before)


def _exit(status: int) -> None:
    """End this process at once."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)
