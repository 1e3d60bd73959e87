"""A small HTTP listener on loopback: one thread, bounded connections, bounded requests.

The thread never waits for a client. It collects each request as its bytes arrive and asks for the
response once the header is complete, so clients that send or read slowly hold nothing but their
place. If all places are taken, the longest-waiting of them is closed for the next client.
"""

from __future__ import annotations

import os
import re
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

HOST: Final = "127.0.0.1"
"""Metrics reveal how busy the users are and when, so they are not for the network."""

MAX_REQUEST_BYTES: Final = 8 * 1024
"""Largest request line with its headers. Browsers and Prometheus send less than 2 KiB."""

_MAX_CONNECTIONS: Final = 64
"""Most connections at once. Prometheus and a health check need two."""

_REQUEST_TIMEOUT: Final = 10.0
"""Seconds for a whole request, from its connection to the last byte of the response."""

_MAX_DISCARDED: Final = 64 * 1024
"""Most bytes of a request body that are read and dropped. Unread ones would reset the connection
before the client has read the response."""

_POLL_SECONDS: Final = 0.5
"""Interval between two searches for overdue requests."""

_BACKLOG: Final = 128

_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")


class _Connection:
    """A client, from its connection to the end of the response."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.since = time.monotonic()
        self.received = bytearray()
        self.response: memoryview | None = None
        """What is still to be sent; None until the request is complete."""
        self.discarded = 0


class HttpListener:
    """A listening socket on a port of loopback and its thread, from `start` to `stop`, once each.

    `respond` is called in that thread with a complete header, or with the first
    `MAX_REQUEST_BYTES` + 1 bytes of one that is too long. It returns the whole response, must not
    block, and must not raise.
    """

    def __init__(self, port: int, respond: Callable[[bytes], bytes]) -> None:
        """Bind the port; 0 means any. Raises `OSError` if that fails."""
        self._respond = respond
        self._listener = socket.socket()
        try:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind((HOST, port))
            self._listener.listen(_BACKLOG)
        except OSError:
            self._listener.close()
            raise
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._wake_read, self._wake_write = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._connections: dict[socket.socket, _Connection] = {}  # in the order of their arrival
        self._thread = threading.Thread(target=self._serve_forever, name="metrics", daemon=True)

    def start(self) -> None:
        """Start to answer requests. Raises `RuntimeError` if no thread can be started."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port and all connections, and wait for the thread. May be called twice."""
        if self._wake_write < 0:
            return
        os.write(self._wake_write, b"!")
        if self._thread.is_alive():
            self._thread.join()
        for connection in list(self._connections.values()):
            self._close(connection)
        self._selector.close()
        self._listener.close()
        os.close(self._wake_read)
        os.close(self._wake_write)
        self._wake_write = -1

    def _serve_forever(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select(_POLL_SECONDS):
                if key.fileobj == self._wake_read:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.data, _Connection) and key.data.socket in self._connections:
                    try:
                        self._advance(key.data)
                    except BlockingIOError:
                        pass
                    except OSError:  # the client has reset the connection
                        self._close(key.data)
            now = time.monotonic()
            for connection in list(self._connections.values()):
                if now - connection.since >= _REQUEST_TIMEOUT:
                    self._close(connection)

    def _accept(self) -> None:
        try:
            connected, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:  # no free file: one of the own ones is better than a busy loop
            if not self._close_longest_waiting():
                time.sleep(_POLL_SECONDS)
            return
        if len(self._connections) >= _MAX_CONNECTIONS:
            self._close_longest_waiting()
        connected.setblocking(False)
        connection = self._connections[connected] = _Connection(connected)
        self._selector.register(connected, selectors.EVENT_READ, connection)

    def _close_longest_waiting(self) -> bool:
        """Close the oldest connection. Return False if there is none."""
        for connection in self._connections.values():
            self._close(connection)
            return True
        return False

    def _advance(self, connection: _Connection) -> None:
        """Receive or send what is possible now. Raises `OSError`."""
        if connection.response:
            self._send(connection)
        elif connection.response is not None:
            self._discard(connection)
        else:
            self._receive(connection)

    def _receive(self, connection: _Connection) -> None:
        data = connection.socket.recv(MAX_REQUEST_BYTES + 1 - len(connection.received))
        if not data:
            self._close(connection)
            return
        connection.received += data
        end = _HEADER_END.search(connection.received)
        if end is None and len(connection.received) <= MAX_REQUEST_BYTES:
            return
        request = bytes(connection.received[: end.end() if end else None])
        connection.response = memoryview(self._respond(request))
        self._selector.modify(connection.socket, selectors.EVENT_WRITE, connection)
        self._send(connection)

    def _send(self, connection: _Connection) -> None:
        assert connection.response is not None
        connection.response = connection.response[connection.socket.send(connection.response) :]
        if not connection.response:
            connection.socket.shutdown(socket.SHUT_WR)
            self._selector.modify(connection.socket, selectors.EVENT_READ, connection)

    def _discard(self, connection: _Connection) -> None:
        """Read and drop what follows the request, until the client closes."""
        data = connection.socket.recv(4096)
        connection.discarded += len(data)
        if not data or connection.discarded > _MAX_DISCARDED:
            self._close(connection)

    def _close(self, connection: _Connection) -> None:
        del self._connections[connection.socket]
        with suppress(KeyError, ValueError):
            self._selector.unregister(connection.socket)
        connection.socket.close()
