"""The Dask cluster to work on: the one at an address, or one that is started here and ends with the run."""

import logging
import os
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from contextvars import copy_context
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import dask
from distributed import Client, Scheduler, Security, SpecCluster, Worker

from speech_autoencoder.engines.engine import Say
from speech_autoencoder.engines.terms import difference, own_versions
from speech_autoencoder.errors import InputError

ADDRESS = "DASK_SCHEDULER_ADDRESS"
# How long the scheduler may take to answer.
_CONNECT_S = 10
# How long the end of a connection may take.
_CLOSE_S = 5
# Loggers with handlers of their own. What they would print, such as tracebacks of connections that end, a line says.
_LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application", "asyncio")


@contextmanager
def connected(workers: int, say: Say) -> Iterator[tuple[Client, str]]:
    """Lend a client of the cluster at DASK_SCHEDULER_ADDRESS, or of one with so many processes on this computer.

    Yields
    ------
    Client
    str
        What messages call the cluster.

    Raises
    ------
    InputError
        If nothing answers at the address, or what answers has other versions.
    """
    address = os.environ.get(ADDRESS) or dask.config.get("scheduler-address", None)
    with _silent(), ExitStack() as stack:
        if address:
            name = f"the Dask cluster at {shown(address)}"
            client = stack.enter_context(_closing(_connect(address)))
            _compare_versions(client, shown(address))
            say(f"Working on {name}.")
        else:
            name = "the Dask cluster on this computer"
            cluster = stack.enter_context(_local_cluster(workers))
            client = stack.enter_context(_closing(Client(cluster, set_as_default=False)))
            say(f"Dask hands out the work to {workers:,} process{'' if workers == 1 else 'es'} on this computer.")
        yield client, name


def shown(address: str) -> str:
    """Return an address as messages may show it: without a name and a password."""
    try:
        parts = urlsplit(address if "://" in address else f"tcp://{address}")
    except ValueError:
        return "no address"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _connect(address: str) -> Client:
    """Return a client of the scheduler at an address; Dask's own configuration says how to encrypt."""
    open_client = partial(Client, address, timeout=_CONNECT_S, set_as_default=False)
    try:
        return within(_CONNECT_S + _CLOSE_S, open_client)
    except ValueError as error:
        more = ", without a user and a password" if "@" in address else ""
        raise InputError(
            f"{ADDRESS} is {shown(address)}: expected an address such as tcp://computer:8786{more}."
        ) from error
    except (OSError, TypeError, RuntimeError, ImportError) as error:
        raise InputError(
            f"No Dask scheduler answers at {shown(address)} ({ADDRESS}) within {_CONNECT_S} s"
            f"{_reason(error)}: start one with dask scheduler, correct the address, or unset it to use this computer."
        ) from error


def _reason(error: BaseException) -> str:
    """Return in parentheses why a connection failed, as far as it is more than that nothing answered."""
    while error.__cause__:
        error = error.__cause__
    is_named = isinstance(error, ImportError) or any(word in f"{error!r}" for word in ("ncrypt", "SSL", "TLS"))
    return f" ({type(error).__name__}: {error})" if is_named else ""


def _compare_versions(client: Client, where: str) -> None:
    """Check that scheduler and workers have the versions of this computer, as far as Dask knows them."""
    try:
        found = within(_CONNECT_S, client.get_versions)
    except (OSError, RuntimeError):  # each worker checks its own
        return
    nodes = {f"The Dask scheduler at {where}": found["scheduler"]}
    nodes |= {f"The worker at {shown(address)}": node for address, node in found["workers"].items()}
    for name, node in nodes.items():
        theirs = {key: text for key, text in node["packages"].items() if text}
        theirs["Python"] = ".".join(theirs["python"].split(".")[:2])
        if line := difference(own_versions(), theirs, name):
            raise InputError(line)


@contextmanager
def _local_cluster(workers: int) -> Iterator[SpecCluster]:
    """Start a scheduler and a worker in threads of this process, whose chunks are computed in processes of their own.

    Unlike the processes of LocalCluster, threads open no port to other users of this computer, and import no script.
    """
    loopback = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}  # of an HTTP server without pages
    common = {"protocol": "inproc://", "security": Security(require_encryption=False), **loopback}
    settings = {
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        "distributed.worker.profile.enabled": False,
    }
    with tempfile.TemporaryDirectory(prefix="speech-autoencoder-", ignore_cleanup_errors=True) as folder:
        options = {"nthreads": workers, "memory_limit": None, "local_directory": folder, **common}
        with dask.config.set(settings):
            cluster = SpecCluster(
                scheduler={"cls": Scheduler, "options": common},
                workers={0: {"cls": Worker, "options": options}},
                silence_logs=False,
            )
        with _closing(cluster):
            yield cluster


@contextmanager
def _closing(thing: Any) -> Iterator[Any]:
    """Close a client or a cluster at the end, in bounded time."""
    try:
        yield thing
    finally:
        end(thing.close)


def within(seconds: float, function: Callable[..., Any], *args: Any) -> Any:
    """Return function(*args); raise TimeoutError after so many seconds, as a scheduler that hangs answers nothing.

    It is called in a thread, which then stays behind.
    """
    done: Future[Any] = Future()
    context = copy_context()  # holds what `dask.config.set` has set

    def call() -> None:
        try:
            done.set_result(context.run(function, *args))
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return done.result(seconds)


def end(function: Callable[..., Any], *args: Any) -> None:
    """Call a function that ends something, such as a connection that may have ended already."""
    with suppress(Exception):
        within(_CLOSE_S, function, *args)


@contextmanager
def _silent() -> Iterator[None]:
    """Discard what Dask logs and warns of."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger, logger.handlers, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [logging.NullHandler()], False
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"distributed|dask|tornado")
            yield
    finally:
        for logger, handlers, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate
