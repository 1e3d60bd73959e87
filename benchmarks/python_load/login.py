"""Set-up of the clients: connect, do the TLS handshake, log in, subscribe."""

from __future__ import annotations

import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from benchmarks.accounts import PASSWORD, user_name
from chat_server.wire import Stream, TlsStream

_TIMEOUT: Final = 30.0
"""Seconds for a handshake, and for each reply."""

_PROMPT: Final = b"[SERVER] Login using"


class LoginRejectedError(Exception):
    """The server rejected a client. The text is the server's."""


class Client:
    """A connection for requests and replies, used by one thread at a time."""

    def __init__(self, connected: socket.socket, stream: Stream) -> None:
        self.socket = connected
        """The socket under `stream`. A receiver that only counts reads it directly."""
        self.stream = stream
        self._rest = b""

    def send(self, line: bytes) -> None:
        """Send a line."""
        self.stream.send_all(line + b"\n")

    def expect(self, prefix: bytes) -> None:
        """Read until a line has this prefix. Raise `LoginRejectedError` at an error or the end."""
        while not (line := self._line()).startswith(prefix):
            if line.startswith(b"[ERROR]"):
                raise LoginRejectedError(line.decode())

    def _line(self) -> bytes:
        while b"\n" not in self._rest:
            data = self.stream.recv(_TIMEOUT)
            if not data:
                raise LoginRejectedError("the server closed the connection")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line


class LoginGate:
    """The address of the server, and whether to use TLS."""

    def __init__(self, port: int, *, encrypted: bool) -> None:
        self._address = ("127.0.0.1", port)
        self.context = _any_certificate() if encrypted else None

    def connect(self) -> Client:
        """Connect, do the TLS handshake if there is one, and read the server's first line."""
        connected = socket.create_connection(self._address, _TIMEOUT)
        stream = Stream(connected)
        if self.context is not None:
            stream = TlsStream(connected, self.context, host=self._address[0])
        try:
            stream.handshake(_TIMEOUT)
            client = Client(connected, stream)
            client.expect(_PROMPT)
        except BaseException:
            stream.close()
            raise
        return client


class LoggedIn(NamedTuple):
    """The clients in the room."""

    publisher: Client | None
    receivers: list[Client]
    idle: list[Client]
    seconds: float
    """The time that all logins took."""


def log_in_all(
    gate: LoginGate, publishers: int, receivers: int, idle: int, *, first: int, concurrency: int
) -> LoggedIn:
    """Connect and log in all clients. The receivers subscribe to the first user.

    There is at most one publisher. Raise `LoginRejectedError` and `OSError`.
    """

    def log_in(number: int) -> Client:
        client = gate.connect()
        client.send(b"LOGIN %s %s" % (user_name(number).encode(), PASSWORD))
        client.expect(b"[SERVER] Login successful")
        return client

    def subscribe(client: Client) -> None:
        client.send(b"/subscribe " + user_name(first).encode())
        client.expect(b"[SERVER] Subscribed to")

    begun = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as threads:
        numbers = range(first, first + publishers + receivers + idle)
        clients = list(threads.map(log_in, numbers))
        subscribers = clients[publishers : publishers + receivers]
        list(threads.map(subscribe, subscribers))
    return LoggedIn(
        publisher=clients[0] if publishers else None,
        receivers=subscribers,
        idle=clients[publishers + receivers :],
        seconds=time.perf_counter() - begun,
    )


def reconnect(gate: LoginGate, seconds: float, concurrency: int) -> dict[str, float]:
    """Connect, read the first line and disconnect, again and again, from `concurrency` threads."""
    begun = time.perf_counter()

    def connect_repeatedly(_: int) -> int:
        connections = 0
        while time.perf_counter() < begun + seconds:
            gate.connect().stream.close()
            connections += 1
        return connections

    with ThreadPoolExecutor(concurrency) as threads:
        connections = sum(threads.map(connect_repeatedly, range(concurrency)))
    elapsed = time.perf_counter() - begun
    return {"connections": connections, "seconds": elapsed, "per_second": connections / elapsed}


def _any_certificate() -> ssl.SSLContext:
    """Return a context that trusts every certificate. No session is resumed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
