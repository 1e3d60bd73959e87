"""The history files of several servers over one log, as rows that can be compared."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.redis_server import RedisServer
from tests.support.wait_until import until

_QUERIES = {
    "messages": "SELECT room.name, stamp, account.name, is_action, text FROM message"
    " JOIN room ON room.id = room JOIN account ON account.id = author ORDER BY stamp",
    "private": "SELECT stamp, one.name, other.name, is_kept, is_unread, text FROM private"
    " JOIN account AS one ON one.id = author JOIN account AS other ON other.id = recipient"
    " ORDER BY stamp",
    "subscriptions": "SELECT account.name, publisher FROM subscription"
    " JOIN account ON account.id = account ORDER BY 1, 2",
    "visits": "SELECT account.name, room.name, marker, marker_at_entry, first, last, is_open"
    " FROM visit JOIN account ON account.id = account JOIN room ON room.id = room ORDER BY 1, 2",
    "accounts": "SELECT name, is_retired, messages FROM account ORDER BY name, is_retired",
    "position": "SELECT stamp FROM log_number WHERE node = ''",
    "erased": "SELECT key FROM state WHERE key LIKE 'erased_to:%'",
    "gaps": "SELECT after, before FROM log_gap ORDER BY after",
}


def rows(file: Path) -> dict[str, list[Any]]:
    """Return what the file holds, with names in place of ids."""
    with closing(sqlite3.connect(file)) as connection:
        return {what: connection.execute(query).fetchall() for what, query in _QUERIES.items()}


def texts(file: Path) -> list[str]:
    """Return the texts of the messages in rooms, in the order of their stamps."""
    return [row[4] for row in rows(file)["messages"]]


def wait_until_stored(redis: RedisServer, *files: Path) -> None:
    """Wait until each file holds the newest entry of the log, and nothing that was erased.

    Clients must do nothing.
    """

    def is_stored() -> bool:
        ((newest, _),) = redis.command("XREVRANGE", "{lobby}:log", "+", "-", "COUNT", 1)
        position = [(int(newest.partition("-")[0]),)]
        found = [rows(file) for file in files]
        return all(each["position"] == position and not each["erased"] for each in found)

    until(is_stored, "all entries are stored")
