"""Erasing of messages, and what every deletion of messages has to do. In write transactions."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence

from chat_server.history.sqlite import search_index
from chat_server.history.sqlite.names import find_account
from chat_server.history.store import PRUNE_ROWS


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


def erase_some_by(
    connection: sqlite3.Connection, author: str, between: tuple[int, int], has_search: bool
) -> tuple[int, int]:
    """Erase the author's messages among the next. Return how many, and the last id looked at.

    `between`: the ids before the first and of the last message to look at. By name: also the
    messages of earlier accounts.
    """
    after, last = between
    (end,) = connection.execute(
        "SELECT max(id) FROM (SELECT id FROM message WHERE id > ? AND id <= ? ORDER BY id LIMIT ?)",
        (after, last, PRUNE_ROWS),
    ).fetchone()
    if end is None:
        return 0, last
    found = connection.execute(
        "SELECT id, room FROM message WHERE id > ? AND id <= ?"
        " AND author IN (SELECT id FROM account WHERE name = ?)",
        (after, end, author),
    ).fetchall()
    delete_messages(connection, found, has_search)
    return len(found), end


def erase_all_by(connection: sqlite3.Connection, author: str, has_search: bool) -> int:
    """Erase all messages of an author in all rooms, in one transaction. Return how many."""
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()
    erased = position = 0
    while position < last:
        count, position = erase_some_by(connection, author, (position, last), has_search)
        erased += count
    return erased


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
