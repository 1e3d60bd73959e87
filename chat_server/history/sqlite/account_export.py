"""What is kept of one account, as the lines of an export. docs/operating.md lists the fields."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from chat_server.history.sqlite import erased_authors
from chat_server.wire import format_stamp

Entry = dict[str, Any]
"""One line of an export: a JSON object."""


def export_account(
    connection: sqlite3.Connection, user: str, accounts: Sequence[int]
) -> Iterator[Entry]:
    """Yield messages, private messages, subscriptions and visits, each kind in order of time.

    `accounts`: the ids of the user's account and of those merged into it.
    """
    ids = ", ".join(map(str, accounts))
    is_kept = erased_authors.condition(erased_authors.load(connection), "message.id")
    for room, stamp, is_action, text in connection.execute(
        "SELECT room.name, stamp, is_action, text FROM message JOIN room ON room.id = room"
        f" WHERE author IN ({ids}) AND {is_kept} ORDER BY stamp"
    ):
        yield {
            "kind": "message",
            "time": format_stamp(stamp),
            "room": room,
            "author": user,
            "text": text,
            "action": bool(is_action),
        }
    for stamp, author, recipient, is_unread, text in connection.execute(
        "SELECT stamp, one.name, other.name, is_unread, text FROM conversation"
        " JOIN private ON private.conversation = conversation.id"
        " JOIN account AS one ON one.id = private.author"
        " JOIN account AS other ON other.id = private.recipient"
        f" WHERE low IN ({ids}) OR high IN ({ids}) ORDER BY stamp"
    ):
        yield {
            "kind": "private",
            "time": format_stamp(stamp),
            "author": author,
            "recipient": recipient,
            "text": text,
            "unread": bool(is_unread),
        }
    for (publisher,) in connection.execute(
        f"SELECT publisher FROM subscription WHERE account IN ({ids}) ORDER BY publisher"
    ):
        yield {"kind": "subscription", "publisher": publisher}
    for room, first, marker in connection.execute(
        "SELECT room.name, first, marker FROM visit JOIN room ON room.id = room"
        f" WHERE account IN ({ids}) ORDER BY room.name"
    ):
        yield {
            "kind": "visit",
            "room": room,
            # 0: before the first message of the server.
            "first": format_stamp(first) if first else None,
            "read": format_stamp(marker) if marker else None,
        }
