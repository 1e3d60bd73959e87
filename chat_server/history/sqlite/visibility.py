"""What a user may read: by author, and how far back. Runs in a reader's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from chat_server.config import HistoryFrom
from chat_server.history.sqlite import erased_authors
from chat_server.history.sqlite.names import find_account, find_room
from chat_server.history.store import creation_stamp
from chat_server.history.values import MAX_STAMP, Reader

EVERYONE: Final = "*"


@dataclass(frozen=True, slots=True)
class Visibility:
    """What a user may read in one room."""

    room: int | None
    """The id of the room. None: nothing is known about it."""
    own: frozenset[int]
    """The ids of the user's account and of those merged into it."""
    authors: frozenset[int] | None
    """The ids of the followed authors. None: everyone."""
    floor: int
    """The stamp from which on the user may read."""
    pruned_before: int
    """The horizon of the room. 0: nothing was pruned."""
    erased: Mapping[int, int]
    """Up to which id messages are erased, by the id of their author. Of all rooms."""

    @property
    def readable(self) -> frozenset[int] | None:
        """The ids of all authors that the user may read. None: everyone."""
        return None if self.authors is None else self.authors | self.own


def visibility(
    connection: sqlite3.Connection, reader: Reader, room: str, history_from: HistoryFrom
) -> Visibility:
    """Return what a user may read in a room."""
    room_id = find_room(connection, room)
    account = find_account(connection, reader.user)
    horizon = 0
    if room_id is not None:
        (horizon,) = connection.execute(
            "SELECT pruned_before FROM room WHERE id = ?", (room_id,)
        ).fetchone()
    return Visibility(
        room_id,
        frozenset() if account is None else _own(connection, account),
        None if EVERYONE in reader.subscriptions else _ids(connection, reader.subscriptions),
        _floor(connection, account, room_id, history_from),
        horizon,
        erased_authors.load(connection),
    )


def condition(ids: Collection[int] | None) -> str:
    """Return a condition on the column `author`. `ids` are numbers, so they are safe in SQL."""
    return "1" if ids is None else f"author IN ({','.join(map(str, sorted(ids)))})"


def _own(connection: sqlite3.Connection, account: int) -> frozenset[int]:
    rows = connection.execute(
        "SELECT id FROM account WHERE name = (SELECT name FROM account WHERE id = ?1)"
        " AND (id = ?1 OR merged_into = ?1)",
        (account,),
    )
    return frozenset(row[0] for row in rows)


def _ids(connection: sqlite3.Connection, names: Collection[str]) -> frozenset[int]:
    found: set[int] = set()
    for name in names:
        rows = connection.execute("SELECT id FROM account WHERE name = ?", (name,))
        found.update(row[0] for row in rows)
    return frozenset(found)


def _floor(
    connection: sqlite3.Connection, account: int | None, room: int | None, start: HistoryFrom
) -> int:
    if start is HistoryFrom.START:
        return 0
    if start is HistoryFrom.VISIT:
        cursor = connection.execute(
            "SELECT first FROM visit WHERE account = ? AND room = ?", (account, room)
        )
    else:
        cursor = connection.execute("SELECT created FROM account WHERE id = ?", (account,))
    row = cursor.fetchone()
    if row is None or row[0] is None:
        # No such visit, or an account that was not yet compared with the users file.
        return MAX_STAMP
    return row[0] + 1 if start is HistoryFrom.VISIT else creation_stamp(row[0])
