"""The acceptor: connections, rejections, and listeners that cannot accept."""

from __future__ import annotations

import errno
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from queue import Empty, SimpleQueue

import pytest

from chat_server.net.acceptor import Acceptor
from chat_server.net.endpoints import Endpoint
from chat_server.net.held_connections import MAX_HELD
from chat_server.observability.event_log import EventLog
from tests.support.wait_until import WAIT_TIMEOUT
from tests.support.wire_client import WireClient

ENDPOINT = Endpoint("localhost", "127.0.0.1", socket.AF_INET, 0, encrypted=False)


class Harness:
    """An acceptor with one listener. It rejects a connection with `rejection`, if that is set."""

    def __init__(self) -> None:
        self.rejection: str | None = None
        self.served: SimpleQueue[tuple[socket.socket, str, int, Endpoint]] = SimpleQueue()
        self.waiting_hosts: set[str] = set()
        self.must_wait: Callable[[str], bool] = lambda host: host in self.waiting_hosts
        self.weight = 1.0
        self.crowded: SimpleQueue[tuple[str, int]] = SimpleQueue()
        self.log = io.StringIO()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.acceptor = Acceptor(
            self._serve,
            EventLog(self.log),
            0.2,
            lambda host: self.must_wait(host),
            lambda host: self.weight,
            lambda host, port: self.crowded.put((host, port)),
        )

    def _serve(self, connected: socket.socket, host: str, port: int, to: Endpoint) -> str | None:
        if self.rejection is None:
            self.served.put((connected, host, port, to))
        return self.rejection

    def connect(self) -> WireClient:
        return WireClient("127.0.0.1", self.listener.getsockname()[1])


@pytest.fixture
def harness() -> Iterator[Harness]:
    harness = Harness()
    harness.acceptor.start({harness.listener: ENDPOINT})
    yield harness
    if harness.acceptor.is_alive:
        harness.acceptor.stop()


def test_acceptor_passes_connection_with_its_addresses(harness: Harness) -> None:
    with harness.connect() as client:
        connected, host, port, endpoint = harness.served.get(timeout=WAIT_TIMEOUT)
        with connected:
            assert (host, port) == client.socket.getsockname()
            assert endpoint is ENDPOINT
            client.send("hello")
            assert connected.recv(100) == b"hello\n"


def test_acceptor_sends_rejection_and_closes(harness: Harness) -> None:
    harness.rejection = "No"
    with harness.connect() as client:
        client.expect("[ERROR] No")
        client.expect_end()


def test_acceptor_retries_after_accept_failed(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept = socket.socket.accept
    failures = 3

    def fail(listener: socket.socket) -> tuple[socket.socket, object]:
        nonlocal failures
        if failures:
            failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", fail)
    with harness.connect():
        connected, *_ = harness.served.get(timeout=WAIT_TIMEOUT)
        connected.close()
    assert harness.log.getvalue().count("Too many open files") == 3


def test_stop_closes_listeners_and_rejected_connections(harness: Harness) -> None:
    harness.rejection = "No"
    with harness.connect() as client:
        client.expect("[ERROR] No")
        harness.acceptor.stop()
    assert not harness.acceptor.is_alive
    assert harness.listener.fileno() == -1


def test_connection_of_a_waiting_host_is_held_until_its_turn(harness: Harness) -> None:
    harness.waiting_hosts.add("127.0.0.1")
    with harness.connect() as first, harness.connect() as second:
        with pytest.raises(Empty):
            harness.served.get(timeout=0.2)
        harness.waiting_hosts.clear()
        for client in (first, second):
            connected, host, port, _ = harness.served.get(timeout=WAIT_TIMEOUT)
            assert (host, port) == client.socket.getsockname()
            connected.close()


def test_held_connection_that_has_ended_is_not_served(harness: Harness) -> None:
    harness.waiting_hosts.add("127.0.0.1")
    with harness.connect() as script, harness.connect() as silent:
        script.send("LOGIN alice pw")
        script.send_eof()  # a script may do that
        silent.send_eof()
        silent.expect_end()
        harness.waiting_hosts.clear()
        connected, host, port, _ = harness.served.get(timeout=WAIT_TIMEOUT)
        assert (host, port) == script.socket.getsockname()
        connected.close()
    assert harness.served.empty()


def test_connections_over_the_number_of_held_ones_are_rejected(harness: Harness) -> None:
    harness.waiting_hosts.add("127.0.0.1")
    with ExitStack() as stack:
        for _ in range(MAX_HELD):
            stack.enter_context(harness.connect())
        with harness.connect() as client:
            client.expect("[ERROR] Too many connections from your address; try again later")
            client.expect_end()
            assert harness.crowded.get(timeout=WAIT_TIMEOUT) == client.socket.getsockname()


@pytest.mark.parametrize("weight", [1.0, 4.0])
def test_ended_connection_of_an_address_that_keeps_connecting_is_dropped(weight: float) -> None:
    harness = Harness()
    harness.weight = weight
    harness.connect().reset()  # it waits in the queue of the kernel
    harness.acceptor.start({harness.listener: ENDPOINT})
    with harness.connect() as client:
        ports: list[int] = []
        while not ports or ports[-1] != client.socket.getsockname()[1]:
            connected, _, port, _ = harness.served.get(timeout=WAIT_TIMEOUT)
            connected.close()
            ports.append(port)
    harness.acceptor.stop()
    assert len(ports) == (2 if weight == 1 else 1)


def test_flood_of_connections_leaves_the_server_time_for_others(harness: Harness) -> None:
    """Twenty connections within 0.02 s are the most."""
    harness.rejection = "No"
    started = time.monotonic()
    for _ in range(500):
        with harness.connect() as client, suppress(OSError):
            client.read_line()
    assert time.monotonic() - started >= 0.35


def test_stop_closes_held_connections(harness: Harness) -> None:
    checked = threading.Event()

    def must_wait(host: str) -> bool:
        checked.set()
        return True

    harness.must_wait = must_wait
    with harness.connect() as client:
        assert checked.wait(WAIT_TIMEOUT)
        harness.acceptor.stop()
        client.expect_end()
