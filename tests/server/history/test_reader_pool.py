"""The pool of the threads that read the store."""

from __future__ import annotations

import threading
import time

import pytest

from chat_server.history.memory import MemoryStore
from chat_server.history.reader_pool import ReaderPool
from chat_server.history.store import StoreCorruptError, StoreReader
from chat_server.history.values import HistoryUnavailableError
from tests.support.wait_until import WAIT_TIMEOUT


def soon() -> float:
    return time.monotonic() + WAIT_TIMEOUT


def test_damage_is_reported_before_the_store_is_replaced() -> None:
    """Otherwise a late report about the old file would set the new one aside."""
    order: list[str] = []
    is_replacing = threading.Event()

    def note_damage(why: str) -> None:
        assert is_replacing.wait(WAIT_TIMEOUT)
        replacer.join(0.05)  # without the place of this reader, it would end now
        order.append(why)

    pool = ReaderPool(WAIT_TIMEOUT, note_damage)
    pool.replace(MemoryStore())

    def read(_: StoreReader) -> None:
        replacer.start()
        raise StoreCorruptError("malformed")

    def replace() -> None:
        is_replacing.set()
        pool.replace(None)
        order.append("replaced")

    replacer = threading.Thread(target=replace)
    with pytest.raises(StoreCorruptError):
        pool.run(read, soon())
    replacer.join(WAIT_TIMEOUT)
    assert order == ["malformed", "replaced"]


def test_read_without_a_store_is_unavailable() -> None:
    pool = ReaderPool(WAIT_TIMEOUT, lambda _: None)
    with pytest.raises(HistoryUnavailableError):
        pool.run(lambda store: store.visited_rooms("alice"), soon())
