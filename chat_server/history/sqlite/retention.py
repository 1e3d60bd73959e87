"""Retention: what is too old or too much, one small write transaction a step."""

from __future__ import annotations

import sqlite3
from typing import Final

from chat_server.history.sqlite import search_index
from chat_server.history.sqlite.accounts import delete_private_of
from chat_server.history.sqlite.erasure import delete_messages, remove_erased
from chat_server.history.sqlite.log_position import remove_old_gaps
from chat_server.history.store import PRUNE_ROWS, Pruned, Retention

_DAY: Final = 24 * 60 * 60 * 1_000_000


def prune(
    connection: sqlite3.Connection, retention: Retention, now: int, has_search: bool
) -> Pruned:
    """Do the first of the jobs that has something to do."""
    # First, because what was erased counts as stored until it has left the file.
    erased = remove_erased(connection, has_search)
    if erased is not None:
        return Pruned(erased=erased, has_more=True)
    if has_search and search_index.is_merging(connection):
        search_index.continue_merge(connection)
        return Pruned(0, has_more=True)
    cutoff = now - retention.days * _DAY if retention.days else 0
    deleted = (
        _prune_old_messages(connection, cutoff, has_search)
        or _prune_old_private(connection, cutoff)
        or _prune_full_rooms(connection, retention.messages, has_search)
    )
    # Before the size is looked at: the words of deleted messages count, too.
    if not deleted and has_search and search_index.start_merge(connection):
        return Pruned(0, has_more=True)
    deleted = deleted or _prune_to_size(connection, retention.size, has_search)
    if deleted:
        return Pruned(deleted, has_more=True)
    return Pruned(0, has_more=_remove_leftovers(connection, cutoff, now))


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return the bytes of the pages that are in use."""
    sizes = [
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    ]
    pages, free, size = sizes
    return int((pages - free) * size)


def _prune_old_messages(connection: sqlite3.Connection, cutoff: int, has_search: bool) -> int:
    # Ids have the order of the stamps, so the oldest messages are the first rows.
    return _prune_messages(
        connection,
        connection.execute(
            "SELECT * FROM (SELECT id, room, stamp FROM message ORDER BY id LIMIT ?)"
            " WHERE stamp < ?",
            (PRUNE_ROWS, cutoff),
        ).fetchall(),
        has_search,
    )


def _prune_old_private(connection: sqlite3.Connection, cutoff: int) -> int:
    return _prune_private(
        connection,
        connection.execute(
            "SELECT * FROM (SELECT id, conversation, stamp FROM private ORDER BY id LIMIT ?)"
            " WHERE stamp < ?",
            (PRUNE_ROWS, cutoff),
        ).fetchall(),
    )


def _prune_full_rooms(connection: sqlite3.Connection, bound: int, has_search: bool) -> int:
    if not bound:
        return 0
    full = connection.execute(
        "SELECT id, messages - ? FROM room WHERE messages > ? LIMIT 1", (bound, bound)
    ).fetchone()
    if full is None:
        return 0
    room, surplus = full
    messages = connection.execute(
        "SELECT id, room, stamp FROM message INDEXED BY message_by_room WHERE room = ?"
        " ORDER BY stamp LIMIT ?",
        (room, min(surplus, PRUNE_ROWS)),
    ).fetchall()
    return _prune_messages(connection, messages, has_search)


def _prune_to_size(connection: sqlite3.Connection, bound: int, has_search: bool) -> int:
    if not bound or used_bytes(connection) <= bound:
        return 0
    messages = connection.execute(
        "SELECT id, room, stamp FROM message ORDER BY id LIMIT ?", (PRUNE_ROWS // 2,)
    ).fetchall()
    until = messages[-1][2] if messages else 2**63 - 1
    private = connection.execute(
        "SELECT * FROM (SELECT id, conversation, stamp FROM private ORDER BY id LIMIT ?)"
        " WHERE stamp < ?",
        (PRUNE_ROWS // 2, until),
    ).fetchall()
    return _prune_messages(connection, messages, has_search) + _prune_private(connection, private)


def _prune_messages(
    connection: sqlite3.Connection, messages: list[tuple[int, int, int]], has_search: bool
) -> int:
    """Delete messages, given by id, room and stamp. Move the horizons of their rooms."""
    delete_messages(connection, [(identity, room) for identity, room, _ in messages], has_search)
    horizons: dict[int, int] = {}
    for _, room, stamp in messages:
        horizons[room] = max(horizons.get(room, 0), stamp + 1)
    _move_horizons(connection, "room", horizons)
    return len(messages)


def _prune_private(connection: sqlite3.Connection, messages: list[tuple[int, int, int]]) -> int:
    horizons: dict[int, int] = {}
    for _, conversation, stamp in messages:
        horizons[conversation] = max(horizons.get(conversation, 0), stamp + 1)
    connection.executemany("DELETE FROM private WHERE id = ?", [(row[0],) for row in messages])
    _move_horizons(connection, "conversation", horizons)
    return len(messages)


def _move_horizons(connection: sqlite3.Connection, table: str, horizons: dict[int, int]) -> None:
    is_private = table == "conversation"
    for place, stamp in horizons.items():
        connection.execute(
            f"UPDATE {table} SET pruned_before = max(pruned_before, ?) WHERE id = ?",
            (stamp, place),
        )
        connection.execute(
            "DELETE FROM hole WHERE is_private = ? AND place = ? AND stamp < ?",
            (is_private, place, stamp),
        )


def _remove_leftovers(connection: sqlite3.Connection, cutoff: int, now: int) -> bool:
    """Remove what no message needs any more. Return True if there may be more of it."""
    retired = connection.execute(
        "SELECT account.id FROM account WHERE is_retired = 1 AND EXISTS"
        " (SELECT 1 FROM conversation WHERE low = account.id OR high = account.id) LIMIT 1"
    ).fetchone()
    if retired is not None:
        delete_private_of(connection, retired[0], PRUNE_ROWS)
        return True
    removed = remove_old_gaps(connection, cutoff)
    for statement, values in (
        ("DELETE FROM hole WHERE stamp < ?", (cutoff,)),
        (
            "DELETE FROM conversation WHERE pruned_before BETWEEN 1 AND ?"
            " AND NOT EXISTS (SELECT 1 FROM private WHERE conversation = conversation.id)"
            " AND NOT EXISTS (SELECT 1 FROM hole WHERE is_private = 1"
            " AND place = conversation.id)",
            # Its horizon stays as long again as messages are kept: a user that comes back reads
            # that some are gone. The horizon of a room stays as long as its visits.
            (2 * cutoff - now,),
        ),
        (
            "DELETE FROM room WHERE messages = 0 AND pruned_before <= ?"
            " AND NOT EXISTS (SELECT 1 FROM visit WHERE visit.room = room.id)"
            " AND NOT EXISTS (SELECT 1 FROM hole WHERE is_private = 0 AND place = room.id)",
            (cutoff,),
        ),
        ("DELETE FROM account WHERE is_retired = 1 AND messages = 0", ()),
    ):
        removed += connection.execute(statement, values).rowcount
    return removed > 0
