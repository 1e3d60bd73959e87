"""A connection and its two threads: whoever ends first, nothing is left open."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from chat_server.wire.stream import Stream
from chat_tui.transport.connection import Connection
from chat_tui.transport.wakeup import Wakeup


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    ours.close()
    theirs.close()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    theirs.settimeout(5)
    connection = Connection(Stream(ours), Wakeup(lambda: None))
    yield connection, theirs
    connection.close()
    theirs.close()


def reading(connection: Connection) -> threading.Thread:
    thread = threading.Thread(target=connection.read)
    thread.start()
    return thread


def test_close_wakes_blocked_reader(pair: tuple[Connection, socket.socket]) -> None:
    connection, theirs = pair
    reader = reading(connection)
    connection.close()
    connection.close()
    reader.join(2)
    assert not reader.is_alive()
    assert theirs.recv(1) == b""


def test_close_without_reader_closes_socket(pair: tuple[Connection, socket.socket]) -> None:
    connection, theirs = pair
    connection.close()
    assert theirs.recv(1) == b""


def test_reader_started_after_close_ends_at_once(pair: tuple[Connection, socket.socket]) -> None:
    connection, _ = pair
    connection.close()
    reader = reading(connection)
    reader.join(2)
    assert not reader.is_alive()


def test_send_after_end_of_connection_is_dropped(pair: tuple[Connection, socket.socket]) -> None:
    connection, theirs = pair
    theirs.close()
    reader = reading(connection)
    reader.join(5)
    connection.send([b"x\n"] * 10)
    connection.send([])
    assert connection.inbox.ended == "The server closed the connection"


def test_connection_reset_is_reported_as_reason(pair: tuple[Connection, socket.socket]) -> None:
    connection, theirs = pair
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    theirs.close()
    reading(connection).join(5)
    assert connection.inbox.ended is not None
    assert "broke" in connection.inbox.ended


def test_write_error_ends_reader(
    pair: tuple[Connection, socket.socket],
) -> None:
    connection, theirs = pair
    reader = reading(connection)
    connection.send([b"x" * 4000 + b"\n"] * 5000)  # more than the kernel takes: the writer blocks
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    theirs.close()
    reader.join(5)
    assert not reader.is_alive()


def test_lines_arrive_in_send_order(
    pair: tuple[Connection, socket.socket],
) -> None:
    connection, theirs = pair
    reader = reading(connection)
    expected = b"".join(b"%d\n" % n for n in range(5000))
    for n in range(5000):
        connection.send([b"%d\n" % n])
    received = b""
    while len(received) < len(expected):
        received += theirs.recv(65536)
    assert received == expected
    connection.close()
    reader.join(5)
