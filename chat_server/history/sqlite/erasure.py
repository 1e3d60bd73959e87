"""Erasing of messages, and what every deletion of messages has to do. In write transactions."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Final

from chat_server.history.sqlite import erased_authors, search_index
from chat_server.history.sqlite.connections import write_transaction
from chat_server.history.sqlite.names import find_account
from chat_server.history.store import PRUNE_ROWS

_LOOKED_AT: Final = 20_000
"""Messages among which one step looks for those of an author: some milliseconds."""


def delete_messages(
    connection: sqlite3.Connection, messages: Sequence[tuple[int, int]], has_search: bool
) -> None:
    """Delete messages in rooms. `messages`: their ids and rooms, at most a few thousand."""
    if not messages:
        return
    ids = ",".join(str(identity) for identity, _ in messages)
    if has_search:
        search_index.remove(connection, ids)
    authors = connection.execute(
        f"SELECT count(*), author FROM message WHERE id IN ({ids}) GROUP BY author"
    ).fetchall()
    connection.execute(f"DELETE FROM message WHERE id IN ({ids})")
    connection.executemany("UPDATE account SET messages = messages - ? WHERE id = ?", authors)
    connection.executemany(
        "UPDATE room SET messages = messages - ? WHERE id = ?",
        [(count, room) for room, count in Counter(room for _, room in messages).items()],
    )


def erase_message(
    connection: sqlite3.Connection, stamp: int, user: str, is_operator: bool, has_search: bool
) -> str | None:
    """Erase the message with this stamp, if the user may. Return its author, or None."""
    # A stamp is in one place only. There is no index of stamps alone: each room is asked.
    row = connection.execute(
        "SELECT message.id, room.id, message.author FROM room CROSS JOIN message"
        " ON message.room = room.id AND message.stamp = ?",
        (stamp,),
    ).fetchone()
    if row is not None:
        identity, room, author = row
        if identity <= erased_authors.load(connection).get(author, 0):
            return None
        if is_operator or _is_own(connection, author, user):
            delete_messages(connection, [(identity, room)], has_search)
            return _name(connection, author)
        return None
    row = connection.execute(
        "SELECT private.id, private.author FROM conversation CROSS JOIN private"
        " ON private.conversation = conversation.id AND private.stamp = ?",
        (stamp,),
    ).fetchone()
    if row is not None and (is_operator or _is_own(connection, row[1], user)):
        connection.execute("DELETE FROM private WHERE id = ?", (row[0],))
        return _name(connection, row[1])
    return None


def remove_erased(connection: sqlite3.Connection, has_search: bool) -> int | None:
    """Delete some messages of an author whose messages are erased. Return how many.

    None: no erased message is left in the file.
    """
    for account, last in erased_authors.load(connection).items():
        (first,) = connection.execute(
            "SELECT min(id) FROM message WHERE id > ? AND id <= ?",
            (erased_authors.removed_to(connection, account), last),
        ).fetchone()
        stored = connection.execute(
            "SELECT messages FROM account WHERE id = ?", (account,)
        ).fetchone()
        if first is None or stored in (None, (0,)):
            erased_authors.finish(connection, account)
            return 0
        end = min(last, first + _LOOKED_AT)
        found = connection.execute(
            "SELECT id, room FROM message WHERE id BETWEEN ? AND ? AND author = ?"
            " ORDER BY id LIMIT ?",
            (first, end, account, PRUNE_ROWS),
        ).fetchall()
        if len(found) == PRUNE_ROWS:
            end = found[-1][0]
        delete_messages(connection, found, has_search)
        erased_authors.set_removed_to(connection, account, end)
        return len(found)
    return None


def remove_all_erased(connection: sqlite3.Connection, has_search: bool) -> None:
    """Delete all erased messages that are left in the file, in steps. Not in a transaction."""
    while erased_authors.load(connection):
        with write_transaction(connection):
            remove_erased(connection, has_search)


def _is_own(connection: sqlite3.Connection, author: int, user: str) -> bool:
    account = find_account(connection, user)
    if account is None:
        return False
    (owner,) = connection.execute(
        "SELECT coalesce(merged_into, id) FROM account WHERE id = ?", (author,)
    ).fetchone()
    return bool(owner == account)


def _name(connection: sqlite3.Connection, account: int) -> str:
    (name,) = connection.execute("SELECT name FROM account WHERE id = ?", (account,)).fetchone()
    return str(name)
