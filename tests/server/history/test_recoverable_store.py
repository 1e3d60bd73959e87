"""The store of the writer when its file comes back."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chat_server.core import Record
from chat_server.core.records import AccountRenamed, AccountsChanged
from chat_server.history.health import Health
from chat_server.history.history_file import HistoryFile
from chat_server.history.reader_pool import ReaderPool
from chat_server.history.recoverable_store import RecoverableStore
from chat_server.history.sqlite import SqliteStore
from chat_server.observability import EventLog
from tests.support.history_records import entered, followed, reads, room_stamps, said, sent

OLD = "2026-01-01T00:00:00Z"
NEW = "2026-02-02T00:00:00Z"


class Writing:
    """A store with its file, and the accounts of the users file."""

    def __init__(self, path: Path) -> None:
        self.accounts: dict[str, str | None] = {"alice": OLD, "bob": OLD}
        log = EventLog(io.StringIO(), "debug")
        self.store = RecoverableStore(
            HistoryFile(path),
            SqliteStore,
            lambda: dict(self.accounts),
            ReaderPool(1, lambda _: None),
            Health(log, lambda: 0),
            log,
        )
        store = SqliteStore(path)
        store.start(self.accounts)
        self.store.use(store)

    def write(self, *records: Record) -> None:
        self.store.require().apply(records)
        for record in records:
            self.store.follow(record)

    def reopen(self) -> None:
        """Lose the file and find it again at its path."""
        self.store.close()
        assert self.store.reopen()

    def assert_is_kept_for(self, user: str) -> None:
        """Assert that what alice had belongs to `user`."""
        store = self.store.require()
        assert store.saved_state().waiting == {(user, "bob"): 1}
        assert store.saved_state().subscriptions == {user: {"bob"}}
        assert store.reader.read_marker(user, "lobby") == 10
        assert room_stamps(store, reads(user)) == [20]


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[Writing]:
    made = Writing(tmp_path / "history.db")
    made.write(entered("alice", 10), said("alice", 20), followed("alice", "bob"))
    made.write(sent("bob", "alice", 30, is_kept=True))
    with closing(made.store):
        yield made


def test_account_whose_rename_is_not_stored_yet_keeps_everything(writing: Writing) -> None:
    del writing.accounts["alice"]
    writing.accounts["ally"] = OLD
    writing.reopen()
    writing.write(AccountRenamed("alice", "ally"))
    writing.write(AccountsChanged(writing.accounts))
    writing.assert_is_kept_for("ally")


def test_account_whose_rename_was_stored_keeps_everything(writing: Writing) -> None:
    del writing.accounts["alice"]
    writing.accounts["ally"] = OLD
    writing.write(AccountRenamed("alice", "ally"))
    writing.reopen()
    writing.write(AccountsChanged(writing.accounts))
    writing.assert_is_kept_for("ally")


def test_new_account_that_was_in_use_before_change_is_stored_keeps_everything(
    writing: Writing,
) -> None:
    writing.accounts["carol"] = NEW
    writing.write(entered("carol", 30), said("carol", 40))
    writing.reopen()
    writing.write(AccountsChanged(writing.accounts))
    assert room_stamps(writing.store.require(), reads("carol")) == [40]


def test_file_with_account_of_other_time_forgets_that_one(writing: Writing) -> None:
    """A backup was put in place: its alice is another one."""
    writing.accounts["alice"] = NEW
    writing.write(AccountsChanged(writing.accounts))
    store = writing.store.require()
    assert store.saved_state().waiting == {}
    assert isinstance(store, SqliteStore)
    with closing(SqliteStore(store.path)) as other:
        other.start({"alice": OLD, "bob": OLD})
        other.apply([sent("bob", "alice", 50, is_kept=True)])
    writing.reopen()
    assert writing.store.require().saved_state().waiting == {}
