"""How much of the log of several servers is stored: the position, and a number for each server."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from chat_server.core import records
from chat_server.history.store import MAX_LOG_NODES

_STORE = (
    "INSERT INTO log_number VALUES(?, ?, ?) ON CONFLICT(node) DO UPDATE"
    " SET number = max(number, excluded.number), stamp = max(stamp, excluded.stamp)"
)


def store(connection: sqlite3.Connection, positions: Mapping[str, records.LogPosition]) -> None:
    """Store the last positions of a batch, by server. In its transaction."""
    if not positions:
        return
    newest = max(position.stamp for position in positions.values())
    rows = [(node, each.number, each.stamp) for node, each in positions.items() if node]
    connection.executemany(_STORE, [*rows, ("", 0, newest)])
    connection.execute(
        "DELETE FROM log_number WHERE node != '' AND node NOT IN"
        " (SELECT node FROM log_number WHERE node != '' ORDER BY stamp DESC LIMIT ?)",
        (MAX_LOG_NODES,),
    )


def load(connection: sqlite3.Connection) -> tuple[int, dict[str, int]]:
    """Return the position, which is 0 if nothing of a log is stored, and the numbers by server."""
    position, numbers = 0, {}
    for node, number, stamp in connection.execute("SELECT node, number, stamp FROM log_number"):
        if node:
            numbers[node] = number
        else:
            position = stamp
    return position, numbers
