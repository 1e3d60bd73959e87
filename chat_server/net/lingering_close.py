"""Lingering close: rejected connections get one error line and are closed without losing it."""

from __future__ import annotations

import socket
import time
from math import inf
from typing import Final

from chat_server.wire import READ_SIZE, encode_error

_MAX_LINGERING: Final = 32
"""Rejected connections that may linger at once, within the files reserved by `config`. A further
one is closed at once."""

_DISCARD_INTERVAL: Final = 0.05
"""Seconds between two reads of each. A rejected client that goes on sending must not keep the
acceptor busy."""


class LingeringCloser:
    """Rejected connections that linger. No lock: only the acceptor's thread uses it."""

    def __init__(self, linger_seconds: float) -> None:
        """`linger_seconds`: longest time that a rejected connection stays open."""
        self._linger_seconds = linger_seconds
        self._deadlines: dict[socket.socket, float] = {}
        self._next_discard = 0.0

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
        if not self._deadlines:
            self._next_discard = time.monotonic() + _DISCARD_INTERVAL
        self._deadlines[connected] = time.monotonic() + self._linger_seconds

    def seconds_left(self) -> float:
        """Return the seconds until the next call of `step`; infinite if nothing lingers."""
        return max(0.0, self._next_discard - time.monotonic()) if self._deadlines else inf

    def step(self) -> None:
        """Discard input, and close the connections that have ended or are overdue.

        Does nothing if it is too early.
        """
        now = time.monotonic()
        if now < self._next_discard:
            return
        self._next_discard = now + _DISCARD_INTERVAL
        for rejected, until in list(self._deadlines.items()):
            if until <= now or not self._discard_input(rejected):
                self._close(rejected)

    def close_all(self) -> None:
        """Close all remaining connections."""
        for rejected in list(self._deadlines):
            self._close(rejected)

    @staticmethod
    def _discard_input(rejected: socket.socket) -> bool:
        """Read and discard input: closing a socket with unread input sends a reset.

        Return False at the end of the input.
        """
        try:
            return bool(rejected.recv(READ_SIZE))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _close(self, rejected: socket.socket) -> None:
        del self._deadlines[rejected]
        rejected.close()
