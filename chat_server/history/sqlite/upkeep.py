"""What operators do to a history file with commands, most of it while a server uses the file.

Every change is a short transaction like those of the server's writer, which waits for it and goes
on. The server notices by itself that another program has changed the file.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chat_server.history.sqlite import accounts, erased_authors, log_position, stamp_repair
from chat_server.history.sqlite.account_export import Entry, export_account
from chat_server.history.sqlite.backup import (
    LOCK_SECONDS,
    Progress,
    check_integrity,
    interruptible,
    open_read_only,
)
from chat_server.history.sqlite.connections import (
    check_identity,
    open_writer,
    write_transaction,
)
from chat_server.history.sqlite.erasure import delete_messages, remove_all_erased
from chat_server.history.sqlite.names import Names, find_account, find_room
from chat_server.history.sqlite.retention import prune, used_bytes
from chat_server.history.sqlite.schema import VERSION, check_file
from chat_server.history.sqlite.search_index import (
    continue_merge,
    fill,
    is_merging,
    is_usable,
    merge_all,
)
from chat_server.history.store import (
    PRUNE_ROWS,
    NotHistoryFileError,
    Retention,
    StoreCorruptError,
    StoreError,
)

_MAX_ID: Final = 2**63 - 1

_WIPE_SECONDS: Final = 10.0
"""Longest wait until no reader uses the write-ahead log."""


@dataclass(frozen=True, slots=True)
class RoomStats:
    """The kept messages of one room. Stamps in microseconds since the epoch."""

    name: str
    messages: int
    oldest: int
    newest: int


@dataclass(frozen=True, slots=True)
class HistoryStats:
    """What a history file holds. Sizes in bytes."""

    rooms: list[RoomStats]
    """The rooms with messages, by name."""
    private: int
    unread: int
    """Private messages that their recipients have not read."""
    not_kept: int
    """Messages that could not be stored."""
    accounts: int
    """Accounts in use."""
    used_bytes: int
    """The rest of the file is used again by later messages."""
    file_bytes: int
    """The file and its write-ahead log."""


class HistoryUpkeep:
    """A history file that a command has opened. One thread. A context manager.

    All methods raise `StoreError` and `sqlite3.Error`. During a long one, `progress` is called now
    and then.
    """

    def __init__(
        self, path: Path, *, read_only: bool = False, progress: Progress = lambda: None
    ) -> None:
        """Open the file. Raises `StoreError` if it is not one of this version, and `OSError`."""
        check_file(path)
        self._path = path
        self._open = ExitStack()
        if not read_only:  # `open_writer` changes a database of another program
            with closing(open_read_only(path)) as reader:
                check_version(reader)
        connection = open_read_only(path) if read_only else open_writer(path, LOCK_SECONDS)
        self._connection = self._open.enter_context(closing(connection))
        try:
            check_version(self._connection)
            if _number(self._connection, "PRAGMA user_version") < VERSION:
                raise StoreError("an older version wrote it; start the server once to upgrade it")
            self._open.enter_context(interruptible(self._connection, progress))
            if read_only:
                self._run("BEGIN")  # all statements see one state of the file
        except BaseException:
            self._open.close()
            raise
        self._names = Names(self._connection)

    def __enter__(self) -> HistoryUpkeep:
        return self

    def __exit__(self, *error: Any) -> bool | None:
        return self._open.__exit__(*error)

    def stats(self) -> HistoryStats:
        """Count what the file holds."""
        rooms = [
            RoomStats(*row)
            for row in self._run(
                "SELECT name, messages, (SELECT min(stamp) FROM message WHERE room = room.id),"
                " (SELECT max(stamp) FROM message WHERE room = room.id)"
                " FROM room WHERE EXISTS (SELECT 1 FROM message WHERE room = room.id)"
                " ORDER BY name"
            )
        ]
        return HistoryStats(
            rooms,
            self._number("SELECT count(*) FROM private"),
            self._number("SELECT count(*) FROM private WHERE is_unread = 1"),
            self._number("SELECT coalesce(sum(count), 0) FROM hole"),
            self._number("SELECT count(*) FROM account WHERE is_retired = 0"),
            used_bytes(self._connection),
            sum(_size(self._path.with_name(self._path.name + end)) for end in ("", "-wal")),
        )

    def check(self) -> None:
        """Check every page, every index and the counts. Raises `StoreCorruptError`."""
        check_integrity(self._connection)
        wrong = self._run(
            "SELECT name, messages, (SELECT count(*) FROM message WHERE room = room.id) AS stored"
            " FROM room WHERE messages <> stored"
        ).fetchone()
        if wrong is not None:
            room, counted, stored = wrong
            raise StoreCorruptError(f"room {room} has {stored} messages, not {counted}")
        if self._number(
            "SELECT (SELECT count(*) FROM log_gap WHERE after >= before)"
            " + (SELECT count(*) FROM log_number WHERE number < 0 OR stamp < 0)"
            " + (EXISTS (SELECT 1 FROM log_number)"
            " AND NOT EXISTS (SELECT 1 FROM log_number WHERE node = ''))"
        ):
            raise StoreCorruptError("the place in the log of several servers is wrong")

    def log_position(self) -> int:
        """Return the stamp of the last entry of a log of several servers. 0: there is none."""
        return log_position.load(self._connection)[0]

    def check_search(self) -> None:
        """Check the index of words against the messages. Not next to a server, which would wait.

        Raises `StoreCorruptError`.
        """
        if not self._has_search():
            return
        has_more = True
        while has_more:  # the index is not complete until then
            with write_transaction(self._connection):
                if is_merging(self._connection):
                    continue_merge(self._connection)
                else:
                    has_more = fill(self._connection)
        try:
            self._run("INSERT INTO search_index(search_index, rank) VALUES('integrity-check', 1)")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
                raise
            raise StoreCorruptError("the index of words is wrong") from error

    def stamps_ahead(self, now: int) -> int:
        """Return how many messages have a stamp more than 60 s after `now`."""
        return stamp_repair.stamps_ahead(self._connection, now)

    def bring_back_stamps(self, now: int) -> None:
        """Give these messages new stamps before `now`. See `stamp_repair`. Not next to a server.

        Raises `StoreError` if they are those of a log, which other servers have as well.
        """
        if stamp_repair.is_ahead(self.log_position(), now):
            raise StoreError(
                "its stamps are those of the log of several servers, and all of them go on behind"
                " these; no stamp was changed"
            )
        stamp_repair.bring_back_stamps(self._connection, now)

    def knows(self, user: str) -> bool:
        """Return True if anything is kept of the user."""
        return bool(self._all_accounts(user)) or self._is_publisher(user)

    def count_messages(self, user: str) -> int:
        """Return how many messages `forget` would remove."""
        return sum(
            self._number("SELECT count(*) FROM message WHERE author = ?", identity)
            + self._number(
                "SELECT count(*) FROM conversation JOIN private"
                " ON private.conversation = conversation.id"
                " WHERE conversation.low = ?1 OR conversation.high = ?1",
                identity,
            )
            for identity in self._all_accounts(user)
        )

    def export(self, user: str) -> Iterator[Entry]:
        """Yield what is kept of the user's account, by kind and in rising order of time.

        If another person had the name before, what is left of that account is not the user's.
        """
        return export_account(self._connection, user, self._accounts_of(user))

    def forget(self, user: str, *, keeps_account: bool) -> Iterator[int]:
        """Remove everything that is kept under the name, also of former accounts.

        Each step is a short transaction that yields how many messages it removed. It can be stopped
        between them and be run again. `keeps_account`: there is still such an account, so the
        subscriptions of other users to it stay.
        """
        found = self._all_accounts(user)
        after, last = 0, self._number("SELECT coalesce(max(id), 0) FROM message")
        while found and after < last:
            removed, after = self._remove_messages(found, after)
            yield removed
        for identity in found:
            while (removed := self._remove_private(identity)) > 0:
                yield removed
        with write_transaction(self._connection):
            for identity in found:
                self._run("DELETE FROM visit WHERE account = ?", identity)
                self._run("DELETE FROM subscription WHERE account = ?", identity)
                self._run(
                    "DELETE FROM account WHERE id = ?1"
                    # Unless it has written meanwhile.
                    " AND NOT EXISTS (SELECT 1 FROM message WHERE author = ?1 AND id > ?2)",
                    *(identity, last),
                )
            if not keeps_account:
                self._run("DELETE FROM subscription WHERE publisher = ?", user)
            self._names.clear()

    def erase(self, room: str, stamp: int) -> str | None:
        """Erase one message of a room. Return its author, or None if there is no such message."""
        with write_transaction(self._connection):
            erased = erased_authors.load(self._connection)
            row = self._run(
                "SELECT message.id, message.room, account.name FROM message"
                " JOIN account ON account.id = message.author"
                " WHERE message.room = ? AND message.stamp = ?"
                f" AND {erased_authors.condition(erased, 'message.id')}",
                *(find_room(self._connection, room), stamp),
            ).fetchone()
            if row is None:
                return None
            identity, place, author = row
            delete_messages(self._connection, [(identity, place)], self._has_search())
        return str(author)

    def prune(self, retention: Retention, now: int) -> Iterator[int]:
        """Apply the retention, in short transactions that yield how many messages they removed."""
        has_more = True
        while has_more:
            with write_transaction(self._connection):
                step = prune(self._connection, retention, now, self._has_search())
            has_more = step.has_more
            yield step.messages

    def rename(self, old: str, new: str) -> None:
        """Give the account another name. Does nothing if that was done already."""
        with write_transaction(self._connection):
            accounts.rename(self._connection, self._names, old, new)

    def wipe(self) -> bool:
        """Remove the last traces of deleted text from the file and its write-ahead log.

        Return False if another program reads the log for so long that it cannot be emptied now.
        """
        self._merge_search_index()
        deadline = time.monotonic() + _WIPE_SECONDS
        while True:
            is_busy, *_ = self._run("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not is_busy:
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)

    def compact(self) -> None:
        """Make the file as small as possible. Needs free space for another one of its size."""
        remove_all_erased(self._connection, self._has_search())
        self._merge_search_index()
        self._run("VACUUM")
        self.wipe()

    def _merge_search_index(self) -> None:
        if self._has_search():
            merge_all(self._connection)

    def _remove_messages(self, authors: list[int], after: int) -> tuple[int, int]:
        """Remove a thousand messages. Return how many, and the last id that was looked at."""
        with write_transaction(self._connection):
            rows = self._run(
                "SELECT id, room FROM message WHERE id > ?"
                f" AND author IN ({', '.join(map(str, authors))}) ORDER BY id LIMIT {PRUNE_ROWS}",
                after,
            ).fetchall()
            delete_messages(self._connection, rows, self._has_search())
        return len(rows), rows[-1][0] if rows else _MAX_ID

    def _remove_private(self, identity: int) -> int:
        with write_transaction(self._connection):
            return accounts.delete_private_of(self._connection, identity, PRUNE_ROWS)

    def _accounts_of(self, user: str) -> list[int]:
        """Return the account in use and those merged into it, or else the retired ones."""
        identity = find_account(self._connection, user)
        if identity is None:
            return self._all_accounts(user)
        merged = self._run("SELECT id FROM account WHERE merged_into = ?", identity)
        return [identity, *(row[0] for row in merged)]

    def _all_accounts(self, user: str) -> list[int]:
        """Return all accounts that have the name, in use or retired, and those merged into them."""
        return [
            row[0]
            for row in self._run(
                "SELECT id FROM account WHERE name = ?1"
                " OR merged_into IN (SELECT id FROM account WHERE name = ?1)",
                user,
            )
        ]

    def _is_publisher(self, user: str) -> bool:
        return bool(self._number("SELECT count(*) FROM subscription WHERE publisher = ?", user))

    def _has_search(self) -> bool:
        """Return True if there is an index of words that has to be kept up to date."""
        return is_usable(self._connection)

    def _number(self, statement: str, *values: Any) -> int:
        return _number(self._connection, statement, *values)

    def _run(self, statement: str, *values: Any) -> sqlite3.Cursor:
        return self._connection.execute(statement, values)


def check_version(connection: sqlite3.Connection) -> None:
    """Raise a `StoreError` if the database is not a history that this version can read or upgrade.

    Raises `sqlite3.Error` if it is not a database.
    """
    application, version = (
        _number(connection, f"PRAGMA {name}") for name in ("application_id", "user_version")
    )
    if not version:
        raise NotHistoryFileError("it is not a history file")
    check_identity(application, version, VERSION)


def _number(connection: sqlite3.Connection, statement: str, *values: Any) -> int:
    return int(connection.execute(statement, values).fetchone()[0])


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
