"""The connected clients and their threads."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from chat_server.access import Place
from chat_server.client_handler import ClientHandler
from chat_server.tuning import Tuning

_JOIN_SECONDS: Final = 1.0
"""Time for client threads to end after their sockets were shut down. Nothing blocks them then."""


class ClientThreads:
    """Runs each client in a thread of its own. Any thread may call any method."""

    def __init__(self, tuning: Tuning, on_end: Callable[[ClientHandler, Place], None]) -> None:
        """`on_end` is called in the client's thread when its handler has returned."""
        self._tuning = tuning
        self._on_end = on_end
        self._threads: dict[ClientHandler, threading.Thread] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of connections at this moment, logged in or not."""
        with self._lock:
            return len(self._threads)

    def current(self) -> dict[ClientHandler, threading.Thread]:
        """Return the clients at this moment, with their threads."""
        with self._lock:
            return dict(self._threads)

    def update_switch_interval(self) -> None:
        """Make threads ask for the interpreter less often the more clients there are.

        The server calls it once, before its first client.
        """
        tuning = self._tuning
        sys.setswitchinterval(
            max(tuning.switch_interval, len(self._threads) * tuning.switch_interval_per_client)
        )

    def start(self, handler: ClientHandler, place: Place) -> None:
        """Start the thread of a client. Raises `RuntimeError` if the system refuses one more.

        In that case `on_end` is not called.
        """
        thread = threading.Thread(
            target=self._run,
            args=(handler, place),
            name=f"client {place.host}:{place.port}",
            daemon=True,
        )
        # Register it before it starts: it may end at once, which removes it again.
        with self._lock:
            self._threads[handler] = thread
            self.update_switch_interval()
        try:
            thread.start()
        except RuntimeError:
            self._remove(handler)
            raise

    def abort_all(self) -> None:
        """Close all connections at once."""
        for handler in self.current():
            handler.outbox.abort()

    def _run(self, handler: ClientHandler, place: Place) -> None:
        """The client's thread."""
        try:
            handler.run()
        finally:
            self._remove(handler)
            self._on_end(handler, place)

    def _remove(self, handler: ClientHandler) -> None:
        with self._lock:
            del self._threads[handler]
            self.update_switch_interval()


def join_threads(clients: Mapping[ClientHandler, threading.Thread], until: float) -> None:
    """Wait for clients to end until a time of the monotonic clock. Then close their connections.

    Return when every thread has ended.
    """
    for thread in clients.values():
        thread.join(max(0.0, until - time.monotonic()))
    for handler in clients:
        handler.outbox.abort()
    until = time.monotonic() + _JOIN_SECONDS
    for thread in clients.values():
        thread.join(max(0.0, until - time.monotonic()))
