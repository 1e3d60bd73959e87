"""The common part of the proxies that break connections: a listener, threads and their end."""

from __future__ import annotations

import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress

RESET_AT_CLOSE = struct.pack("ii", 1, 0)
"""The value of SO_LINGER with which a close resets the connection."""


class ForwardingProxy(ABC):
    """Listens on a port of loopback and forwards connections in threads of its own.

    A subclass starts `_accept` in a thread as its first one.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self._listener.getsockname()[1]
        return port

    @abstractmethod
    def cut(self) -> None:
        """Reset all connections. Later ones are forwarded."""

    def close(self) -> None:
        """Reset all connections and wait for the threads."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    @abstractmethod
    def _accept(self) -> None:
        """Accept connections until the listener is shut down."""

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        name = f"{type(self).__name__} {run.__name__}"
        thread = threading.Thread(target=run, args=arguments, name=name)
        self._threads.append(thread)
        thread.start()


def reset(connected: socket.socket) -> None:
    """Reset a connection. The thread that reads it notices the end, and closes it."""
    with suppress(OSError):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        connected.shutdown(socket.SHUT_RDWR)
