"""Chunks of work on a Dask cluster."""

import pickle
import queue
import secrets
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from distributed import Client, Future, KilledWorker

from speech_autoencoder.engines import worker
from speech_autoencoder.engines.cluster import connected, end, within
from speech_autoencoder.engines.engine import Chunk, Limit, Lost, Say
from speech_autoencoder.engines.terms import OURS, Terms, terms
from speech_autoencoder.errors import InputError
from speech_autoencoder.system.wording import duration

# Chunks that wait for each thread of a worker, with the one that it computes.
_AHEAD = 3
# Results that wait for an earlier one.
_MOST_WAITING = 5_000
# An item whose process has ended this often is left out.
_MOST_CRASHES = 3
# Seconds between two looks at the workers that there are.
_LOOK_S = 2.0
# How long there may be no worker: before a line says so, before the run ends, and where there were some already.
_SAY_AFTER_S = 10.0
_NO_WORKERS_S = 60.0
_NO_MORE_WORKERS_S = 300.0
# How long the scheduler may take to answer.
_ANSWER_S = 30.0


@contextmanager
def open_dask(workers: int, say: Say, reads: Sequence[Path], writes: Sequence[Path]) -> Iterator["DaskEngine"]:
    """Lend an engine of a cluster, see `open_engine`."""
    with connected(workers, say) as (client, cluster), terms(reads, writes) as agreed:
        yield DaskEngine(client, cluster, agreed, say)


class DaskEngine:
    """An `Engine` of a Dask cluster."""

    def __init__(self, client: Client, cluster: str, agreed: Terms, say: Say) -> None:
        self._given = client, cluster, agreed, say

    def run(
        self, function: Callable[[Chunk], Any], chunks: Iterable[Chunk], *, limit_s: Limit
    ) -> Generator[Any, None, None]:
        """Yield function(chunk) of each chunk, see `Engine`."""
        run = _Run(*self._given, function, limit_s)
        try:
            yield from run.results(iter(chunks))
        finally:
            run.end()


class _Job:
    """A chunk, or a part of one that was divided, and what became of it."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.n_crashes = 0
        self.is_done = False
        self.result: Any = None

    def finish(self, result: Any) -> None:
        """Note the result."""
        self.result, self.is_done = result, True


class _Run:
    """The chunks of one call of `run` that are not yielded yet."""

    def __init__(
        self, client: Client, cluster: str, agreed: Terms, say: Say, function: Callable[[Chunk], Any], limit_s: Limit
    ) -> None:
        self._client, self._cluster, self._terms, self._say = client, cluster, worker.pack(agreed), say
        self._function, self._limit_s = function, limit_s
        self._name = f"{OURS}-{secrets.token_hex(4)}"
        self._n_tasks = 0
        self._order: deque[_Job] = deque()  # as they will be yielded
        self._unfinished: dict[Future, _Job] = {}
        self._finished: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self._n_threads = 0
        self._looked = -_LOOK_S
        self._worked = time.monotonic()  # when there was a worker for the last time
        self._has_worked = self._has_said = False

    def results(self, chunks: Iterator[Chunk]) -> Generator[Any, None, None]:
        """Yield the results in the order of the chunks."""
        is_over = False
        while True:
            self._look()
            while not is_over and self._may_submit():
                chunk = next(chunks, None)
                if chunk is None:
                    is_over = True
                elif len(chunk):
                    job = _Job(chunk)
                    self._order.append(job)
                    self._submit(job)
            while self._order and self._order[0].is_done:
                yield self._order.popleft().result
            if not self._order and is_over:
                return
            if self._unfinished:
                self._take_finished()

    def end(self) -> None:
        """End what is unfinished, here and on the workers."""
        futures = list(self._unfinished)
        self._unfinished.clear()
        if self._client.status != "running":
            return
        if futures:
            end(partial(self._client.cancel, futures, force=True))
        end(partial(self._client.run, worker.end_run, self._name, on_error="ignore"))

    def _may_submit(self) -> bool:
        """Return whether another chunk may be handed to the cluster."""
        most = _AHEAD * max(1, self._n_threads)
        return len(self._unfinished) < most and len(self._order) < max(_MOST_WAITING, 2 * most)

    def _submit(self, job: _Job) -> None:
        """Hand a chunk to the cluster."""
        packed = worker.pack((self._function, job.chunk))
        task = pickle.dumps(worker.Task(packed, self._terms, self._name, self._limit_s(job.chunk)))
        self._n_tasks += 1
        try:
            future = self._client.submit(pickle.loads, task, key=f"{self._name}-{self._n_tasks}", pure=False)
        except (OSError, RuntimeError) as error:  # the connection was closed
            raise self._lost_scheduler() from error
        self._unfinished[future] = job
        future.add_done_callback(self._finished.put)

    def _take_finished(self) -> None:
        """Wait a moment for a chunk that is finished, and see what became of it."""
        try:
            future = self._finished.get(timeout=_LOOK_S)
        except queue.Empty:
            return
        job = self._unfinished.pop(future, None)
        if job is None:
            return
        outcome, value = self._outcome(future)
        if outcome == worker.DONE:
            job.finish(pickle.loads(value))  # our own worker wrote it
        elif outcome == worker.WRONG:
            raise InputError(value)
        elif outcome == worker.BUG:
            raise RuntimeError(f"A worker failed:\n{value}")
        else:
            self._do_again(job, outcome, value)

    def _outcome(self, future: Future) -> worker.Outcome:
        """Return what became of a chunk, also where Dask says so."""
        if future.status == "finished":
            try:
                return future.result(timeout=_ANSWER_S)
            except (TimeoutError, KilledWorker):  # the worker ended before it gave the result
                return worker.CRASHED, "was lost with its worker"
            except (OSError, RuntimeError) as problem:
                raise self._lost_scheduler() from problem
        error = future.exception() if future.status == "error" else None
        if isinstance(error, KilledWorker):
            return worker.CRASHED, "was lost with its worker"
        if error is None:
            raise self._lost_scheduler()
        if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("speech_autoencoder"):
            raise InputError(
                f"A worker of the cluster has no {OURS} (it says: {error}): install it there, in the version of this "
                "computer."
            )
        raise InputError(
            f"A worker of the cluster could not begin ({type(error).__name__}: {error}): install {OURS} and its "
            "libraries there in the versions of this computer."
        )

    def _do_again(self, job: _Job, outcome: str, how: str) -> None:
        """Divide a chunk that was not finished; a single item is done again, or left out."""
        n_items = len(job.chunk)
        if n_items > 1:
            place = self._order.index(job)
            self._order.remove(job)
            halves = [_Job(job.chunk[: n_items // 2]), _Job(job.chunk[n_items // 2 :])]
            for i, half in enumerate(halves):
                self._order.insert(place + i, half)
                self._submit(half)
        elif outcome == worker.LATE:
            limit = duration(self._limit_s(job.chunk))
            job.finish(Lost(job.chunk[0], f"it took longer than {limit}, and was ended"))
        else:
            job.n_crashes += 1
            if job.n_crashes < _MOST_CRASHES:
                self._submit(job)
            else:
                job.finish(Lost(job.chunk[0], f"the process that worked on it {how}, {_MOST_CRASHES} times"))

    def _look(self) -> None:
        """Count the threads of the workers now and then; end the run if there are none for long."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        try:
            self._n_threads = sum(within(_ANSWER_S, self._client.nthreads).values())
        except (OSError, RuntimeError) as error:
            raise self._lost_scheduler() from error
        self._looked = now
        if self._n_threads:
            self._worked, self._has_worked, self._has_said = now, True, False
            return
        limit_s = _NO_MORE_WORKERS_S if self._has_worked else _NO_WORKERS_S
        where = self._cluster[0].upper() + self._cluster[1:]
        if now - self._worked > limit_s:
            raise InputError(
                f"{where} has had no workers for {duration(limit_s)}: start some with dask worker, and run again."
            )
        if now - self._worked > _SAY_AFTER_S and not self._has_said:
            self._say(f"{where} has no workers: waiting for them for up to {duration(limit_s)}.")
            self._has_said = True

    def _lost_scheduler(self) -> InputError:
        """Return the error for a scheduler that has ended."""
        return InputError(
            f"The connection to {self._cluster} was lost: see that its scheduler runs, and run again, which goes on "
            "with what is done."
        )
