"""The ids of accounts, rooms and conversations, cached for the writer."""

from __future__ import annotations

import sqlite3
from typing import Final

_MAX_CACHED: Final = 10_000
"""Names. A client may visit any number of rooms."""


class Names:
    """Look-ups by name in the writer's transactions. Creates what is missing."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._accounts: dict[str, int] = {}
        self._rooms: dict[str, int] = {}
        self._data_version = -1

    def refresh(self) -> bool:
        """Forget what another process may have changed. Call it first in each transaction.

        Return True if another process has changed the file since the last call.
        """
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        is_changed = version != self._data_version
        is_first = self._data_version < 0
        if is_changed or len(self._rooms) + len(self._accounts) > _MAX_CACHED:
            self.clear()
            self._data_version = version
        return is_changed and not is_first

    def clear(self) -> None:
        """Forget all names: they changed, or a transaction that created some was rolled back."""
        self._accounts.clear()
        self._rooms.clear()

    def find_account(self, name: str) -> int | None:
        """Return the id of the account in use, or None."""
        if name in self._accounts:
            return self._accounts[name]
        found = find_account(self._connection, name)
        if found is not None:
            self._accounts[name] = found
        return found

    def account(self, name: str) -> int:
        """Return the id of the account in use. Create it if it is new."""
        found = self.find_account(name)
        if found is None:
            found = _insert(self._connection, "INSERT INTO account(name) VALUES(?)", name)
            self._accounts[name] = found
        return found

    def room(self, name: str) -> int:
        """Return the id of the room. Create it if it is new."""
        found = self._rooms.get(name)
        if found is None:
            found = find_room(self._connection, name)
            if found is None:
                found = _insert(self._connection, "INSERT INTO room(name) VALUES(?)", name)
            self._rooms[name] = found
        return found

    def conversation(self, one: int, other: int) -> int:
        """Return the id of the conversation of two accounts. Create it if it is new."""
        found = find_conversation(self._connection, one, other)
        if found is not None:
            return found
        return _insert(
            self._connection,
            "INSERT INTO conversation(low, high) VALUES(?, ?)",
            *(min(one, other), max(one, other)),
        )


def find_account(connection: sqlite3.Connection, name: str) -> int | None:
    """Return the id of the account in use with this name, or None."""
    return _first(
        connection.execute("SELECT id FROM account WHERE name = ? AND is_retired = 0", (name,))
    )


def find_room(connection: sqlite3.Connection, name: str) -> int | None:
    """Return the id of the room, or None."""
    return _first(connection.execute("SELECT id FROM room WHERE name = ?", (name,)))


def find_conversation(connection: sqlite3.Connection, one: int, other: int) -> int | None:
    """Return the id of the conversation of two accounts, or None."""
    pair = (min(one, other), max(one, other))
    return _first(
        connection.execute("SELECT id FROM conversation WHERE low = ? AND high = ?", pair)
    )


def newest_stamp(connection: sqlite3.Connection) -> int:
    """Return the newest stamp of all records. 0 if there were none."""
    found = _first(connection.execute("SELECT value FROM state WHERE key = 'newest_stamp'"))
    return found or 0


def _first(cursor: sqlite3.Cursor) -> int | None:
    row = cursor.fetchone()
    return None if row is None else int(row[0])


def _insert(connection: sqlite3.Connection, statement: str, *values: str | int) -> int:
    created = connection.execute(statement, values).lastrowid
    assert created is not None
    return created
