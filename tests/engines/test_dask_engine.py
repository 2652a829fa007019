"""Chunks of work on a Dask cluster of two processes: their order, what is lost on the way, and how it ends."""

import os
import signal
import threading
import time
from functools import partial
from itertools import chain
from pathlib import Path

import pytest

from speech_autoencoder.engines.engine import Lost, open_engine
from speech_autoencoder.errors import InputError
from tests.helpers import chunks
from tests.helpers.common import one_line_of


def minute(chunk):
    return 60


@pytest.fixture
def opened(on_cluster, tmp_path):
    """Return an engine of the cluster."""
    with open_engine("dask", workers=1, say=print, writes=[tmp_path]) as engine:
        yield engine


def pids_of_workers(address):
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        return list(client.run(os.getpid).values())


def test_run_yields_results_in_the_order_of_the_chunks_from_two_processes(opened, tmp_path):
    lists = [[i, i + 1] for i in range(0, 40, 2)]
    assert list(opened.run(chunks.double, lists, limit_s=minute)) == [[2 * i, 2 * i + 2] for i in range(0, 40, 2)]
    found = list(opened.run(chunks.process, lists, limit_s=minute))
    assert len({pid for pid, _ in found}) == 2
    assert {folder for _, folder in found} == {str(Path.cwd())}
    assert list(opened.run(chunks.double, [], limit_s=minute)) == []


def test_run_item_that_crashes_is_named_and_all_others_are_done(opened):
    found = list(opened.run(chunks.crash_at_7, [[0, 1, 2, 3], [4, 5, 6, 7, 8], [9]], limit_s=minute))
    done = chain.from_iterable(x for x in found if not isinstance(x, Lost))
    assert list(done) == [0, 2, 4, 6, 8, 10, 12, 16, 18]
    place = found.index(Lost(7, "the process that worked on it crashed: segmentation fault, 3 times"))
    assert found[place + 1] == [16]


def test_run_item_past_its_time_limit_is_named_and_all_others_are_done(opened):
    found = list(opened.run(chunks.hang_at_7, [[5, 6], [7], [8]], limit_s=lambda chunk: 3))
    assert found == [[10, 12], Lost(7, "it took longer than 3 s, and was ended"), [16]]


def test_run_workers_that_are_killed_lose_nothing(opened, on_cluster, tmp_path):
    """Their chunks are done again, divided, by the other one, or by the one that Dask starts in place of it."""
    killed = []

    def kill():
        for _ in range(2):
            time.sleep(0.8)
            pid = pids_of_workers(on_cluster.address)[0]
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    lists = [[i, i + 1] for i in range(0, 24, 2)]
    found = list(opened.run(partial(chunks.double_slowly, folder=tmp_path), lists, limit_s=minute))
    thread.join()
    assert len(killed) == 2
    assert len(found) > len(lists)
    assert list(chain.from_iterable(found)) == list(range(0, 48, 2))
    # Hidden files of processes that were killed may be left, as after any kill; whoever writes there next removes them.
    assert {path.name: path.read_text() for path in tmp_path.glob("[0-9]*.txt")} == {
        f"{i}.txt": str(2 * i) for i in range(24)
    }


@pytest.fixture
def interruptible():
    """Let SIGINT interrupt, also where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_run_that_is_interrupted_ends_the_tasks_and_leaves_the_cluster(opened, on_cluster, tmp_path):
    wait = partial(chunks.wait_for_file, folder=tmp_path)
    taken = []

    def lists():
        for i in range(100):
            taken.append(i)
            yield [i]

    def interrupt():
        while len(list(tmp_path.glob("begun *"))) < 2:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(opened.run(wait, lists(), limit_s=minute))
    assert time.monotonic() - started < 20
    assert len(list(tmp_path.glob("begun *"))) == 2  # the other tasks never began
    assert len(taken) == 6  # a few for each worker
    assert list(opened.run(chunks.double, [[1], [2]], limit_s=minute)) == [[2], [4]]


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        ("for the user", InputError, r"^two\.wav is no recording: give another one\.$"),
        ("bug", RuntimeError, "KeyError: 'a bug of ours'"),
    ],
)
def test_run_error_on_a_worker_is_raised_here(opened, error, kind, said):
    with pytest.raises(kind, match=said):
        list(opened.run(partial(chunks.fail, error=error), [[1], [2]], limit_s=minute))


def test_run_disk_that_is_full_on_a_worker_names_its_computer_and_the_file(opened, monkeypatch, tmp_path):
    with pytest.raises(
        InputError, match=r"^The worker on \S+: out\.txt could not be written: the disk is full"
    ) as error:
        list(opened.run(partial(chunks.fail, error="disk"), [[1]], limit_s=minute))
    one_line_of(error)


def test_open_engine_leaves_no_file_in_the_folder(on_cluster, tmp_path):
    with open_engine("dask", workers=1, say=print, writes=[tmp_path]) as engine:
        assert list(engine.run(chunks.double, [[1]], limit_s=minute)) == [[2]]
    assert not list(tmp_path.iterdir())
