"""The store of the writer when its file is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_server.history.health import Health
from chat_server.history.history_file import HistoryFile
from chat_server.history.reader_pool import ReaderPool
from chat_server.history.recoverable_store import RecoverableStore
from chat_server.history.sqlite import SqliteStore
from chat_server.observability.event_log import EventLog


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RecoverableStore]:
    log = EventLog()
    made = RecoverableStore(
        HistoryFile(tmp_path / "chat.db"),
        SqliteStore,
        dict,
        ReaderPool(1.0, lambda _: None),
        Health(log, lambda: 0),
        log,
    )
    assert made.reopen()
    yield made
    made.close()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm"))}


def test_damaged_file_is_set_aside(store: RecoverableStore, tmp_path: Path) -> None:
    store.report_damage("malformed")
    store.set_aside_if_damaged()
    assert store.current is None
    assert store.reopen()
    assert len(names(tmp_path)) == 2


def test_damage_of_a_removed_file_is_not_that_of_the_new_one(
    store: RecoverableStore, tmp_path: Path
) -> None:
    store.report_damage("malformed")
    (tmp_path / "chat.db").unlink()
    store.close_if_replaced()
    assert store.reopen()
    store.set_aside_if_damaged()
    assert store.current is not None
    assert names(tmp_path) == {"chat.db"}
