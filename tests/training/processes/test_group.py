"""What the processes of a training agree on. Here each is a thread: test_jax.py ends real ones."""

import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from speech_autoencoder.errors import InputError
from speech_autoencoder.training.processes import group
from speech_autoencoder.training.processes.connection import free_port
from speech_autoencoder.training.processes.group import Processes, joined
from speech_autoencoder.training.processes.place import Place
from tests.helpers.common import ROOT


@contextmanager
def together(count, work):
    """Lend the results of work(processes) by number, done by `count` processes that are threads."""
    port = free_port()

    def run(number):
        with joined(Place(number, count, "127.0.0.1", port), say=lambda text: None, warn=print) as processes:
            try:
                return work(processes)
            finally:
                processes.part()

    with ThreadPoolExecutor(count) as pool:
        yield [future.result(30) for future in [pool.submit(run, number) for number in range(count)]]


def test_processes_alone_agrees_with_itself():
    processes = Processes()
    assert processes.agree(3.5) == 3.5
    processes.meet()
    processes.require_same({"array": "a"})
    processes.part()


def test_agree_gives_all_the_value_of_process_0():
    with together(3, lambda processes: [processes.agree(processes.number + step / 3) for step in range(4)]) as values:
        assert values == [[0.0, 1 / 3, 2 / 3, 1.0]] * 3


@pytest.mark.parametrize("interrupted", [0, 2])
def test_meet_after_an_interruption_of_one_ends_all_at_the_same_meeting(interrupted):
    is_told = threading.Event()

    def work(processes):
        for step in range(10_000):
            try:
                processes.meet()
            except KeyboardInterrupt:
                return step
            if processes.number == interrupted and step == 5:
                processes.interrupt()
                is_told.set()
        return None

    with together(3, work) as steps:
        assert is_told.is_set()
        assert len(set(steps)) == 1
        assert 5 < steps[0] < 10_000


def test_require_same_names_what_differs():
    def work(processes):
        try:
            processes.require_same({"array": "a" if processes.number == 0 else "b", "keras": "3"})
        except InputError as error:
            return str(error)
        return ""

    with together(2, work) as messages:
        assert messages[0] == ""
        assert messages[1].startswith("Process 1 differs from process 0 (array a and b): ")


def test_joined_whoever_else_finds_the_port_is_ignored():
    port = free_port()
    results = []

    def first():
        with joined(Place(0, 2, "127.0.0.1", port), say=lambda text: None, warn=print) as processes:
            results.append(processes.agree("here"))
            processes.part()

    thread = threading.Thread(target=first)
    thread.start()
    with together_with(port) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with joined(Place(1, 2, "127.0.0.1", port), say=lambda text: None, warn=print) as processes:
            results.append(processes.agree(None))
            processes.part()
    thread.join(30)
    assert results == ["here", "here"]


@contextmanager
def together_with(port):
    """Lend a connection to a port that may not be open yet."""
    for _ in range(600):
        try:
            connection = socket.create_connection(("127.0.0.1", port), 30)
            break
        except OSError:
            threading.Event().wait(0.05)
    with connection:
        yield connection


def test_joined_a_process_that_does_not_come_is_named(monkeypatch):
    monkeypatch.setattr(group, "_GATHER_S", 0.2)
    with (
        pytest.raises(InputError, match=r"^Of 3 processes, these did not come within 0 minutes: 1, 2\."),
        joined(Place(0, 3, "127.0.0.1", free_port()), say=lambda text: None, warn=print),
    ):
        pass


def test_joined_process_0_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(group, "_GATHER_S", 0.2)
    port = free_port()
    with (
        pytest.raises(InputError, match=f"^Process 0 cannot be reached at 127.0.0.1:{port} "),
        joined(Place(1, 2, "127.0.0.1", port), say=lambda text: None, warn=print),
    ):
        pass


# A process that meets the others until it is ended, or waits for something else, as for JAX.
PROCESS = """
import os, sys, time
from speech_autoencoder.cli.process import run_main, warn
from speech_autoencoder.training.processes.group import joined
from speech_autoencoder.training.processes.place import find_place
def main():
    with joined(find_place(os.environ), say=lambda text: None, warn=warn) as processes:
        processes.meet()
        print("here", flush=True)
        while True:
            time.sleep(0.01) if "meets" in sys.argv else time.sleep(1_000)
            processes.meet()
run_main(main, "train")
"""


@pytest.mark.parametrize("dies", [0, 1])
@pytest.mark.parametrize("does", ["meets", "waits"])
def test_joined_of_a_process_that_dies_the_others_end_with_a_line(dies, does):
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "3",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{free_port()}",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, does],
            env=environment | {"KERAS_DISTRIBUTION_PROCESS_ID": str(number)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    assert [process.stdout.readline() for process in processes] == ["here\n"] * 3
    processes[dies].kill()
    for number, process in enumerate(processes):
        _, errors = process.communicate(timeout=60)
        if number != dies:
            assert process.returncode == 2
            assert len(errors.splitlines()) == 1
            assert f"Process {dies} of 3 has ended: " in errors
            assert errors.endswith("The training goes on from its checkpoint with --resume.\n")
