"""A Dask cluster on this computer: a scheduler and single-threaded workers, each a process of its own."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from benchmarks.running import ROOT

# How long the scheduler and its workers may take to start, in seconds.
_START_S = 60
_PAUSE_S = 0.1
_LOCAL = ("--host", "127.0.0.1", "--no-dashboard")


@contextmanager
def cluster(n_workers: int, folder: Path, *, restart: bool = False) -> Iterator[str]:
    """Lend the address of a cluster; each worker may use one processor, as far as there are enough.

    Parameters
    ----------
    n_workers
        Processes of a worker.
    folder
        For their files.
    restart
        Whether a worker that is killed is started again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scheduler_file = folder / "scheduler.json"
    scheduler_file.unlink(missing_ok=True)  # that of an earlier cluster
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    with ExitStack() as stack:
        stack.enter_context(
            _running("scheduler", "--port", "0", *_LOCAL, "--scheduler-file", scheduler_file, log=folder / "log.txt")
        )
        address = _wait_for(scheduler_file)
        for i in range(n_workers):
            nanny = "--nanny" if restart else "--no-nanny"
            options = (address, "--nthreads", "1", "--memory-limit", "0", nanny, *_LOCAL, "--local-directory", folder)
            core = cores[i % len(cores)] if cores else None
            stack.enter_context(_running("worker", *options, log=folder / "log.txt", core=core))
        _wait_for_workers(address, n_workers)
        yield address


@contextmanager
def _running(program: str, *options: object, log: Path, core: int | None = None) -> Iterator[None]:
    """Run a program of Dask meanwhile, with its children."""
    with log.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{program}", *map(str, options)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
        )
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(scheduler_file: Path) -> str:
    """Return the address in the file that a scheduler writes when it is ready."""
    for _ in range(round(_START_S / _PAUSE_S)):
        with suppress(OSError, ValueError):
            return str(json.loads(scheduler_file.read_text())["address"])
        time.sleep(_PAUSE_S)
    sys.exit(f"The Dask scheduler did not start within {_START_S} s.")


def _wait_for_workers(address: str, n_workers: int) -> None:
    """Return when so many workers are there."""
    from distributed import Client  # takes half a second

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(n_workers, timeout=_START_S)


class Killer:
    """Kills random workers of a cluster (kill -9) at random moments, in a thread, until it is told to stop.

    Attributes
    ----------
    n_killed : int
        How many it has killed.
    """

    def __init__(self, address: str, rng: random.Random, *, most: int, every_s: tuple[float, float]) -> None:
        self.n_killed = 0
        self._address, self._rng, self._most, self._every_s = address, rng, most, every_s
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        """Kill one worker after another."""
        from distributed import Client  # as above

        with Client(self._address, set_as_default=False) as client:
            while self.n_killed < self._most and not self._is_over.wait(self._rng.uniform(*self._every_s)):
                pids = [pid for pid in client.run(os.getpid, on_error="ignore").values() if isinstance(pid, int)]
                if pids:
                    with suppress(ProcessLookupError):
                        os.kill(self._rng.choice(pids), signal.SIGKILL)
                        self.n_killed += 1
