"""A Dask cluster whose workers are processes of their own: as a program, one that ends when its input does."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Each worker imports this module when it starts, and nothing else of the project.
ROOT = Path(__file__).parents[2]
# What Dask looks at many times a second, for its dashboard, takes a tenth of a processor for each process.
QUIET = {
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}


@contextmanager
def running(folder, n_workers=2, **environment) -> Iterator[subprocess.Popen]:
    """Lend the process of a cluster, started in a folder, with its `address`; it is ended with its workers."""
    process = subprocess.Popen(
        [sys.executable, __file__, str(n_workers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | QUIET | environment,
        start_new_session=True,
    )
    try:
        process.address = process.stdout.readline().strip()
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.stdout.close()


def main() -> None:
    """Run the cluster until stdin ends."""
    from distributed import LocalCluster

    loopback = "127.0.0.1:0"
    with LocalCluster(
        n_workers=int(sys.argv[1]),
        threads_per_worker=1,
        host="127.0.0.1",
        memory_limit=None,
        dashboard_address=loopback,
        worker_dashboard_address=loopback,
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
