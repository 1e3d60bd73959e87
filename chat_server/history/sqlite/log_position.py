"""How much of the log of several servers is stored: the position, numbers by server, and gaps."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from chat_server.core import records
from chat_server.history.store import (
    MAX_LOG_GAPS,
    MAX_LOG_NODES,
    misses_entries,
    other_log_gap,
)
from chat_server.history.values import Gap

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


def skip(connection: sqlite3.Connection, skipped: records.LogSkipped, newest: int) -> bool:
    """Go on behind a snapshot. Return True if entries before it are missing, which leaves a gap.

    `newest`: the newest stamp of what is stored.
    """
    position, numbers = load(connection)
    if not misses_entries(skipped, position, numbers):
        return False
    after = position or newest
    if skipped.is_other_log:
        after = other_log_gap(skipped, newest)
        connection.execute("DELETE FROM log_number")
    if after < skipped.stamp:
        connection.execute(
            "INSERT INTO log_gap VALUES(?, ?) ON CONFLICT(after) DO UPDATE"
            " SET before = max(before, excluded.before)",
            (after, skipped.stamp + 1),
        )
        _merge_gaps(connection)
    store(
        connection,
        {
            node: records.LogPosition(skipped.stamp, node, number)
            for node, number in {**skipped.numbers, "": 0}.items()
        },
    )
    return True


def gaps_between(connection: sqlite3.Connection, low: int, high: int) -> list[Gap]:
    """Return the gaps that may contain a stamp between `low` and `high`, in their order."""
    rows = connection.execute(
        "SELECT after, before FROM log_gap WHERE after < ? AND before > ? ORDER BY after",
        (high - 1, low + 1),
    )
    return [Gap(*row) for row in rows]


def newest_gap_end(connection: sqlite3.Connection) -> int:
    """Return the stamp at which the newest gap ends. 0: there is none."""
    (end,) = connection.execute("SELECT coalesce(max(before), 0) FROM log_gap").fetchone()
    return int(end)


def remove_old_gaps(connection: sqlite3.Connection, cutoff: int) -> int:
    """Remove gaps that the retention has passed. Return how many."""
    return connection.execute("DELETE FROM log_gap WHERE before <= ?", (cutoff,)).rowcount


def _merge_gaps(connection: sqlite3.Connection) -> None:
    """Make one of the two oldest gaps if there are too many. What is between looks missing."""
    gaps = connection.execute("SELECT after, before FROM log_gap ORDER BY after").fetchall()
    if len(gaps) > MAX_LOG_GAPS:
        (first, _), (second, end), *_ = gaps
        connection.execute("UPDATE log_gap SET before = ? WHERE after = ?", (end, first))
        connection.execute("DELETE FROM log_gap WHERE after = ?", (second,))
