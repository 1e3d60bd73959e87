"""Unread numbers, read markers and visited rooms. Runs in a reader's transaction."""

from __future__ import annotations

import sqlite3

from chat_server.config import HistoryFrom
from chat_server.history.mentions import mentions
from chat_server.history.sqlite import erased_authors
from chat_server.history.sqlite.names import (
    find_account,
    find_conversation,
    find_room,
    newest_stamp,
)
from chat_server.history.sqlite.visibility import EVERYONE, condition, visibility
from chat_server.history.values import MAX_UNREAD, Reader, Unread


def read_marker(connection: sqlite3.Connection, user: str, room: str) -> int:
    """Return the stamp up to which the user has read the room."""
    row = connection.execute(
        "SELECT marker FROM visit WHERE account = ? AND room = ?",
        (find_account(connection, user), find_room(connection, room)),
    ).fetchone()
    return newest_stamp(connection) if row is None else int(row[0])


def private_read_marker(connection: sqlite3.Connection, user: str, other: str) -> int:
    """Return the stamp before the first unread message, or that of the newest message."""
    user_id, other_id = find_account(connection, user), find_account(connection, other)
    if user_id is None or other_id is None:
        return 0
    (unread,) = connection.execute(
        "SELECT min(stamp) FROM private WHERE recipient = ? AND author = ? AND is_unread = 1",
        (user_id, other_id),
    ).fetchone()
    if unread is not None:
        return int(unread) - 1
    (newest,) = connection.execute(
        "SELECT max(stamp) FROM private WHERE conversation = ?",
        (find_conversation(connection, user_id, other_id),),
    ).fetchone()
    return int(newest or 0)


def visited_rooms(connection: sqlite3.Connection, user: str) -> list[str]:
    """Return the rooms that the user has visited, by name."""
    rows = connection.execute(
        "SELECT room.name FROM visit JOIN room ON room.id = visit.room WHERE visit.account = ?",
        (find_account(connection, user),),
    )
    return sorted(row[0] for row in rows)


def unread_in(
    connection: sqlite3.Connection,
    reader: Reader,
    room: str,
    after: int | None,
    start: HistoryFrom,
) -> Unread:
    """Count the unread messages in a room, at most `MAX_UNREAD`."""
    view = visibility(connection, reader, room, start)
    marker = read_marker(connection, reader.user, room) if after is None else after
    if view.room is None:
        return Unread(counted_to=marker)
    low = max(marker, view.floor - 1)
    others = condition(view.authors)
    own = ",".join(map(str, view.own))
    is_kept = erased_authors.condition(view.erased)
    # The inner query reads the index only.
    rows = connection.execute(
        "SELECT chosen.stamp, message.text FROM"
        " (SELECT id, stamp FROM message INDEXED BY message_by_room"
        f" WHERE room = ? AND stamp > ? AND {others} AND author NOT IN ({own})"
        f" AND {is_kept}"
        " ORDER BY stamp LIMIT ?) AS chosen CROSS JOIN message ON message.id = chosen.id",
        (view.room, low, MAX_UNREAD),
    ).fetchall()
    if len(rows) == MAX_UNREAD:
        counted_to = rows[-1][0]
    else:
        newest = connection.execute(
            "SELECT stamp FROM message INDEXED BY message_by_room"
            f" WHERE room = ? AND {is_kept} ORDER BY stamp DESC LIMIT 1",
            (view.room,),
        ).fetchone()
        counted_to = marker if newest is None else max(marker, newest[0])
    return Unread(len(rows), sum(mentions(text, reader.user) for _, text in rows), counted_to)


def unread_private(connection: sqlite3.Connection, reader: Reader) -> dict[str, int]:
    """Return the numbers of unread private messages by author, for followed authors."""
    rows = connection.execute(
        "SELECT account.name, count(*) FROM private JOIN account ON account.id = private.author"
        " WHERE private.recipient = ? AND private.is_unread = 1 AND account.is_retired = 0"
        " GROUP BY account.name ORDER BY account.name",
        (find_account(connection, reader.user),),
    )
    followed = reader.subscriptions
    return {
        author: min(count, MAX_UNREAD)
        for author, count in rows
        if author in followed or EVERYONE in followed
    }


def gap_in_unread(connection: sqlite3.Connection, user: str) -> int:
    """Return where the newest gap behind a read marker of the user ends. 0: there is none."""
    (end,) = connection.execute(
        "SELECT coalesce(max(before), 0) FROM log_gap"
        " WHERE before > 1 + (SELECT min(marker) FROM visit WHERE account = ?)",
        (find_account(connection, user),),
    ).fetchone()
    return int(end)
