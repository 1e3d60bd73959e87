"""The acceptor: one thread that accepts connections from all listeners."""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from math import inf
from typing import Final

from chat_server.net.endpoints import Endpoint
from chat_server.net.lingering_close import LingeringCloser
from chat_server.observability import EventLog

_MIN_BACKOFF: Final = 0.005
_MAX_BACKOFF: Final = 1.0
"""Seconds between two attempts to accept while there are no free files. At once would be a busy
loop, because the listener stays readable."""

Serve = Callable[[socket.socket, str, int, Endpoint], str | None]
"""Called with a connection, the address and port of its peer, and the endpoint that it reached. It
takes over the connection and returns None, or returns an error for the client."""


class Acceptor:
    """The thread that accepts connections, from `start` to `stop`.

    It also closes the connections that are rejected; see `LingeringCloser`. They need no thread.
    """

    def __init__(self, serve: Serve, log: EventLog, linger_seconds: float) -> None:
        """`serve` is called in the acceptor's thread and must not block or raise."""
        self._serve = serve
        self._log = log
        self._linger_seconds = linger_seconds
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
            selector.register(self._wake_read, selectors.EVENT_READ)
            closer = LingeringCloser(self._linger_seconds)
            paused: list[socket.socket] = []  # listeners whose last accept failed
            backoff = _MIN_BACKOFF
            resume_at = inf
            while True:
                timeout = min(closer.seconds_left(), max(0.0, resume_at - time.monotonic()))
                for key, _ in selector.select(None if timeout == inf else timeout):
                    ready = key.fileobj
                    if not isinstance(ready, socket.socket):  # `stop` woke the thread
                        closer.close_all()
                        return
                    try:
                        self._accept(ready, closer)
                        backoff = _MIN_BACKOFF
                    except OSError as error:
                        self._log.accept_failed(error.strerror or str(error))
                        selector.unregister(ready)
                        paused.append(ready)
                        resume_at = time.monotonic() + backoff
                        backoff = min(2 * backoff, _MAX_BACKOFF)
                closer.step()
                if resume_at <= time.monotonic():
                    resume_at = inf
                    while paused:
                        selector.register(paused.pop(), selectors.EVENT_READ)

    def _accept(self, listener: socket.socket, closer: LingeringCloser) -> None:
        """Accept one connection. Raises `OSError` if the system has no free file or memory."""
        try:
            connected, (host, port, *_) = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # the client has already closed it
        host = host.removeprefix("::ffff:")
        error = self._serve(connected, host, port, self._listeners[listener])
        if error is not None:
            closer.reject(connected, error)
