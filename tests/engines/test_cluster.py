"""Clusters that cannot do the work, each with one line; and the one that is started where there is no address."""

import logging
import os
import signal
import socket
import threading
import time
from importlib.util import find_spec

import pytest

from speech_autoencoder.engines.engine import Lost, open_engine
from speech_autoencoder.errors import InputError
from tests.helpers import chunks, dask_cluster
from tests.helpers.common import one_line_of

if not find_spec("distributed"):
    pytest.skip("Dask is not installed", allow_module_level=True)

from speech_autoencoder.engines import cluster, dask_engine


def minute(chunk):
    return 60


def run_one(function=chunks.double, **options):
    """Have one chunk done by Dask."""
    with open_engine("dask", workers=2, say=print, **options) as engine:
        return list(engine.run(function, [[1]], limit_s=minute))


def line_of(*args, **options):
    with pytest.raises(InputError) as error:
        run_one(*args, **options)
    return one_line_of(error)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT_S", 1)
    monkeypatch.setattr(dask_engine, "_LOOK_S", 0.1)


@pytest.fixture
def no_address(monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)


def test_run_without_an_address_uses_processes_of_this_computer_and_opens_no_port_to_others(no_address):
    with open_engine("dask", workers=2, say=print) as engine:
        results = engine.run(chunks.process, [[i] for i in range(12)], limit_s=minute)
        pids = {pid for pid, _ in results}
        assert len(pids) == 2
        assert os.getpid() not in pids
        listening = [address for address in _listening() if not address.startswith("127.")]
        found = list(engine.run(chunks.crash_at_7, [[6, 7, 8]], limit_s=minute))
    assert not listening
    assert found == [[12], Lost(7, "the process that worked on it crashed: segmentation fault, 3 times"), [16]]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def _listening():
    """Return the addresses that this process listens at."""
    import psutil

    return [x.laddr.ip for x in psutil.Process().net_connections("inet") if x.status == psutil.CONN_LISTEN]


def test_run_says_nothing_in_the_name_of_dask_and_leaves_its_loggers_as_they_were(no_address, capfd):
    before = [(logging.getLogger(name).handlers, logging.getLogger(name).propagate) for name in cluster._LOGGERS]
    assert run_one() == [[2]]
    after = [(logging.getLogger(name).handlers, logging.getLogger(name).propagate) for name in cluster._LOGGERS]
    assert after == before
    assert capfd.readouterr() == ("Dask hands out the work to 2 processes on this computer.\n", "")


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("tcp://127.0.0.1:{port}", "tcp://127.0.0.1:{port}"),
        ("127.0.0.1:{port}", "tcp://127.0.0.1:{port}"),
        ("tls://127.0.0.1:{port}", "tls://127.0.0.1:{port}"),
        ("tcp://no.such.computer.invalid:8786", "tcp://no.such.computer.invalid:8786"),
    ],
)
def test_open_engine_address_without_a_scheduler_is_a_line(quick, monkeypatch, address, named):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address.format(port=port))
    assert line_of().startswith(
        f"No Dask scheduler answers at {named.format(port=port)} (DASK_SCHEDULER_ADDRESS) within 1 s"
    )


@pytest.mark.parametrize(
    ("address", "named", "more"),
    [
        ("carrier-pigeon://127.0.0.1:8786", "carrier-pigeon://127.0.0.1:8786", ""),
        ("tcp://127.0.0.1:port", "tcp://127.0.0.1:port", ""),
        ("tcp://[::1", "no address", ""),
        ("tcp://user:secret@127.0.0.1:8786", "tcp://127.0.0.1:8786", ", without a user and a password"),
    ],
)
def test_open_engine_what_is_no_address_is_a_line_without_passwords(monkeypatch, address, named, more):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
    assert line_of() == (f"DASK_SCHEDULER_ADDRESS is {named}: expected an address such as tcp://computer:8786{more}.")


def test_open_engine_what_never_answers_at_the_address_is_a_line(quick, monkeypatch):
    monkeypatch.setattr(cluster, "_CLOSE_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", f"127.0.0.1:{other.getsockname()[1]}")
        assert line_of().startswith("No Dask scheduler answers at tcp://127.0.0.1:")


def test_open_engine_encryption_that_dask_is_configured_to_ask_for_is_asked_for(quick, on_cluster):
    import dask

    with dask.config.set({"distributed.comm.require-encryption": True}):
        assert "encryption" in line_of()


@pytest.mark.parametrize("name", ["Python", "numpy", "dask"])
def test_open_engine_versions_that_differ_are_both_named(on_cluster, monkeypatch, name):
    own = cluster.own_versions()
    monkeypatch.setattr(cluster, "own_versions", lambda: own | {name: "0.1.dev"})
    assert f"has {name} {own[name]}, this computer has 0.1.dev: results would differ; install the" in line_of()


def test_run_workers_without_the_package_are_a_line(tmp_path, monkeypatch):
    with dask_cluster.running(tmp_path, 1, PYTHONPATH="") as bare:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", bare.address)
        assert "A worker of the cluster has no speech-autoencoder" in line_of()


def test_run_cluster_without_workers_is_waited_for_and_one_that_ends_is_a_line(tmp_path, monkeypatch, quick, capsys):
    with dask_cluster.running(tmp_path, 0) as empty:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", empty.address)
        monkeypatch.setattr(dask_engine, "_SAY_AFTER_S", 0.3)
        monkeypatch.setattr(dask_engine, "_NO_WORKERS_S", 1)
        assert f"The Dask cluster at {empty.address} has had no workers for 1 s: start some" in line_of()
        assert f"{empty.address} has no workers: waiting for them" in capsys.readouterr().out

        monkeypatch.setattr(dask_engine, "_NO_WORKERS_S", 60)
        threading.Timer(1, os.kill, [empty.pid, signal.SIGKILL]).start()
        started = time.monotonic()
        assert f"The connection to the Dask cluster at {empty.address} was lost" in line_of()
        assert time.monotonic() - started < 20
