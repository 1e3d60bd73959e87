"""Brings stamps back that are in the future, because the clock was wrong once."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from typing import Final

from chat_server.history.sqlite.connections import write_transaction
from chat_server.history.sqlite.names import newest_stamp

_TOLERANCE: Final = 60_000_000
"""Microseconds that a stamp may be ahead of the clock: stamps of a busy second, or a clock that was
corrected a little."""


def is_ahead(stamp: int, now: int) -> bool:
    """Return True if a stamp is more than 60 s after `now`."""
    return stamp > now + _TOLERANCE


def stamps_ahead(connection: sqlite3.Connection, now: int) -> int:
    """Return how many messages have a stamp more than 60 s after `now`.

    At least 1 if a server would go on with such stamps.
    """
    limit = now + _TOLERANCE
    messages = sum(
        _number(connection, f"SELECT count(*) FROM {table} WHERE stamp > {limit}")
        for table in ("message", "private")
    )
    return messages or int(newest_stamp(connection) > limit)


def bring_back_stamps(connection: sqlite3.Connection, now: int) -> None:
    """Give these messages new stamps before `now`, in the same order, in one transaction.

    They stay later than all others. Read markers and bounds of the retention move with them.
    Not next to a server, which would go on with stamps behind the old ones.
    """
    limit = now + _TOLERANCE
    with write_transaction(connection):
        old = sorted(
            stamp
            for table in ("message", "private")
            for (stamp,) in connection.execute(
                f"SELECT stamp FROM {table} WHERE stamp > ?", (limit,)
            )
        )
        newest_of_others = max(
            _number(
                connection, f"SELECT coalesce(max(stamp), 0) FROM {table} WHERE stamp <= {limit}"
            )
            for table in ("message", "private", "hole")
        )
        start = max(newest_of_others + 1, now - len(old))

        def corrected(stamp: int) -> int:
            """Return the new stamp of the last message up to `stamp`."""
            return stamp if stamp <= limit else start + bisect_right(old, stamp) - 1

        # In rising order: no new stamp equals an old one that is still there.
        for table in ("message", "private"):
            connection.executemany(
                f"UPDATE {table} SET stamp = ? WHERE id = ?",
                [
                    (corrected(stamp), identity)
                    for identity, stamp in connection.execute(
                        f"SELECT id, stamp FROM {table} WHERE stamp > ? ORDER BY stamp", (limit,)
                    ).fetchall()
                ],
            )
        for table, column in (
            ("visit", "marker"),
            ("visit", "marker_at_entry"),
            ("visit", "first"),
            ("visit", "last"),
            ("hole", "stamp"),
            ("room", "pruned_before"),
            ("conversation", "pruned_before"),
            ("state", "value"),
        ):
            where = f"{column} > ?" + (" AND key = 'newest_stamp'" * (table == "state"))
            values = connection.execute(
                f"SELECT DISTINCT {column} FROM {table} WHERE {where} ORDER BY 1", (limit,)
            ).fetchall()
            connection.executemany(
                f"UPDATE OR REPLACE {table} SET {column} = ? WHERE {column} = ?",
                [(corrected(value), value) for (value,) in values],
            )


def _number(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])
