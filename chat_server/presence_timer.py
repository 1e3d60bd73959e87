"""The presence timer: the thread that lets the hub announce held moves when they are due."""

from __future__ import annotations

import threading

from chat_server.core import Hub
from chat_server.delivery import Dispatcher, Outbox


class PresenceTimer:
    """One thread, from `start` to `stop`. It sleeps until a user changes the room."""

    def __init__(self, delivery: Dispatcher) -> None:
        self._delivery = delivery
        self._hub: Hub[Outbox] | None = None
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    @property
    def is_alive(self) -> bool:
        """True if the thread runs. Any thread."""
        return self._thread.is_alive()

    def notify(self) -> None:
        """Wake the thread: the hub holds moves, or may soon. Any thread; takes a leaf lock."""
        self._wake.set()

    def start(self, hub: Hub[Outbox]) -> None:
        """Start the thread. Raises `RuntimeError` if the system refuses another thread."""
        self._hub = hub
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it. Held moves are not announced."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        assert self._hub is not None
        seconds: float | None = None
        while not self._stopping:
            self._wake.wait(seconds)
            self._wake.clear()
            with self._delivery.batch():
                seconds = self._hub.settle_presence()
