"""Connections that are refused at the door: told why, and closed without losing that line."""

from __future__ import annotations

import selectors
import socket
import time
from math import inf
from typing import Final

from chat_server.wire import READ_SIZE, encode_error

_MAX_LINGERING: Final = 32
"""Refused connections that may linger at once, out of the files kept back from clients; beyond,
one is closed as it is."""


class LingeringCloser:
    """Refused connections that linger. They have no thread: the acceptor's alone calls this."""

    def __init__(self, selector: selectors.BaseSelector, linger_seconds: float) -> None:
        """`selector`: the acceptor's own, in which the refused sockets wait, too."""
        self._selector = selector
        self._linger_seconds = linger_seconds
        self._deadlines: dict[socket.socket, float] = {}

    def reject(self, connected: socket.socket, text: str) -> None:
        """Say why, as an error line, and let the connection end."""
        connected.setblocking(False)
        try:
            # A fresh socket's buffer takes one line whole.
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
        """Throw away what a refused client sent: unread, it would turn the close into a reset."""
        try:
            if rejected.recv(READ_SIZE):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._close(rejected)

    def seconds_left(self) -> float:
        """Until the next one has lingered long enough; infinite where there is none."""
        return (
            max(0.0, min(self._deadlines.values()) - time.monotonic()) if self._deadlines else inf
        )

    def close_overdue(self) -> None:
        """Close those that have lingered long enough."""
        now = time.monotonic()
        for refused in [held for held, until in self._deadlines.items() if until <= now]:
            self._close(refused)

    def close_all(self) -> None:
        """Close every one that is left."""
        for refused in list(self._deadlines):
            self._close(refused)

    def _close(self, rejected: socket.socket) -> None:
        del self._deadlines[rejected]
        self._selector.unregister(rejected)
        rejected.close()
