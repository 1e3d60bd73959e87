"""Storing of batches: what each record of the hub changes. Runs in the writer's transaction."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final, TypeAlias

from chat_server.core import Record, records, values
from chat_server.history.interface import Commit
from chat_server.history.sqlite import (
    accounts,
    erased_authors,
    erasure,
    log_position,
    search_index,
)
from chat_server.history.sqlite.names import Names, find_room, newest_stamp
from chat_server.history.store import (
    DISORDERLY_SPAN,
    MAX_VISITS,
    DroppedMessages,
    marker_before_gap,
    missed_erasures,
)

_Row: TypeAlias = tuple[int, int, int, bool, str]
"""The room, the stamp, the author, whether it is an action, and the text of a message."""

_INSERT_MESSAGE: Final = (
    # A batch is stored again if an error came after its commit.
    "INSERT OR IGNORE INTO message(room, stamp, author, is_action, text) VALUES(?, ?, ?, ?, ?)"
)

_ROWS_AT_ONCE: Final = 50
"""Messages that one statement inserts while there are so many. That takes half of the time of one
statement for each: SQLite writes the last id at the end of a statement."""

_INSERT_MESSAGES: Final = _INSERT_MESSAGE + ", (?, ?, ?, ?, ?)" * (_ROWS_AT_ONCE - 1)

_LEAST_RUN: Final = 8
"""Runs of fewer messages are inserted together with others."""


@cache
def _insert_run(count: int) -> str:
    """Return the statement that inserts `count` messages of one run, at half of the cost.

    What is the same for all of them is bound once.
    """
    rows = (f"(?1, ?2 + {offset}, ?3, ?4, ?{5 + offset})" for offset in range(count))
    return (
        "INSERT OR IGNORE INTO message(room, stamp, author, is_action, text)"
        f" VALUES {', '.join(rows)}"
    )


class Batch:
    """One transaction with records. Messages in rooms are collected and inserted at its end."""

    def __init__(self, connection: sqlite3.Connection, names: Names) -> None:
        self._connection = connection
        self._names = names
        self._runs: list[tuple[int, int, values.PublishedMessages]] = []
        """With the ids of the room and the author."""
        self._rooms: set[str] = set()
        self._recipients: set[str] = set()
        self._is_recount = False
        self._newest = 0
        self._positions: dict[str, records.LogPosition] = {}
        """The last position in the log, by server."""
        self._has_search = False

    def store(
        self, batch: Sequence[Record], dropped: Sequence[DroppedMessages], has_search: bool
    ) -> Commit:
        """Store the records in their order. Return what has changed."""
        self._has_search = has_search
        for hole in dropped:
            self._add_hole(hole)
        for record in batch:
            _APPLY[type(record)](self, record)
        self._insert_messages()
        log_position.store(self._connection, self._positions)
        if self._newest:
            self._connection.execute(
                "INSERT INTO state VALUES('newest_stamp', ?) ON CONFLICT(key) DO UPDATE"
                " SET value = max(value, excluded.value)",
                (self._newest,),
            )
        return Commit(frozenset(self._rooms), frozenset(self._recipients), self._is_recount)

    def _insert_messages(self) -> None:
        """Insert the messages that were collected."""
        if not self._runs:
            return
        run = self._connection.execute
        (last,) = run("SELECT coalesce(max(id), 0) FROM message").fetchone()
        inserted = self._insert_runs()
        rooms, authors = Counter[int](), Counter[int]()
        for room, author, messages in self._runs:
            rooms[room] += len(messages.texts)
            authors[author] += len(messages.texts)
        for table, column, counts in (("room", "room", rooms), ("account", "author", authors)):
            if inserted < rooms.total():
                query = f"SELECT {column}, count(*) FROM message WHERE id > ? GROUP BY {column}"
                counts = Counter(dict(run(query, (last,))))
            self._connection.executemany(
                f"UPDATE {table} SET messages = messages + ? WHERE id = ?",
                [(count, identity) for identity, count in counts.items()],
            )
        if self._has_search:
            search_index.expect(self._connection, last)
        self._runs = []

    def _insert_runs(self) -> int:
        """Insert all messages in their order. Return how many were new."""
        inserted = 0
        rows: list[_Row] = []
        for room, author, run in self._runs:
            if len(run.texts) < _LEAST_RUN:
                for offset, text in enumerate(run.texts):
                    rows.append((room, run.stamp + offset, author, run.is_action, text))
                continue
            inserted += self._insert_rows(rows)
            rows = []
            for start in range(0, len(run.texts), _ROWS_AT_ONCE):
                texts = run.texts[start : start + _ROWS_AT_ONCE]
                inserted += self._connection.execute(
                    _insert_run(len(texts)),
                    (room, run.stamp + start, author, run.is_action, *texts),
                ).rowcount
        return inserted + self._insert_rows(rows)

    def _insert_rows(self, rows: list[_Row]) -> int:
        inserted = 0
        whole = len(rows) - len(rows) % _ROWS_AT_ONCE
        for start in range(0, whole, _ROWS_AT_ONCE):
            chunk = rows[start : start + _ROWS_AT_ONCE]
            parameters = [*chain.from_iterable(chunk)]
            inserted += self._connection.execute(_INSERT_MESSAGES, parameters).rowcount
        if rows[whole:]:
            inserted += self._connection.executemany(_INSERT_MESSAGE, rows[whole:]).rowcount
        return inserted

    def _add_messages(self, run: values.PublishedMessages) -> None:
        room, author = self._names.room(run.room), self._names.account(run.author)
        self._runs.append((room, author, run))
        self._rooms.add(run.room)
        self._see(run.stamp + len(run.texts) - 1)

    def _add_private(self, message: values.PrivateMessageSent) -> None:
        author = self._names.account(message.author)
        recipient = self._names.account(message.recipient)
        self._connection.execute(
            "INSERT OR IGNORE INTO private"
            "(conversation, stamp, author, recipient, is_kept, is_unread, text)"
            " VALUES(?, ?, ?, ?, ?, ?, ?)",
            (
                self._names.conversation(author, recipient),
                *(message.stamp, author, recipient),
                *(message.is_kept, message.is_kept, message.text),
            ),
        )
        if message.is_kept:
            self._recipients.add(message.recipient)
        self._see(message.stamp)

    def _mark_private_read(self, record: records.PrivateMessagesRead) -> None:
        user = self._names.find_account(record.user)
        other = self._names.find_account(record.other)
        self._connection.execute(
            "UPDATE private SET is_unread = 0 WHERE recipient = ? AND author = ? AND is_unread = 1",
            (user, other),
        )

    def _start_visit(self, visit: records.VisitStarted) -> None:
        user, room = self._names.account(visit.user), self._names.room(visit.room)
        self._see(visit.stamp)
        known = self._connection.execute(
            # A marker above the stamp: the batch is stored again, so the visit has ended before.
            "UPDATE visit SET last = ?1, is_open = 1, marker_at_entry = CASE"
            " WHEN ?2 OR marker > ?1 THEN marker_at_entry ELSE marker END"
            " WHERE account = ?3 AND room = ?4",
            (visit.stamp, visit.is_return, user, room),
        ).rowcount
        if not known:
            marker = before_gap = self._marker_before_gap(user)
            if marker is None or self._has_visits_before(user, marker):
                marker = visit.stamp
            self._connection.execute(
                "INSERT INTO visit VALUES(?1, ?2, ?3, ?3, ?4, ?5, 1)",
                # Before the gap: the visit was open when another file was lost.
                (user, room, marker, max(visit.stamp, before_gap or 0), visit.stamp),
            )
            self._connection.execute(
                "DELETE FROM visit WHERE account = ?1 AND room IN (SELECT room FROM visit"
                " WHERE account = ?1 ORDER BY is_open DESC, last DESC LIMIT -1 OFFSET ?2)",
                (user, MAX_VISITS),
            )

    def _end_visit(self, visit: records.VisitEnded) -> None:
        self._see(visit.stamp)
        user = self._names.find_account(visit.user)
        if user is None:
            return
        room = find_room(self._connection, visit.room)
        marker = self._marker_before_gap(user)
        if marker is not None:  # the start of the visit may be missing
            room = self._names.room(visit.room)
            self._connection.execute(
                "INSERT OR IGNORE INTO visit VALUES(?1, ?2, ?3, ?3, ?3, ?4, 1)",
                (user, room, marker, visit.stamp),
            )
        if visit.is_orderly:
            self._connection.execute(
                "UPDATE visit SET is_open = 0, last = max(last, ?1), marker = max(marker, ?1)"
                " WHERE account = ?2 AND room = ?3",
                (visit.stamp, user, room),
            )
            return
        set_markers_back(self._connection, user, visit.stamp, room)
        if mark_unread(self._connection, user, visit.stamp):
            self._recipients.add(visit.user)

    def _marker_before_gap(self, user: int) -> int | None:
        """Return the read marker for a visit that may have begun in a gap of the log, or None."""
        gap_end = log_position.newest_gap_end(self._connection)
        if not gap_end:
            return None
        (created,) = self._connection.execute(
            "SELECT created FROM account WHERE id = ?", (user,)
        ).fetchone()
        return marker_before_gap(gap_end, created)

    def _has_visits_before(self, user: int, stamp: int) -> bool:
        """Return True if the user has visited rooms before: so it is known which ones."""
        row = self._connection.execute(
            "SELECT 1 FROM visit WHERE account = ? AND first < ? LIMIT 1", (user, stamp)
        ).fetchone()
        return row is not None

    def _subscribe(self, event: values.Subscribed) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO subscription VALUES(?, ?)",
            (self._names.account(event.user), event.publisher),
        )

    def _unsubscribe(self, event: values.Unsubscribed) -> None:
        self._connection.execute(
            "DELETE FROM subscription WHERE account = ? AND publisher = ?",
            (self._names.find_account(event.user), event.publisher),
        )

    def _forget_user(self, event: values.UserForgotten) -> None:
        accounts.forget(self._connection, self._names, event.user)
        self._is_recount = True

    def _rename(self, record: records.AccountRenamed) -> None:
        accounts.rename(self._connection, self._names, record.old, record.new)
        self._is_recount = True

    def _match_accounts(self, record: records.AccountsChanged) -> None:
        if accounts.match(self._connection, self._names, record.accounts):
            self._is_recount = True

    def _compare_account(self, record: records.AccountCreated) -> None:
        accounts.compare(self._connection, self._names, record.user, record.created)

    def _erase(self, record: records.MessagesErased) -> None:
        self._insert_messages()  # those before the record
        if record.stamp:
            author = erasure.erase_message(
                self._connection, record.stamp, record.user, record.is_operator, self._has_search
            )
            record.note(author is not None, author or "")
        else:
            record.note(erased_authors.add(self._connection, record.author), record.author)
        self._is_recount |= record.erasure.count > 0

    def _note_position(self, position: records.LogPosition) -> None:
        self._positions[position.node] = position
        self._see(position.stamp)

    def _skip(self, skipped: records.LogSkipped) -> None:
        run = self._connection.execute
        log_position.store(self._connection, self._positions)
        self._positions.clear()
        newest = max(self._newest, newest_stamp(self._connection))
        self._see(skipped.stamp)
        position, _ = log_position.load(self._connection)
        if not log_position.skip(self._connection, skipped, newest):
            return
        self._is_recount = True
        for missed in missed_erasures(skipped, position):
            self._erase(missed)
        # The ends of the visits may be among what is missing.
        end_open_visits(self._connection)
        if skipped.accounts is not None:
            accounts.match(self._connection, self._names, skipped.accounts)
        run("DELETE FROM subscription")
        for user, publishers in skipped.subscriptions.items():
            for publisher in publishers:
                self._subscribe(values.Subscribed(user, publisher))

    def _store_entry(self, entry: records.LogEntry) -> None:
        for record in (*entry.records, entry.position):
            _APPLY[type(record)](self, record)

    def _add_hole(self, hole: DroppedMessages) -> None:
        if hole.room:
            place = self._names.room(hole.room)
        else:
            author = self._names.account(hole.author)
            place = self._names.conversation(author, self._names.account(hole.recipient))
        self._connection.execute(
            # Not added up: a batch may be stored twice.
            "INSERT INTO hole VALUES(?, ?, ?, ?)"
            " ON CONFLICT(is_private, place, stamp) DO UPDATE SET count = excluded.count",
            (not hole.room, place, hole.stamp, hole.count),
        )
        self._see(hole.stamp)

    def _see(self, stamp: int) -> None:
        self._newest = max(self._newest, stamp)


_APPLY: Final[dict[type, Callable[[Batch, Any], None]]] = {
    values.PublishedMessages: Batch._add_messages,
    values.PrivateMessageSent: Batch._add_private,
    records.PrivateMessagesRead: Batch._mark_private_read,
    records.VisitStarted: Batch._start_visit,
    records.VisitEnded: Batch._end_visit,
    values.Subscribed: Batch._subscribe,
    values.Unsubscribed: Batch._unsubscribe,
    values.UserForgotten: Batch._forget_user,
    records.AccountRenamed: Batch._rename,
    records.AccountCreated: Batch._compare_account,
    records.AccountsChanged: Batch._match_accounts,
    records.MessagesErased: Batch._erase,
    records.LogPosition: Batch._note_position,
    records.LogSkipped: Batch._skip,
    records.LogEntry: Batch._store_entry,
}
"""What stores a record, by its type."""


_SET_BACK: Final = (
    "UPDATE visit SET is_open = 0, last = CASE WHEN is_open THEN max(last, ?1) ELSE last END,"
    # An open visit has not moved its marker yet. One that has ended never moves it forward.
    " marker = CASE WHEN is_open THEN max(marker_at_entry, ?2)"
    " ELSE min(marker, max(marker_at_entry, ?2)) END"
    " WHERE account = ?3"
)
"""Close a visit after an end that is not orderly. `?1`: its stamp. `?2`: read up to here."""


def set_markers_back(
    connection: sqlite3.Connection, user: int, stamp: int, room: int | None
) -> None:
    """Close a visit whose last messages may not have arrived, or that of a room left before."""
    since = stamp - DISORDERLY_SPAN
    connection.execute(f"{_SET_BACK} AND room = ?4", (stamp, since, user, room))


def mark_unread(connection: sqlite3.Connection, user: int, stamp: int) -> int:
    """Mark what a session that vanished at `stamp` may not have received. Return how many."""
    return connection.execute(
        "UPDATE private SET is_unread = 1 WHERE recipient = ? AND stamp > ? AND is_kept = 0"
        " AND is_unread = 0",
        (user, stamp - DISORDERLY_SPAN),
    ).rowcount


def end_open_visits(connection: sqlite3.Connection) -> None:
    """End the visits that a crash has left open, as not orderly, with the newest stamp.

    It is not known which rooms a user has left in the last session, so it may be more of them.
    """
    stamp = newest_stamp(connection)
    for (user,) in connection.execute(
        "SELECT DISTINCT account FROM visit WHERE is_open = 1"
    ).fetchall():
        connection.execute(_SET_BACK, (stamp, stamp - DISORDERLY_SPAN, user))
        mark_unread(connection, user, stamp)
