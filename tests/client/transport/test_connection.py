"""A connection and its two threads. Either may end first, and nothing is left open."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from chat_server.wire.stream import Stream
from chat_tui.transport.connection import Connection
from chat_tui.transport.wakeup import Wakeup
from tests.support.wait_until import until


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    own, peer = socket.socketpair(socket.AF_UNIX)
    own.close()
    peer.close()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        own = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
    peer.settimeout(5)
    connection = Connection(Stream(own), Wakeup(lambda: None))
    yield connection, peer
    connection.close()
    peer.close()


def start_reader(connection: Connection) -> threading.Thread:
    thread = threading.Thread(target=connection.read)
    thread.start()
    return thread


def test_close_wakes_blocked_reader(pair: tuple[Connection, socket.socket]) -> None:
    connection, peer = pair
    reader = start_reader(connection)
    connection.close()
    connection.close()
    reader.join(2)
    assert not reader.is_alive()
    assert peer.recv(1) == b""


@pytest.mark.parametrize("with_reader", [False, True])
def test_abort_resets_the_connection(
    pair: tuple[Connection, socket.socket], with_reader: bool
) -> None:
    connection, peer = pair
    reader = start_reader(connection) if with_reader else None
    connection.abort()
    connection.abort()
    connection.close()
    if reader is not None:
        reader.join(5)
        assert not reader.is_alive()
    until(Stream(peer).peer_is_gone, "the peer sees a reset, not an end of the input")


def test_close_without_reader_closes_socket(pair: tuple[Connection, socket.socket]) -> None:
    connection, peer = pair
    connection.close()
    assert peer.recv(1) == b""


def test_reader_started_after_close_ends_at_once(pair: tuple[Connection, socket.socket]) -> None:
    connection, _ = pair
    connection.close()
    reader = start_reader(connection)
    reader.join(2)
    assert not reader.is_alive()


def test_send_after_end_of_connection_is_dropped(pair: tuple[Connection, socket.socket]) -> None:
    connection, peer = pair
    peer.close()
    reader = start_reader(connection)
    reader.join(5)
    connection.send([b"x\n"] * 10)
    connection.send([])
    assert connection.inbox.ended == "The server closed the connection"


def test_connection_reset_is_reported_as_reason(pair: tuple[Connection, socket.socket]) -> None:
    connection, peer = pair
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()
    start_reader(connection).join(5)
    assert connection.inbox.ended is not None
    assert "broke" in connection.inbox.ended


def test_write_error_ends_reader(
    pair: tuple[Connection, socket.socket],
) -> None:
    connection, peer = pair
    reader = start_reader(connection)
    connection.send([b"x" * 4000 + b"\n"] * 5000)  # more than the kernel takes: the writer blocks
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()
    reader.join(5)
    assert not reader.is_alive()


def test_lines_arrive_in_send_order(
    pair: tuple[Connection, socket.socket],
) -> None:
    connection, peer = pair
    reader = start_reader(connection)
    expected = b"".join(b"%d\n" % n for n in range(5000))
    for n in range(5000):
        connection.send([b"%d\n" % n])
    received = b""
    while len(received) < len(expected):
        received += peer.recv(65536)
    assert received == expected
    connection.close()
    reader.join(5)
