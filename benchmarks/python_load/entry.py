"""From a connection to a member of the room: shaking hands, logging in, subscribing."""

from __future__ import annotations

import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from benchmarks.accounts import PASSWORD, name
from chat_server.wire.stream import Stream, TlsStream

_PATIENCE: Final = 30.0
"""Seconds for a handshake, and for each answer."""

_PROMPT: Final = b"[SERVER] Login using"


class RefusedError(Exception):
    """The server did not admit somebody; its words."""


class Client:
    """A connection that asks and waits for the answer; in one thread at a time."""

    def __init__(self, connected: socket.socket, stream: Stream) -> None:
        self.socket = connected
        """What `stream` reads from: who only counts takes the bytes as they come."""
        self.stream = stream
        self._rest = b""

    def say(self, line: bytes) -> None:
        """Send a line."""
        self.stream.send_all(line + b"\n")

    def expect(self, beginning: bytes) -> None:
        """Read until a line begins so. Raises `RefusedError` at an error or the end."""
        while not (line := self._line()).startswith(beginning):
            if line.startswith(b"[ERROR]"):
                raise RefusedError(line.decode())

    def _line(self) -> bytes:
        while b"\n" not in self._rest:
            data = self.stream.recv(_PATIENCE)
            if not data:
                raise RefusedError("the server closed the connection")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line


class Door:
    """Where the server is, and whether one speaks TLS there."""

    def __init__(self, port: int, *, encrypted: bool) -> None:
        self._address = ("127.0.0.1", port)
        self.context = _any_certificate() if encrypted else None

    def connect(self) -> Client:
        """Connect, agree on keys where that has to be, and read the server's first line."""
        connected = socket.create_connection(self._address, _PATIENCE)
        stream = Stream(connected)
        if self.context is not None:
            stream = TlsStream(connected, self.context, host=self._address[0])
        try:
            stream.handshake(_PATIENCE)
            client = Client(connected, stream)
            client.expect(_PROMPT)
        except BaseException:
            stream.close()
            raise
        return client


class Entered(NamedTuple):
    """Who is in the room."""

    publisher: Client | None
    receivers: list[Client]
    idle: list[Client]
    seconds: float
    """How long it took all of them."""


def enter(
    door: Door, publishers: int, receivers: int, idle: int, *, first: int, concurrency: int
) -> Entered:
    """Connect and log in everybody, `concurrency` at a time; the receivers hear the first user.

    There is one publisher, or none. Raises `RefusedError` and `OSError`.
    """

    def log_in(number: int) -> Client:
        client = door.connect()
        client.say(b"LOGIN %s %s" % (name(number).encode(), PASSWORD))
        client.expect(b"[SERVER] Login successful")
        return client

    def subscribe(client: Client) -> None:
        client.say(b"/subscribe " + name(first).encode())
        client.expect(b"[SERVER] Subscribed to")

    begun = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as threads:
        numbers = range(first, first + publishers + receivers + idle)
        clients = list(threads.map(log_in, numbers))
        hearing = clients[publishers : publishers + receivers]
        list(threads.map(subscribe, hearing))
    return Entered(
        publisher=clients[0] if publishers else None,
        receivers=hearing,
        idle=clients[publishers + receivers :],
        seconds=time.perf_counter() - begun,
    )


def visit(door: Door, seconds: float, concurrency: int) -> dict[str, float]:
    """Come, read the first line and go, from `concurrency` threads, over and over for so long."""
    begun = time.perf_counter()

    def come_and_go(_: int) -> int:
        visits = 0
        while time.perf_counter() < begun + seconds:
            door.connect().stream.close()
            visits += 1
        return visits

    with ThreadPoolExecutor(concurrency) as threads:
        visits = sum(threads.map(come_and_go, range(concurrency)))
    elapsed = time.perf_counter() - begun
    return {"visits": visits, "seconds": elapsed, "per_second": visits / elapsed}


def _any_certificate() -> ssl.SSLContext:
    """Trust is no concern of the load. Every handshake is a whole one: no session is resumed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
