"""The schema of the history file, and its forward-only steps from one version to the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chat_server.history.sqlite.connections import (
    APPLICATION_ID,
    check_header,
    check_identity,
    write_transaction,
)
from chat_server.history.store import NotHistoryFileError

Step = Sequence[str]
"""The statements of one step, which is one transaction."""

STEPS: Final[Sequence[Step]] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        # "newest_stamp": the newest of all records. The other keys: see `search_index`.
        "CREATE TABLE state(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
        # `created`: the text of the users file, '' if it has none, NULL if not yet compared.
        # `messages`: how many are stored. `merged_into`: see `accounts.rename`.
        "CREATE TABLE account(id INTEGER PRIMARY KEY, name TEXT NOT NULL, created TEXT,"
        " is_retired INTEGER NOT NULL DEFAULT 0, merged_into INTEGER,"
        " messages INTEGER NOT NULL DEFAULT 0)",
        "CREATE UNIQUE INDEX account_in_use ON account(name) WHERE is_retired = 0",
        "CREATE INDEX account_by_name ON account(name)",
        # `messages`: how many are stored. `pruned_before`: the horizon.
        "CREATE TABLE room(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
        " messages INTEGER NOT NULL DEFAULT 0, pruned_before INTEGER NOT NULL DEFAULT 0)",
        # Rows are inserted in the order of their stamps, so ids have the same order. An id is never
        # used again: the index of words may not have caught up.
        "CREATE TABLE message(id INTEGER PRIMARY KEY AUTOINCREMENT, room INTEGER NOT NULL,"
        " stamp INTEGER NOT NULL, author INTEGER NOT NULL, is_action INTEGER NOT NULL,"
        " text TEXT NOT NULL)",
        # With the author, so that a page can skip messages without a look at their rows.
        "CREATE UNIQUE INDEX message_by_room ON message(room, stamp, author)",
        # `low`, `high`: the two accounts, the lower id first.
        "CREATE TABLE conversation(id INTEGER PRIMARY KEY, low INTEGER NOT NULL,"
        " high INTEGER NOT NULL, pruned_before INTEGER NOT NULL DEFAULT 0, UNIQUE(low, high))",
        "CREATE INDEX conversation_by_high ON conversation(high)",
        # `is_kept`: the recipient did not receive it live.
        "CREATE TABLE private(id INTEGER PRIMARY KEY, conversation INTEGER NOT NULL,"
        " stamp INTEGER NOT NULL, author INTEGER NOT NULL, recipient INTEGER NOT NULL,"
        " is_kept INTEGER NOT NULL, is_unread INTEGER NOT NULL, text TEXT NOT NULL)",
        "CREATE UNIQUE INDEX private_by_conversation ON private(conversation, stamp)",
        "CREATE INDEX private_by_recipient ON private(recipient, stamp)",
        "CREATE INDEX private_unread ON private(recipient, author, stamp) WHERE is_unread = 1",
        # `marker`: read up to here. `marker_at_entry`: never set back before this one. `first`: the
        # first visit. `last`: the newest change.
        "CREATE TABLE visit(account INTEGER NOT NULL, room INTEGER NOT NULL,"
        " marker INTEGER NOT NULL, marker_at_entry INTEGER NOT NULL, first INTEGER NOT NULL,"
        " last INTEGER NOT NULL, is_open INTEGER NOT NULL, PRIMARY KEY(account, room))"
        " WITHOUT ROWID",
        "CREATE INDEX visit_by_room ON visit(room)",
        "CREATE INDEX visit_open ON visit(account) WHERE is_open = 1",
        "CREATE TABLE subscription(account INTEGER NOT NULL, publisher TEXT NOT NULL,"
        " PRIMARY KEY(account, publisher)) WITHOUT ROWID",
        # `place`: a room, or a conversation if `is_private`.
        "CREATE TABLE hole(is_private INTEGER NOT NULL, place INTEGER NOT NULL,"
        " stamp INTEGER NOT NULL, count INTEGER NOT NULL,"
        " PRIMARY KEY(is_private, place, stamp)) WITHOUT ROWID",
        # What the index of words is made of. `scope`: words for the room and the author.
        "CREATE VIEW search_content AS SELECT id, text,"
        " 'r' || room || ' a' || author AS scope FROM message",
    ),
    (
        # The entries of a log of several servers that are stored, by the server of the entry.
        # `stamp`: of the last one. The row of the empty name has the position in the log.
        "CREATE TABLE log_number(node TEXT PRIMARY KEY, number INTEGER NOT NULL,"
        " stamp INTEGER NOT NULL) WITHOUT ROWID",
        # Parts of that log which were not stored, in all rooms: above `after`, below `before`.
        "CREATE TABLE log_gap(after INTEGER PRIMARY KEY, before INTEGER NOT NULL)",
    ),
)

VERSION: Final = len(STEPS)


def migrate(connection: sqlite3.Connection, steps: Sequence[Step] = STEPS) -> None:
    """Bring the file to the newest version. Raises `NewerSchemaError`, `NotHistoryFileError`."""
    while True:
        version = _pragma(connection, "user_version")
        check_identity(_pragma(connection, "application_id"), version, len(steps))
        if version == len(steps):
            return
        with write_transaction(connection):
            if _pragma(connection, "user_version") != version:  # another process did it
                continue
            if version == 0 and _has_tables(connection):
                raise NotHistoryFileError("it is a database of another program")
            for statement in steps[version]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version + 1}")


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def check_file(path: Path) -> None:
    """Look at the header of a file, without opening it as a database.

    Raises `NotHistoryFileError`, `NewerSchemaError` and `OSError`. A damaged file is not detected.
    """
    check_header(path, VERSION)
