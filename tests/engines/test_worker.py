"""What a worker does with a chunk: no scheduler is needed for that."""

import os
import pickle
import socket
import threading
import time
from dataclasses import replace
from functools import partial

import pytest

from speech_autoencoder.engines import terms, worker
from speech_autoencoder.system import isolation
from tests.helpers import chunks


@pytest.fixture(autouse=True)
def children():
    with isolation.child_processes():
        yield


@pytest.fixture
def agreed(tmp_path, monkeypatch):
    """Return the terms of a driver in an empty folder, to which it writes and from which it reads."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "a.wav").write_bytes(b"sound")
    monkeypatch.setattr(terms, "_LOOK_S", 0.3)
    with terms.terms([tmp_path / "a.wav"], [tmp_path / "out"]) as found:
        yield found


def do(function, chunk, agreed, *, run="run", limit_s=60.0):
    return pickle.loads(pickle.dumps(worker.Task(worker.pack((function, chunk)), worker.pack(agreed), run, limit_s)))


def test_do_chunk_computes_in_a_child_in_the_folder_of_the_driver(agreed, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    outcome, value = do(chunks.process, [1], agreed)
    pid, folder = pickle.loads(value)
    assert (outcome, folder) == (worker.DONE, str(tmp_path))
    assert pid != os.getpid()
    assert pickle.loads(do(chunks.process, [2], agreed)[1])[0] == pid  # the child is kept


@pytest.mark.parametrize(
    ("error", "outcome", "said"),
    [
        ("for the user", worker.WRONG, "two.wav is no recording: give another one."),
        ("disk", worker.WRONG, f"The worker on {socket.gethostname()}: out.txt could not be written: the disk is full"),
        ("memory", worker.CRASHED, "ran out of memory"),
        ("bug", worker.BUG, "KeyError: 'a bug of ours'"),
        ("unsendable", worker.BUG, "pickle"),
    ],
)
def test_do_chunk_error_is_told_apart(agreed, error, outcome, said):
    found, text = do(partial(chunks.fail, error=error), [1], agreed)
    assert found == outcome
    assert said in text


def test_do_chunk_that_crashes_or_hangs_ends_its_child_alone(agreed):
    assert do(chunks.crash_at_7, [7], agreed) == (worker.CRASHED, "crashed: segmentation fault")
    for _ in range(4):  # however often
        assert do(chunks.hang_at_7, [7], agreed, limit_s=0.5) == (worker.LATE, "")
    assert pickle.loads(do(chunks.hang_at_7, [1], agreed)[1]) == [2]


def test_end_run_ends_its_chunks_and_no_others(agreed, tmp_path):
    found = {}
    wait = partial(chunks.wait_for_file, folder=tmp_path)
    threads = [
        threading.Thread(target=lambda run=run: found.update({run: do(wait, [run], agreed, run=run, limit_s=3)}))
        for run in ("mine", "yours")
    ]
    for thread in threads:
        thread.start()
    while len(list(tmp_path.glob("begun *"))) < 2:
        time.sleep(0.02)
    worker.end_run("mine")
    threads[0].join(2)
    assert found == {"mine": (worker.CRASHED, "crashed: killed")}
    assert do(chunks.double, [1], agreed, run="mine") == (worker.CRASHED, "was ended with its run")
    threads[1].join()
    assert found["yours"] == (worker.LATE, "")


@pytest.mark.parametrize("name", ["Python", "numpy", "dask", "speech-autoencoder"])
def test_do_chunk_other_versions_than_those_of_the_driver_are_named(agreed, name):
    others = replace(agreed, versions=agreed.versions | {name: "0.1.dev"})
    own = agreed.versions[name]
    assert do(chunks.double, [1], others) == (
        worker.WRONG,
        f"The worker on {socket.gethostname()} has {name} {own}, this computer has 0.1.dev: results would differ; "
        "install the same versions on both.",
    )


def test_do_chunk_folder_that_the_worker_does_not_see_is_named(agreed, tmp_path):
    ((path, _),) = agreed.tokens.items()
    path.write_text("of another computer")
    outcome, text = do(chunks.double, [1], agreed)
    assert outcome == worker.WRONG
    assert f"does not see the folder {tmp_path / 'out'} of this computer: write to a folder that all" in text


def test_do_chunk_input_that_is_another_one_on_the_worker_is_named(agreed, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"other sound")
    assert "has another" in do(chunks.double, [1], agreed)[1]
    (tmp_path / "a.wav").unlink()
    outcome, text = do(chunks.double, [1], agreed)
    assert outcome == worker.WRONG
    assert f"cannot read {tmp_path / 'a.wav'} (there is no such file or folder" in text


def test_do_chunk_folder_that_the_worker_may_not_write_to_is_named(agreed, tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(terms, "hidden_beside", refuse)
    assert f"cannot write to {tmp_path / 'out'}: permission denied" in do(chunks.double, [1], agreed)[1]


def test_terms_leave_nothing_behind(tmp_path):
    with terms.terms([], [tmp_path]):
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())
