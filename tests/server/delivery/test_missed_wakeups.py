"""No queued line is missed, also on a processor that shows a thread an old length of the queue.

`WeaklyOrderedQueue` is such a processor: outside the queue's lock, a thread sees the length that it
saw last. `ObservedLock` stops a thread right before it releases the drain lock, which is where
another thread's append is missed.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chat_server.config import Config
from chat_server.delivery.dispatcher import _QUEUE_BYTES, Dispatcher
from chat_server.delivery.outbox import Outbox
from chat_server.wire.stream import Stream

CONFIG = Config(max_clients=1)


class WeaklyOrderedQueue(deque[Any]):
    """A queue whose length a thread sees as of its last append, or its last look with the lock."""

    def __init__(self, lock: threading.Lock) -> None:
        super().__init__()
        self._lock = lock
        self._seen: dict[int, int] = {}

    def append(self, item: Any) -> None:
        super().append(item)
        len(self)  # a thread sees what it wrote: the caller holds the lock

    def __len__(self) -> int:
        # One thread runs at a time in these tests, so it is the caller that holds the lock.
        if self._lock.locked():
            self._seen[threading.get_ident()] = super().__len__()
        return self._seen.get(threading.get_ident(), 0)


class ObservedLock:
    """The drain lock, which calls `before_release` once before it is released the next time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.before_release: Callable[[], None] | None = None

    def acquire(self, *, blocking: bool = True) -> bool:
        return self._lock.acquire(blocking)

    def release(self) -> None:
        call, self.before_release = self.before_release, None
        if call is not None:
            call()
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


@dataclass
class Setup:
    """A dispatcher without a flusher, one recipient, and what another thread does in between."""

    delivery: Dispatcher
    drain_lock: ObservedLock
    outbox: Outbox
    client: socket.socket

    def append_before_release(self, line: bytes) -> None:
        """Let another thread deliver `line` while the drain lock is still held, the next time."""

        def deliver() -> None:
            self.delivery.deliver((self.outbox,), line)
            self.delivery.drain()  # does not get the lock, and leaves the line to its holder

        def run() -> None:
            other = threading.Thread(target=deliver)
            other.start()
            other.join()

        self.drain_lock.before_release = run

    def received(self) -> bytes:
        """Return what the client has received: on loopback, all that was sent."""
        try:
            return self.client.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    delivery, drain_lock = Dispatcher(CONFIG), ObservedLock()
    monkeypatch.setattr(delivery, "_drain_lock", drain_lock)
    monkeypatch.setattr(delivery, "_queue", WeaklyOrderedQueue(delivery._queue_lock))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    outbox = Outbox(Stream(accepted), CONFIG.outbox, CONFIG.lag_threshold)
    yield Setup(delivery, drain_lock, outbox, client)
    outbox.close()
    client.close()


def test_drain_sends_line_appended_before_it_releases_the_lock(setup: Setup) -> None:
    setup.append_before_release(b"two\n")
    setup.delivery.deliver((setup.outbox,), b"one\n")
    setup.delivery.drain()
    assert setup.received() == b"one\ntwo\n"


def test_settle_sends_line_appended_before_it_releases_the_lock(setup: Setup) -> None:
    setup.append_before_release(b"line\n")
    setup.delivery.settle()  # nothing is queued yet
    assert setup.received() == b"line\n"


def test_drain_to_limit_sends_line_appended_before_it_releases_the_lock(setup: Setup) -> None:
    setup.append_before_release(b"line\n")
    setup.delivery.deliver((), bytes(_QUEUE_BYTES + 1))
    setup.delivery.drain_to_limit()
    assert setup.received() == b"line\n"
