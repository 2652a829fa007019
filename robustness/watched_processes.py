"""Work that may crash, hang or use up all memory, done in processes that are watched and replaced (Linux only)."""

import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext
from pathlib import Path
from typing import Any

from speech_autoencoder.errors import InputError

ENDS = ("used", "refused", "crashed", "hung", "over memory")
_HEADROOM = 3  # an address space of this many times the allowed memory is refused, so that the machine survives
_ITEMS_PER_WORKER = 2_000  # a new worker then: else what a library keeps of each item would count for the last one
_POLL_S = 0.2  # between looks at the workers
_START_S = 300  # for a worker to start: imports on a busy machine
_LONGEST_REFUSAL = 1_000  # characters that a user reads

Check = Callable[[Any], str]


@dataclass(frozen=True)
class Outcome:
    """How an item ended: one of ENDS, its processor time in seconds, its peak memory in MB, and why."""

    item: Any
    end: str
    seconds: float
    megabytes: float
    why: str


def watch(
    prepare: Callable[[], Check],
    items: Iterable,
    *,
    workers: int = 1,
    most_s: float = 10.0,
    most_mb: float = 1_000.0,
    items_per_worker: int = _ITEMS_PER_WORKER,
) -> Iterator[Outcome]:
    """Yield the Outcome of each item, in the order in which they end.

    Parameters
    ----------
    prepare
        Called in every worker; returns check(item), which returns what the item gave, in words. An InputError of one
        line is a refusal; any other exception counts as a crash, as does the death of the worker.
    items
        What the workers check.
    workers
        The processes.
    most_s
        Seconds after which an item hangs. They count only while this process runs too: on a busy machine all wait.
    most_mb
        The peak memory in MB above which an item is "over memory".
    items_per_worker
        The items after which a worker is replaced.
    """
    context, items = multiprocessing.get_context("spawn"), iter(items)
    running = [_Worker(context, prepare, most_mb) for _ in range(workers)]
    try:
        waiting = [worker for worker in running if worker.start_next(items)]
        looked = time.monotonic()
        while waiting:
            ready = wait([worker.pipe for worker in waiting], timeout=_POLL_S)
            before, looked = looked, time.monotonic()
            passed_s = min(looked - before, 2 * _POLL_S)
            for worker in list(waiting):
                outcome = worker.outcome(worker.pipe in ready, most_s, most_mb)
                if outcome is None:
                    worker.waited_s += passed_s
                    continue
                yield outcome
                worn_out = outcome.end in ("hung", "over memory") or worker.n_done >= items_per_worker
                if worn_out or not worker.process.is_alive():
                    worker.stop()
                    running.remove(worker)
                    waiting.remove(worker)
                    worker = _Worker(context, prepare, most_mb)
                    running.append(worker)
                    waiting.append(worker)
                if not worker.start_next(items):
                    waiting.remove(worker)
    finally:
        for worker in running:
            worker.stop()


class _Worker:
    """A process that checks one item after another."""

    def __init__(self, context: SpawnContext, prepare: Callable[[], Check], most_mb: float):
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, prepare, most_mb), daemon=True)
        self.process.start()
        theirs.close()
        self.item: Any = None
        self.n_done = 0
        self.waited_s = 0.0
        if not self.pipe.poll(_START_S) or self.pipe.recv() != "ready":
            raise RuntimeError(f"A worker did not start within {_START_S} s.")

    def start_next(self, items: Iterator) -> bool:
        """Start the next item; return False if there is none."""
        for self.item in items:
            self.waited_s = 0.0
            self.pipe.send(self.item)
            return True
        return False

    def outcome(self, is_ready: bool, most_s: float, most_mb: float) -> Outcome | None:
        """Return the Outcome of the item, None while it is being checked."""
        seconds = self.waited_s
        if not is_ready:
            return Outcome(self.item, "hung", seconds, 0.0, f"after {seconds:.0f} s") if seconds > most_s else None
        try:
            end, seconds, megabytes, why = self.pipe.recv()
        except EOFError:
            self.process.join()
            return Outcome(self.item, "crashed", seconds, 0.0, f"exit code {self.process.exitcode}")
        self.n_done += 1
        if seconds > most_s:
            end, why = "hung", f"took {seconds:.0f} s; {why}"
        elif megabytes > most_mb:
            end, why = "over memory", f"took {megabytes:,.0f} MB; {why}"
        return Outcome(self.item, end, seconds, megabytes, why)

    def stop(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(pipe: Connection, prepare: Callable[[], Check], most_mb: float) -> None:
    """Answer every item that comes through the pipe with (end, seconds, peak in MB, why)."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # where libraries complain about damaged files
        os.dup2(nowhere, stream)
    check = prepare()
    with open("/proc/self/statm", encoding="ascii") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    most = int(size + _HEADROOM * most_mb * 1e6)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    pipe.send("ready")
    while True:
        item = pipe.recv()
        for process in _family():
            with suppress(OSError):
                Path(f"/proc/{process}/clear_refs").write_text("5", encoding="ascii")  # the peak is counted from here
        started = _seconds()
        end, why = _check_item(check, item)
        seconds = _seconds() - started
        pipe.send((end, seconds, sum(map(_peak_mb, _family())), why))


def _family() -> list[str]:
    """Return this process and those that it started, as /proc calls them."""
    return ["self", *Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()]


def _seconds() -> float:
    """Return the processor time of this process and of those that it started."""
    seconds = time.process_time()
    for process in _family()[1:]:
        with suppress(OSError):  # it has just ended
            fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            seconds += sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
    return seconds


def _peak_mb(process: str) -> float:
    """Return the peak memory of a process in MB, 0 if it has just ended."""
    with suppress(OSError), open(f"/proc/{process}/status", encoding="ascii") as file:
        return next((int(line.split()[1]) for line in file if line.startswith("VmHWM")), 0) / 1_000
    return 0.0


def _check_item(check: Check, item: Any) -> tuple[str, str]:
    """Return (one of ENDS, what the item gave, in words)."""
    try:
        return "used", check(item)
    except InputError as error:
        text = str(error)
        if "\n" in text or not 10 < len(text) < _LONGEST_REFUSAL:
            return "crashed", f"the refusal is not one line of readable length: {text[:300]!r}"
        return "refused", text
    except MemoryError as error:
        return "over memory", f"MemoryError: {error}"
    except BaseException as error:
        return "crashed", f"{type(error).__name__}: {error}"
