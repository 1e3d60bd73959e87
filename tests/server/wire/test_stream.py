"""A plain stream and what its peer has not acknowledged."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from chat_server.wire import Stream
from tests.support.wait_until import WAIT_TIMEOUT, until


@pytest.fixture
def peers() -> Iterator[tuple[Stream, socket.socket]]:
    """Return a stream and the socket of its peer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname(), WAIT_TIMEOUT)
        accepted, _ = listener.accept()
    stream = Stream(accepted)
    yield stream, peer
    stream.close()
    peer.close()


def test_unacknowledged_bytes_are_those_that_peer_has_no_room_for(
    peers: tuple[Stream, socket.socket],
) -> None:
    stream, peer = peers
    stream.send_all(b"short")
    until(lambda: stream.unacknowledged() == 0, "the system of the peer acknowledges by itself")
    sent = 5
    while taken := stream.send_some(b"x" * 65536):
        sent += taken
    assert stream.unacknowledged() > 0
    while sent:
        sent -= len(peer.recv(65536))
    until(lambda: stream.unacknowledged() == 0, "the peer has read everything")


def test_closed_stream_has_no_unacknowledged_bytes(peers: tuple[Stream, socket.socket]) -> None:
    stream, _ = peers
    stream.close()
    assert stream.unacknowledged() == 0
