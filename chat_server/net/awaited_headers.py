"""Connections from load balancers that wait, without a thread, for their PROXY header."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from math import inf
from typing import Final

from chat_server.net.held_connections import HeldConnection
from chat_server.net.proxy_protocol import (
    MAX_HEADER_BYTES,
    ProxyHeader,
    ProxyHeaderError,
    ProxyHeaderParser,
)

MAX_AWAITED: Final = 64
"""Connections that may wait at once, within the files reserved by `config`. A balancer sends its
header at once, so a flood without headers displaces its own connections: the oldest goes first."""

QUIET_SECONDS: Final = 0.5
"""A connection of the balancer itself, or without a client's address, is a health check if it ends
within this time. Then it costs neither a thread nor a line of the log. A client waits that long for
the login prompt there."""

_NO_HEADER: Final = "no PROXY header"
_CROWDED: Final = "no PROXY header while many connections waited for theirs"


class _Awaited:
    """One connection that waits."""

    __slots__ = ("connection", "parser", "until")

    def __init__(self, connection: HeldConnection, until: float) -> None:
        self.connection = connection
        self.parser = ProxyHeaderParser()
        self.until = until


class AwaitedHeaders:
    """The connections whose header is incomplete. No lock: only the acceptor's thread uses it.

    It never reads beyond the header: the next byte may belong to a TLS handshake.
    """

    def __init__(
        self,
        header_seconds: float,
        on_client: Callable[[HeldConnection], None],
        on_invalid: Callable[[HeldConnection, str], None],
    ) -> None:
        """`header_seconds`: longest time until the header is complete.

        `on_client` takes over a connection, with the address of its client. `on_invalid` takes over
        one that must be rejected, and gets the reason for the log.
        """
        self._header_seconds = header_seconds
        self._on_client = on_client
        self._on_invalid = on_invalid
        self._awaited: dict[socket.socket, _Awaited] = {}  # the oldest first
        self._selector: selectors.BaseSelector  # that of the acceptor

    def use(self, selector: selectors.BaseSelector) -> None:
        """Wait in this selector. Its owner calls `receive` for a ready socket."""
        self._selector = selector

    def add(self, connection: HeldConnection) -> None:
        """Wait for the header of a new connection."""
        if len(self._awaited) >= MAX_AWAITED:
            oldest = next(iter(self._awaited))
            self._on_invalid(self._take(oldest), _CROWDED)
        connected = connection.connected
        self._awaited[connected] = _Awaited(connection, time.monotonic() + self._header_seconds)
        self._selector.register(connected, selectors.EVENT_READ)

    def receive(self, connected: socket.socket) -> None:
        """Receive a part of a header, or notice what comes after it.

        Does nothing for a socket that does not wait any more.
        """
        awaited = self._awaited.get(connected)
        if awaited is None:
            return
        if awaited.parser.header is not None:  # it may be a health check
            connection = self._take(connected)
            if connection.has_ended():
                connected.close()
            else:
                self._on_client(connection)
            return
        try:
            seen = connected.recv(MAX_HEADER_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            if not seen:
                self._take(connected).connected.close()  # a health check that only connects
                return
            connected.recv(awaited.parser.feed(seen), socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except ProxyHeaderError as error:
            self._on_invalid(self._take(connected), str(error))
            return
        except OSError:  # a reset: many health checks end like this
            self._take(connected).connected.close()
            return
        self._continue(awaited, awaited.parser.header)

    def _continue(self, awaited: _Awaited, header: ProxyHeader | None) -> None:
        """Pass the connection on, if its header is complete and it is not a health check."""
        if header is None:
            return
        own = awaited.connection.host
        if header.client is not None:
            host, port = header.client
            awaited.connection = awaited.connection._replace(host=host, port=port)
        # In version 1, a health check of HAProxy names the balancer itself.
        if awaited.connection.host == own:
            awaited.until = min(awaited.until, time.monotonic() + QUIET_SECONDS)
        else:
            self._on_client(self._take(awaited.connection.connected))

    def seconds_left(self) -> float:
        """Return the seconds until `step` should be called; infinite if nothing waits."""
        if not self._awaited:
            return inf
        return max(0.0, min(each.until for each in self._awaited.values()) - time.monotonic())

    def step(self) -> None:
        """Pass on the connections whose time is over, or reject them."""
        now = time.monotonic()
        for connected, awaited in list(self._awaited.items()):
            if awaited.until > now:
                continue
            connection = self._take(connected)
            if awaited.parser.header is not None:
                self._on_client(connection)
            else:
                self._on_invalid(connection, _NO_HEADER)

    def close_all(self) -> None:
        """Close all connections that still wait."""
        for connected in list(self._awaited):
            self._take(connected).connected.close()

    def _take(self, connected: socket.socket) -> HeldConnection:
        self._selector.unregister(connected)
        return self._awaited.pop(connected).connection
