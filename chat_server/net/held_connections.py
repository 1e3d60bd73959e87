"""Held connections: accepted ones of an address that connects too often, until it is their turn."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final, NamedTuple

from chat_server.net.endpoints import Endpoint

MAX_HELD: Final = 64
"""Connections that may be held at once, within the files reserved by `config`."""

_CHECK_INTERVAL: Final = 0.05
"""Seconds between two checks whether it is the turn of a held connection."""


class HeldConnection(NamedTuple):
    """An accepted connection and what the acceptor knows about it."""

    connected: socket.socket
    host: str
    port: int
    endpoint: Endpoint

    def has_ended(self) -> bool:
        """Return whether the client has closed the connection and sent nothing. Never block."""
        try:
            return not self.connected.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True


class HeldConnections:
    """A queue of held connections. No lock: only the acceptor's thread uses it."""

    def __init__(self, must_wait: Callable[[str], bool]) -> None:
        """`must_wait(host)`: a connection from there is not due yet. It must not block."""
        self._must_wait = must_wait
        self._held: deque[HeldConnection] = deque()
        self._next_check = 0.0

    @property
    def is_full(self) -> bool:
        """True if no further connection can be held."""
        return len(self._held) >= MAX_HELD

    def hold(self, connection: HeldConnection) -> None:
        """Hold a connection. Only if the queue is not full."""
        self._held.append(connection)

    def seconds_left(self) -> float:
        """Return the seconds until `take_due` should be called; infinite if nothing is held."""
        return max(0.0, self._next_check - time.monotonic()) if self._held else inf

    def take_due(self) -> list[HeldConnection]:
        """Return the connections that are due, the oldest first. Close those that have ended.

        Returns none if it is too early for another check.
        """
        now = time.monotonic()
        if now < self._next_check:
            return []
        self._next_check = now + _CHECK_INTERVAL
        due: list[HeldConnection] = []
        for _ in range(len(self._held)):
            connection = self._held.popleft()
            if connection.has_ended():
                connection.connected.close()
            # One of each address at a time: its debt grows only when the connection ends.
            elif self._must_wait(connection.host) or any(
                other.host == connection.host for other in due
            ):
                self._held.append(connection)
            else:
                due.append(connection)
        return due

    def close_all(self) -> None:
        """Close all connections that are still held."""
        while self._held:
            self._held.popleft().connected.close()
