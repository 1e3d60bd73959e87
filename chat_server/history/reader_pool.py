"""The threads that read the store: a few at once, and none while the store is replaced."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from chat_server.history.store import Store, StoreCorruptError, StoreReader
from chat_server.history.values import HistoryUnavailableError

_T = TypeVar("_T")

_READERS: Final = 4
"""Threads that read at once. More would only wait for the same interpreter and the same disk."""


class ReaderPool:
    """The reading side of the store in use: at most `_READERS` threads at once."""

    def __init__(self, max_wait: float, on_damage: Callable[[str], None]) -> None:
        """`max_wait`: longest time of a read, in seconds.

        `on_damage` is called with the reason when a thread finds the file damaged, before
        `replace` returns: so the reason is about the old store, never the new one.
        """
        self._max_wait = max_wait
        self._on_damage = on_damage
        self._reader: StoreReader | None = None
        self._places = threading.BoundedSemaphore(_READERS)

    def run(self, read: Callable[[StoreReader], _T], deadline: float) -> _T:
        """Call `read` with the reading side. Any thread.

        `deadline`: of `time.monotonic`, for the wait while others read. Raises
        `HistoryUnavailableError` and `StoreError`.
        """
        if not self._places.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise HistoryUnavailableError
        try:
            reader = self._reader
            if reader is None:
                raise HistoryUnavailableError
            return read(reader)
        except StoreCorruptError as error:
            self._on_damage(str(error))
            raise
        finally:
            self._places.release()

    def replace(self, store: Store | None) -> None:
        """Use another store, and wait until no thread reads the old one. The writer's thread."""
        self._reader = None if store is None else store.reader
        deadline = time.monotonic() + 2 * self._max_wait
        taken = 0
        for _ in range(_READERS):
            taken += self._places.acquire(timeout=max(0.0, deadline - time.monotonic()))
        for _ in range(taken):
            self._places.release()
