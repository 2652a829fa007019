"""Work that may crash, hang or take all memory, done in watched processes, and a table of what became of it."""

import multiprocessing
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import wait

from speech_autoencoder.errors import InputError

ENDS = ("used", "refused", "crashed", "hung", "over memory")
# The system refuses an address space of more than so many times the memory allowed, so that nothing else suffers.
_HEADROOM = 3
# A worker is replaced after so many items: what a library keeps of each would else be counted for the last.
_ITEMS_A_WORKER = 2_000
# Seconds between looks at the workers.
_LOOK_S = 0.2


@dataclass(frozen=True)
class Outcome:
    """What became of an item: one of ENDS, the seconds of processor and the peak memory (MB) it took, and why."""

    item: object
    end: str
    seconds: float
    megabytes: float
    why: str


def watch(
    prepare: Callable[[], Callable[[object], str]],
    items: Iterable,
    *,
    workers: int = 1,
    most_s: float = 10.0,
    most_mb: float = 1_000.0,
    items_a_worker: int = _ITEMS_A_WORKER,
) -> Iterator[Outcome]:
    """The Outcome of each item, in no order.

    prepare() is called in every worker and gives check(item) -> in words what came of it. An InputError of one line is
    a refusal, any other exception counts as a crash, as does the death of the worker. most_s are seconds in which this
    process runs too: on a busy machine all wait together.
    """
    context, items = multiprocessing.get_context("spawn"), iter(items)
    running = [_Worker(context, prepare, most_mb) for _ in range(workers)]
    try:
        waiting = [worker for worker in running if worker.give(items)]
        looked = time.monotonic()
        while waiting:
            ready = wait([worker.pipe for worker in waiting], timeout=_LOOK_S)
            before, looked = looked, time.monotonic()
            passed_s = min(looked - before, 2 * _LOOK_S)
            for worker in list(waiting):
                outcome = worker.outcome(worker.pipe in ready, most_s, most_mb)
                if outcome is None:
                    worker.waited_s += passed_s
                    continue
                yield outcome
                if outcome.end in ENDS[3:] or not worker.process.is_alive() or worker.n_done >= items_a_worker:
                    worker.stop()
                    running.remove(worker)
                    waiting.remove(worker)
                    worker = _Worker(context, prepare, most_mb)
                    running.append(worker)
                    waiting.append(worker)
                if not worker.give(items):
                    waiting.remove(worker)
    finally:
        for worker in running:
            worker.stop()


class _Worker:
    """A process that takes one item after another."""

    def __init__(self, context, prepare, most_mb):
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, prepare, most_mb), daemon=True)
        self.process.start()
        theirs.close()
        self.item, self.n_done = None, 0
        if not self.pipe.poll(300) or self.pipe.recv() != "ready":
            raise RuntimeError("a worker did not start")

    def give(self, items):
        """Whether there was another item, which is now worked on."""
        for self.item in items:
            self.waited_s = 0.0
            self.pipe.send(self.item)
            return True
        return False

    def outcome(self, is_ready, most_s, most_mb):
        """The Outcome of the item, or None while it is worked on."""
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

    def stop(self):
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _serve(pipe, prepare, most_mb):
    """Nothing; answers every item that comes through the pipe with (end, seconds, peak in MB, why)."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # where libraries complain of what they are given
        os.dup2(nowhere, stream)
    check = prepare()
    with open("/proc/self/statm", encoding="ascii") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    most = int(size + _HEADROOM * most_mb * 1e6)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    pipe.send("ready")
    while True:
        item = pipe.recv()
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # the peak is counted from here
        started = time.process_time()
        end, why = _judged(check, item)
        seconds = time.process_time() - started
        with open("/proc/self/status", encoding="ascii") as file:
            peak_kb = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
        pipe.send((end, seconds, peak_kb / 1_000, why))


def _judged(check, item):
    """(one of ENDS, in words what came of it)."""
    try:
        return "used", check(item)
    except InputError as error:
        text = str(error)
        if "\n" in text or not 10 < len(text) < 1_000:
            return "crashed", f"refused in no single line: {text[:300]!r}"
        return "refused", text
    except MemoryError as error:
        return "over memory", f"MemoryError: {error}"
    except BaseException as error:
        return "crashed", f"{type(error).__name__}: {error}"


def tell(number: int, kind: str, outcome: Outcome) -> None:
    """Nothing; what must not be is said on stderr, and every thousandth item."""
    if outcome.end not in ("used", "refused"):
        print(f"{kind} {outcome.item}: {outcome.end}: {outcome.why}", file=sys.stderr, flush=True)
    elif number % 1_000 == 0:
        print(f"{number:,} done", file=sys.stderr, flush=True)


def table(outcomes: Iterable[tuple[str, Outcome]], progress: Callable[[int, str, Outcome], None] | None = None) -> str:
    """A markdown table of (kind, Outcome): how each kind ended, with the slowest and the largest of each."""
    ends, slowest, largest = {}, Counter(), Counter()
    for number, (kind, outcome) in enumerate(outcomes, 1):
        for name in (kind, "all"):
            ends.setdefault(name, Counter())[outcome.end] += 1
            slowest[name] = max(slowest[name], outcome.seconds)
            largest[name] = max(largest[name], outcome.megabytes)
        if progress:
            progress(number, kind, outcome)
    lines = [
        "| kind | tried | " + " | ".join(ENDS) + " | slowest, CPU s | peak, MB |",
        "|---|" + "---|" * (len(ENDS) + 3),
    ]
    for name in [*sorted(set(ends) - {"all"}), *(["all"] if ends else [])]:
        counts = " | ".join(f"{ends[name][end]:,}" for end in ENDS)
        lines.append(f"| {name} | {ends[name].total():,} | {counts} | {slowest[name]:.2f} | {largest[name]:,.0f} |")
    return "\n".join(lines)
