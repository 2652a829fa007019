"""Connections between the processes of a training, which carry lines of JSON."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from speech_autoencoder.errors import InputError
from speech_autoencoder.system.files import explain
from speech_autoencoder.training.processes.place import ADDRESSES

Message = dict[str, Any]

_RETRY_S = 0.2
# How long somebody who has connected may take to say who they are.
_HELLO_S = 5.0
# The longest message, in bytes.
_LONGEST = 1_000_000
# A machine that vanishes without closing its connections is noticed after some 25 s.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


class Connection:
    """A connection to another process."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._lines = connected.makefile("rb")
        self._lock = threading.Lock()
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE.items():
            if hasattr(socket, name):  # not on every system
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def send(self, message: Message) -> None:
        """Send a message, if the other process is there; what reads its messages notices if it is not."""
        with suppress(OSError), self._lock:
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    def first_message(self, timeout_s: float) -> Message:
        """Return the first message; an empty one if none comes in time."""
        self._socket.settimeout(timeout_s)
        message = next(self.messages(), {})
        self._socket.settimeout(None)
        return message

    def messages(self) -> Iterator[Message]:
        """Yield the messages of the other process until it is gone."""
        with suppress(OSError, ValueError):
            while line := self._lines.readline(_LONGEST):
                message = json.loads(line)
                if not isinstance(message, dict):
                    return
                yield message

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self._socket.close()


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that takes connections at a port of this machine, whose name is `host`."""
    is_local = host == "localhost" or host.startswith("127.")
    try:
        if is_local or not socket.has_dualstack_ipv6():
            return socket.create_server(("127.0.0.1" if is_local else "", port))
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    except OSError as error:
        raise InputError(
            f"Process 0 cannot listen at port {port} ({explain(error)}): end the program that does, or give another "
            f"port with {ADDRESSES}."
        ) from error


def accept_within(server: socket.socket, timeout_s: float) -> tuple[Connection, Message] | None:
    """Return the next connection with its first message, None if none comes in time."""
    deadline = time.monotonic() + timeout_s
    while (left_s := deadline - time.monotonic()) > 0:
        server.settimeout(left_s)
        try:
            connected, _ = server.accept()
        except TimeoutError:
            return None
        connection = Connection(connected)
        if hello := connection.first_message(_HELLO_S):
            return connection, hello
        connection.close()  # something else that has found the port
    return None


def connect_within(host: str, port: int, timeout_s: float) -> Connection:
    """Return a connection to process 0, which may start later than this one."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return Connection(socket.create_connection((host, port), timeout=max(1.0, deadline - time.monotonic())))
        except OSError as error:
            if time.monotonic() > deadline:
                raise InputError(
                    f"Process 0 cannot be reached at {host}:{port} ({explain(error)}): see what it reports, or "
                    f"give its address with {ADDRESSES}=HOST:PORT."
                ) from error
            time.sleep(_RETRY_S)


def free_port() -> int:
    """Return a port of this machine that nothing uses now."""
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])
