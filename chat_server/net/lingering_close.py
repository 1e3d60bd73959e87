"""Lingering close: rejected connections get one error line and are closed without losing it."""

from __future__ import annotations

import selectors
import socket
import time
from math import inf
from typing import Final

from chat_server.wire import READ_SIZE, encode_error

_MAX_LINGERING: Final = 32
"""Rejected connections that may linger at once, within the files reserved by `config`. A further
one is closed at once."""


class LingeringCloser:
    """Rejected connections that linger. No lock: only the acceptor's thread uses it."""

    def __init__(self, selector: selectors.BaseSelector, linger_seconds: float) -> None:
        """`selector`: the acceptor's. The rejected sockets are registered there as well."""
        self._selector = selector
        self._linger_seconds = linger_seconds
        self._deadlines: dict[socket.socket, float] = {}

    def reject(self, connected: socket.socket, text: str) -> None:
        """Send `text` as an error line, and close the connection once the client has read it."""
        connected.setblocking(False)
        try:
            # The send buffer of a new socket has room for one line.
            connected.send(encode_error(text))
            connected.shutdown(socket.SHUT_WR)
        except OSError:
            connected.close()
            return
        if len(self._deadlines) >= _MAX_LINGERING:
            connected.close()
            return
        self._deadlines[connected] = time.monotonic() + self._linger_seconds
        self._selector.register(connected, selectors.EVENT_READ)

    def discard_input(self, rejected: socket.socket) -> None:
        """Read and discard input. Closing a socket with unread input sends a reset."""
        try:
            if rejected.recv(READ_SIZE):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._close(rejected)

    def seconds_left(self) -> float:
        """Return the seconds until the next deadline; infinite if nothing lingers."""
        return (
            max(0.0, min(self._deadlines.values()) - time.monotonic()) if self._deadlines else inf
        )

    def close_overdue(self) -> None:
        """Close the connections whose deadline has passed."""
        now = time.monotonic()
        for rejected in [late for late, until in self._deadlines.items() if until <= now]:
            self._close(rejected)

    def close_all(self) -> None:
        """Close all remaining connections."""
        for rejected in list(self._deadlines):
            self._close(rejected)

    def _close(self, rejected: socket.socket) -> None:
        del self._deadlines[rejected]
        self._selector.unregister(rejected)
        rejected.close()
