"""The SQLite store: one connection that writes, and a pool of connections that read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from chat_server.config import HistoryFrom
from chat_server.core import Record, SavedState
from chat_server.history.interface import Commit
from chat_server.history.sqlite import accounts as account_rows
from chat_server.history.sqlite import erased_authors, erasure, log_position, search_index
from chat_server.history.sqlite import retention as retention_jobs
from chat_server.history.sqlite.batches import Batch, end_open_visits
from chat_server.history.sqlite.connections import (
    check_header,
    make_private,
    open_writer,
    translated_errors,
    write_transaction,
)
from chat_server.history.sqlite.names import Names, newest_stamp
from chat_server.history.sqlite.reader import SqliteReader
from chat_server.history.sqlite.schema import VERSION, migrate
from chat_server.history.store import (
    FIRST_STAMP_GAP,
    DroppedMessages,
    Pruned,
    Retention,
)

_LOCK_TIMEOUT: Final = 1.0
"""Seconds to wait for another process that writes. The writer thread tries again after that."""

_READ_TIMEOUT: Final = 2.0


class SqliteStore:
    """The store in a file. See `Store`. One thread at a time, except for `reader`."""

    def __init__(
        self,
        path: Path,
        history_from: HistoryFrom = HistoryFrom.START,
        *,
        lock_timeout: float = _LOCK_TIMEOUT,
        read_timeout: float = _READ_TIMEOUT,
        use_search: bool = True,
    ) -> None:
        """Open the file, or create it with mode 0600. Bring it to the newest schema.

        `use_search`: False behaves like a SQLite library without FTS5. Raises `StoreError`,
        `NewerSchemaError` and `NotHistoryFileError` with the file unchanged.
        """
        # SQLite names its further files after the target of a symlink.
        self.path: Final = Path(os.path.realpath(path))
        with translated_errors():
            if self.path.exists():
                check_header(path, VERSION)
            make_private(self.path)
            self._connection: Final = open_writer(self.path, lock_timeout)
            try:
                migrate(self._connection)
                self._has_search: Final = use_search and search_index.can_search(self._connection)
                with write_transaction(self._connection):
                    search_index.prepare(self._connection, self._has_search)
            except BaseException:
                self._connection.close()
                raise
        self._names: Final = Names(self._connection)
        self._is_changed_outside = False
        """True until the next batch, after another process has changed the file."""
        self._is_indexed = False
        """False if messages may be missing in the index of words. A look is needed at first."""
        self._reader: Final = SqliteReader(self.path, history_from, read_timeout)

    @property
    def has_search(self) -> bool:
        """True if the SQLite library has FTS5."""
        return self._has_search

    @property
    def is_indexed(self) -> bool:
        """True if a search finds everything that is stored. Any thread may read it."""
        return self._is_indexed or not self._has_search

    @property
    def reader(self) -> SqliteReader:
        """The reading side."""
        return self._reader

    def saved_state(self) -> SavedState:
        """Return the state for a hub that starts."""
        with translated_errors():
            run = self._connection.execute
            subscriptions: dict[str, set[str]] = {}
            for user, publisher in run(
                "SELECT account.name, subscription.publisher FROM subscription"
                " JOIN account ON account.id = subscription.account"
            ):
                subscriptions.setdefault(user, set()).add(publisher)
            waiting = {
                (recipient, author): count
                for recipient, author, count in run(
                    "SELECT recipient.name, author.name, count(*) FROM private"
                    " JOIN account AS recipient ON recipient.id = private.recipient"
                    " JOIN account AS author ON author.id = private.author"
                    " WHERE private.is_unread = 1 AND recipient.is_retired = 0"
                    " AND author.is_retired = 0 GROUP BY 1, 2"
                )
            }
            newest = newest_stamp(self._connection)
            position, numbers = log_position.load(self._connection)
        return SavedState(
            newest + FIRST_STAMP_GAP if newest else 0,
            {user: frozenset(publishers) for user, publishers in subscriptions.items()},
            waiting,
            position,
            numbers,
            newest,
        )

    def start(
        self, accounts: Mapping[str, str | None] | None, *, shares_log: bool = False
    ) -> list[str]:
        """End the visits that a crash left open, and match the accounts."""
        with self._transaction():
            position, _ = log_position.load(self._connection)
            if not (shares_log and position):
                end_open_visits(self._connection)
        return [] if accounts is None else self.match_accounts(accounts)

    def match_accounts(self, accounts: Mapping[str, str | None]) -> list[str]:
        """Forget the accounts that are missing or were created at another time."""
        with self._transaction():
            return account_rows.match(self._connection, self._names, accounts)

    def apply(self, batch: Sequence[Record], dropped: Sequence[DroppedMessages] = ()) -> Commit:
        """Store a batch in one transaction, in its order."""
        self._is_indexed = False  # before the commit: then a reader looks for the messages
        with self._transaction():
            changes = Batch(self._connection, self._names)
            commit = changes.store(batch, dropped, self._has_search)
        if self._is_changed_outside:  # a command of the operator may have erased messages
            self._is_changed_outside = False
            return replace(commit, is_recount=True)
        return commit

    def index(self) -> bool:
        """Let searches find the newest messages: one step."""
        if self.is_indexed:
            return False
        with self._transaction():
            has_more = search_index.fill(self._connection)
            is_complete = search_index.is_complete(self._connection)
        self._is_indexed = is_complete
        return has_more

    def erase_message(self, stamp: int, user: str, *, is_operator: bool) -> str | None:
        """Erase a message by `user`, or for an operator any message. Return its author."""
        with self._transaction():
            return erasure.erase_message(
                self._connection, stamp, user, is_operator, self._has_search
            )

    def erase_messages_by(self, author: str) -> int:
        """Erase all messages of an author in all rooms. Return how many there were."""
        with self._transaction():
            return erased_authors.add(self._connection, author)

    def prune(self, retention: Retention, now: int) -> Pruned:
        """Do one step of the retention."""
        with self._transaction():
            pruned = retention_jobs.prune(self._connection, retention, now, self._has_search)
            self._names.clear()  # rooms and accounts without any row go, too
            return pruned

    def used_bytes(self) -> int:
        """Return the bytes that are in use."""
        with translated_errors():
            return retention_jobs.used_bytes(self._connection)

    def empty_log(self) -> None:
        """Move everything from the write-ahead log into the file. No thread reads any more."""
        self._reader.close()
        with translated_errors():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the store and its reading side."""
        self._reader.close()
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with translated_errors(), write_transaction(self._connection):
                self._is_changed_outside |= self._names.refresh()
                yield
        except BaseException:
            self._names.clear()  # they may have ids that were rolled back
            raise
