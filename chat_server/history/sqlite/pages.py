"""Pages of rooms and of private messages. Runs in a reader's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from chat_server.config import HistoryFrom
from chat_server.history.sqlite import erased_authors
from chat_server.history.sqlite.log_position import gaps_between
from chat_server.history.sqlite.names import find_account, find_conversation
from chat_server.history.sqlite.visibility import EVERYONE, Visibility, condition, visibility
from chat_server.history.store import MAX_PAGE_BYTES, MAX_SCANNED, line_bytes
from chat_server.history.values import Gap, Hole, Page, PageRequest, PastMessage, Reader

_ORDERS: Final = {True: "DESC", False: "ASC"}
"""By `PageRequest.newest`."""


def room_page(
    connection: sqlite3.Connection, reader: Reader, request: PageRequest, start: HistoryFrom
) -> Page:
    """Return a page of the reader's room."""
    view = visibility(connection, reader, reader.room, start)
    after = max(request.after, view.floor - 1)
    if view.room is None:
        return _page_of_gaps(connection, after, request.before)
    between = (view.room, after, request.before)
    messages = _room_messages(connection, between, view, request.newest, request.limit + 1)
    scan_end = None
    if len(messages) <= request.limit and (view.readable is not None or view.erased):
        scan_end = _scan_end(connection, between, request.newest)
    return _page(
        connection,
        request=PageRequest(request.limit, after, request.before, request.newest),
        messages=messages,
        scan_end=scan_end,
        place=(0, view.room),
        horizon=view.pruned_before,
    )


def _room_messages(
    connection: sqlite3.Connection,
    between: tuple[int, int, int],
    view: Visibility,
    newest: bool,
    limit: int,
) -> list[PastMessage]:
    """Return messages that the user may read. Look at `MAX_SCANNED` messages at most.

    `between`: a room, and the stamps before and after the messages.
    """
    # The inner query reads the index only. The outer ones stop it when they have enough, and read
    # the rows of what is shown.
    order = _ORDERS[newest]
    rows = connection.execute(
        "SELECT chosen.stamp, account.name, message.text, message.is_action FROM"
        f" (SELECT id, stamp, author FROM (SELECT id, stamp, author FROM message"
        " INDEXED BY message_by_room WHERE room = ? AND stamp > ? AND stamp < ?"
        f" ORDER BY stamp {order} LIMIT {MAX_SCANNED})"
        f" WHERE {condition(view.readable)} AND {erased_authors.condition(view.erased)}"
        " LIMIT ?) AS chosen CROSS JOIN message ON message.id = chosen.id"
        " CROSS JOIN account ON account.id = chosen.author",
        (*between, limit),
    )
    return [PastMessage(stamp, author, text, bool(act)) for stamp, author, text, act in rows]


def _scan_end(
    connection: sqlite3.Connection, between: tuple[int, int, int], newest: bool
) -> int | None:
    """Return the stamp of the last message that a page looks at, if there are more."""
    ends = connection.execute(
        "SELECT stamp FROM message INDEXED BY message_by_room"
        " WHERE room = ? AND stamp > ? AND stamp < ?"
        f" ORDER BY stamp {_ORDERS[newest]} LIMIT 2 OFFSET {MAX_SCANNED - 1}",
        between,
    ).fetchall()
    return int(ends[0][0]) if len(ends) == 2 else None


def private_page(
    connection: sqlite3.Connection, user: str, other: str, request: PageRequest
) -> Page:
    """Return a page of the private messages between two users."""
    user_id, other_id = find_account(connection, user), find_account(connection, other)
    conversation = None
    if user_id is not None and other_id is not None:
        conversation = find_conversation(connection, user_id, other_id)
    if conversation is None:
        return _page_of_gaps(connection, request.after, request.before)
    is_subscribed = connection.execute(
        "SELECT 1 FROM subscription WHERE account = ? AND publisher IN (?, ?)",
        (user_id, other, EVERYONE),
    ).fetchone()
    rows = connection.execute(
        "SELECT stamp, author, text FROM private INDEXED BY private_by_conversation"
        " WHERE conversation = ? AND stamp > ? AND stamp < ?"
        f" AND {'1' if is_subscribed else '(author = ? OR is_unread = 0)'}"
        f" ORDER BY stamp {_ORDERS[request.newest]} LIMIT ?",
        (
            *(conversation, request.after, request.before),
            *(() if is_subscribed else (user_id,)),
            request.limit + 1,
        ),
    )
    (horizon,) = connection.execute(
        "SELECT pruned_before FROM conversation WHERE id = ?", (conversation,)
    ).fetchone()
    return _page(
        connection,
        request=request,
        messages=[
            PastMessage(stamp, user, text, recipient=other)
            if author == user_id
            else PastMessage(stamp, other, text, recipient=user)
            for stamp, author, text in rows.fetchall()
        ],
        scan_end=None,
        place=(1, conversation),
        horizon=horizon,
    )


def _page(
    connection: sqlite3.Connection,
    *,
    request: PageRequest,
    messages: Sequence[PastMessage],
    scan_end: int | None,
    place: tuple[int, int],
    horizon: int,
) -> Page:
    """Build a page of messages in the order of the request, of which one may be too many."""
    kept: list[PastMessage] = []
    size = 0
    for message in messages[: request.limit]:
        size += line_bytes(message)
        if kept and size > MAX_PAGE_BYTES:
            break
        kept.append(message)
    edge = kept[-1].stamp if len(kept) < len(messages) else scan_end
    low, high = request.after, request.before
    if request.newest:
        kept.reverse()
        if edge is not None:
            low = edge - 1
    elif edge is not None:
        high = edge + 1
    holes = connection.execute(
        "SELECT stamp, count FROM hole"
        " WHERE is_private = ? AND place = ? AND stamp > ? AND stamp < ? ORDER BY stamp",
        (*place, low, high),
    )
    # Stamps are whole numbers: there may be a message at `after` + 1.
    reaches_behind = low + 1 < horizon
    return Page(
        _with_marks(
            kept,
            [
                *(Hole(*row) for row in holes),
                *(gap for gap in gaps_between(connection, low, high) if gap.before > horizon),
            ],
        ),
        horizon if reaches_behind else None,
        earlier=edge if request.newest else None,
        later=None if request.newest else edge,
    )


def _page_of_gaps(connection: sqlite3.Connection, low: int, high: int) -> Page:
    """Return a page of a place of which nothing is stored."""
    return Page(tuple(gaps_between(connection, low, high)))


def _with_marks(
    messages: Sequence[PastMessage], marks: Sequence[Hole | Gap]
) -> tuple[PastMessage | Hole | Gap, ...]:
    """Place each hole or gap before the first newer message.

    Holes without a message between are one.
    """
    entries: list[PastMessage | Hole | Gap] = []
    # At the same stamp the mark comes first: the messages before it are missing.
    for entry in sorted([*marks, *messages], key=lambda each: each.stamp):
        last = entries[-1] if entries else None
        if isinstance(entry, Hole) and isinstance(last, Hole):
            entries[-1] = Hole(entry.stamp, last.count + entry.count)
        else:
            entries.append(entry)
    return tuple(entries)
