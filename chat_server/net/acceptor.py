"""The acceptor: one thread that accepts connections from all listeners."""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from math import inf
from typing import Final

from chat_server.net.awaited_headers import AwaitedHeaders
from chat_server.net.endpoints import Endpoint
from chat_server.net.held_connections import HeldConnection, HeldConnections
from chat_server.net.lingering_close import LingeringCloser
from chat_server.observability import EventLog
from chat_server.wire import replies

_MIN_BACKOFF: Final = 0.005
_MAX_BACKOFF: Final = 1.0
"""Seconds between two attempts to accept while there are no free files. At once would be a busy
loop, because the listener stays readable."""

_SECONDS_EACH: Final = 0.001
"""The pace of accepting. A connection takes up to 0.3 ms, with its thread. Further ones wait in the
kernel, where they cost the interpreter nothing. A thousand clients that reconnect at once are
accepted within a second, and a flood of connections leaves time for messages."""

_BURST: Final = 2
"""Connections that are accepted ahead of the pace. With 20, messages waited for 20 new threads at a
time while 300 clients signed in."""

_ENDED_WEIGHT: Final = 0.2
"""What a connection of an address that keeps connecting counts as if its client has closed it
already. It takes no thread. Clients that only connect and disconnect must not fill the queue of the
kernel."""

Serve = Callable[[socket.socket, str, int, Endpoint], str | None]
"""Called with a connection, the address and port of its peer, and the endpoint that it reached. It
takes over the connection and returns None, or returns an error for the client."""


class Acceptor:
    """The thread that accepts connections, from `start` to `stop`.

    It also closes the connections that are rejected; see `LingeringCloser`. They need no thread.
    """

    def __init__(
        self,
        serve: Serve,
        log: EventLog,
        linger_seconds: float,
        must_wait: Callable[[str], bool] = lambda host: False,
        weigh: Callable[[str], float] = lambda host: 1.0,
        on_crowded: Callable[[str, int], None] = lambda host, port: None,
        *,
        is_proxy: Callable[[str], bool] = lambda host: False,
        header_seconds: float = 5.0,
        on_invalid_header: Callable[[str, int, str], None] = lambda host, port, why: None,
    ) -> None:
        """`serve` is called in the acceptor's thread and must not block or raise.

        `must_wait(host)`: connections from there are held for a moment. `weigh(host)`: as how many
        connections one from there counts for the pace; above 1 if the address keeps connecting.
        `on_crowded(host, port)`: a connection was rejected because too many are held.

        `is_proxy(host)`: connections from there must begin with a PROXY header, which is complete
        within `header_seconds`; then the address of its client counts. `on_invalid_header(host,
        port, why)`: one was rejected because its header is missing or wrong.

        None of them may block.
        """
        self._serve = serve
        self._log = log
        self._must_wait = must_wait
        self._weigh = weigh
        self._on_crowded = on_crowded
        self._is_proxy = is_proxy
        self._on_invalid_header = on_invalid_header
        self._headers = AwaitedHeaders(header_seconds, self._take_in_client, self._reject_header)
        self._closer = LingeringCloser(linger_seconds)
        self._held = HeldConnections(must_wait)
        self._paced_to = 0.0
        """When the pace admits the next connection without a burst, on the monotonic clock."""
        self._paused: list[socket.socket] = []
        """Listeners that are not polled before `_resume_at`."""
        self._resume_at = inf
        self._backoff = _MIN_BACKOFF
        self._listeners: Mapping[socket.socket, Endpoint] = {}
        self._wake_read = self._wake_write = -1
        self._selector: selectors.BaseSelector  # created by `start`; then used by the thread only
        self._thread = threading.Thread(target=self._accept_forever, name="acceptor", daemon=True)

    @property
    def is_alive(self) -> bool:
        """True while the thread runs."""
        return self._thread.is_alive()

    def start(self, listeners: Mapping[socket.socket, Endpoint]) -> None:
        """Start the thread. It owns the listeners from now on and closes them at the end.

        Raises `RuntimeError` if the system refuses another thread.
        """
        self._listeners = listeners
        self._wake_read, self._wake_write = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._thread.start()

    def stop(self) -> None:
        """Close the listeners and the rejected connections, and wait until the thread has ended."""
        os.write(self._wake_write, b"!")
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _accept_forever(self) -> None:
        with self._selector as selector, ExitStack() as closing:
            for listener in self._listeners:
                closing.enter_context(listener)
                selector.register(listener, selectors.EVENT_READ)
            self._headers.use(selector)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(self._seconds_left()):
                    ready = key.fileobj
                    if not isinstance(ready, socket.socket):  # `stop` woke the thread
                        self._closer.close_all()
                        self._held.close_all()
                        self._headers.close_all()
                        return
                    if ready not in self._listeners:
                        self._headers.receive(ready)
                    elif ready not in self._paused:
                        self._accept(ready)
                self._closer.step()
                self._headers.step()
                for due in self._held.take_due():
                    self._admit(due)
                if self._resume_at <= time.monotonic():
                    self._resume_at = inf
                    while self._paused:
                        selector.register(self._paused.pop(), selectors.EVENT_READ)

    def _seconds_left(self) -> float | None:
        """Return the seconds until there is something to do, or None."""
        seconds = min(
            self._closer.seconds_left(),
            self._held.seconds_left(),
            self._headers.seconds_left(),
            max(0.0, self._resume_at - time.monotonic()),
        )
        return None if seconds == inf else seconds

    def _accept(self, listener: socket.socket) -> None:
        """Accept one connection. Back off if the system has no free file or memory."""
        try:
            connected, (host, port, *_) = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # the client has already closed it
        except OSError as error:
            self._log.accept_failed(error.strerror or str(error))
            self._pause((listener,), self._backoff)
            self._backoff = min(2 * self._backoff, _MAX_BACKOFF)
            return
        self._backoff = _MIN_BACKOFF
        host = host.removeprefix("::ffff:")
        connection = HeldConnection(connected, host, port, self._listeners[listener])
        if self._is_proxy(host):
            # The limits by address are for its clients, whose addresses are in the headers.
            self._count_accepted(1)
            self._headers.add(connection)
        else:
            self._take_in(connection)

    def _take_in_client(self, connection: HeldConnection) -> None:
        """Like `_take_in`, after a PROXY header. The connection was counted already."""
        self._take_in(connection, counted=1.0)

    def _take_in(self, connection: HeldConnection, counted: float = 0.0) -> None:
        """Admit a connection, hold it, or reject it, by the pace of its address."""
        host = connection.host
        must_wait, weight = self._must_wait(host), self._weigh(host)
        if (must_wait or weight > 1) and connection.has_ended():
            self._count_accepted(max(0.0, _ENDED_WEIGHT - counted))
            connection.connected.close()
            return
        if not must_wait:
            self._count_accepted(max(0.0, weight - counted))
            self._admit(connection)
            return
        self._count_accepted(1 - counted)
        if self._held.is_full:
            self._on_crowded(host, connection.port)
            self._closer.reject(connection.connected, replies.TOO_MANY_CONNECTIONS)
        else:
            self._held.hold(connection)

    def _reject_header(self, connection: HeldConnection, why: str) -> None:
        """Reject a connection from a proxy without a valid header."""
        self._on_invalid_header(connection.host, connection.port, why)
        self._closer.reject(connection.connected, replies.PROXY_HEADER_REQUIRED)

    def _admit(self, connection: HeldConnection) -> None:
        """Pass a connection on, or reject it."""
        error = self._serve(*connection)
        if error is not None:
            self._closer.reject(connection.connected, error)

    def _count_accepted(self, weight: float) -> None:
        """Accept nothing more for a moment if the connections are ahead of the pace."""
        now = time.monotonic()
        self._paced_to = max(self._paced_to, now) + weight * _SECONDS_EACH
        ahead = self._paced_to - now - _BURST * _SECONDS_EACH
        if ahead > 0:
            self._pause(self._listeners, ahead)

    def _pause(self, listeners: Iterable[socket.socket], seconds: float) -> None:
        for listener in listeners:
            if listener not in self._paused:
                self._selector.unregister(listener)
                self._paused.append(listener)
        self._resume_at = min(self._resume_at, time.monotonic() + seconds)
