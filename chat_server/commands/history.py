"""Handlers of the commands about past messages: `/history`, `/search`, `/erase`.

Each runs in its client's own thread. It waits for the history at most two seconds, without a lock,
so live messages go on meanwhile. What it answers goes through the hub, in one piece. If the history
is not available, `execute` of the registry replies that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chat_server.commands.context import CommandContext
from chat_server.commands.pages import render_page, render_search
from chat_server.core import ReadingPosition, RejectReason, now_microseconds, values
from chat_server.history import (
    MAX_PAGE,
    History,
    PageRequest,
    Reader,
    SearchTooSlowError,
)
from chat_server.wire import canonical_name, history_replies, parse_stamp, parse_when

HISTORY_SYNTAX: Final = "/history [with <user>] [n | new [<when>] | before|after <when> [n]]"

_DEFAULT_COUNT: Final = 20


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """What a `/history` asks for, without the user in `with <user>`."""

    count: int = _DEFAULT_COUNT
    direction: str = ""
    """Empty (the newest messages), `new`, `before` or `after`."""
    bound: int | None = None
    """The stamp that goes with the direction. None: the read marker."""


@dataclass(frozen=True, slots=True)
class InvalidQuery:
    """Why the words of a `/history` cannot be understood."""

    reason: RejectReason
    subject: str = ""


def parse_query(words: tuple[str, ...], now: int) -> HistoryQuery | InvalidQuery:
    """Parse the words of a `/history`, without `with <user>`. Pure. `now` in microseconds."""
    match words:
        case ():
            return HistoryQuery()
        case ("new",):
            return HistoryQuery(MAX_PAGE, "new")
        case ("new", when):
            return _bounded("new", when, str(MAX_PAGE), now)
        case ("before" | "after" as direction, when):
            return _bounded(direction, when, str(_DEFAULT_COUNT), now)
        case ("before" | "after" as direction, when, count):
            return _bounded(direction, when, count, now)
        case (count,) if count not in ("before", "after"):
            number = _parse_count(count)
            if number is None:
                return InvalidQuery(RejectReason.INVALID_COUNT)
            return HistoryQuery(number)
    return InvalidQuery(RejectReason.USAGE, HISTORY_SYNTAX)


def _bounded(direction: str, when: str, count: str, now: int) -> HistoryQuery | InvalidQuery:
    bound = parse_when(when, now)
    if bound is None:
        return InvalidQuery(RejectReason.NO_SUCH_TIME, when)
    number = _parse_count(count)
    if number is None:
        return InvalidQuery(RejectReason.INVALID_COUNT)
    if direction != "before" and parse_stamp(when) is None:
        bound -= 1  # a day begins with its midnight, but a stamp names a message that is known
    return HistoryQuery(number, direction, bound)


def _parse_count(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_PAGE))
    return int(text) if is_number and 1 <= int(text) <= MAX_PAGE else None


def show_history(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Send a page of the user's room, or of the private messages with a user."""
    if arguments[:1] == ("with",):
        if len(arguments) == 1:
            context.reject(RejectReason.USAGE, HISTORY_SYNTAX)
            return
        other = canonical_name(arguments[1])
        if other is None or not context.services.accounts.exists(other):
            context.reject(RejectReason.NO_SUCH_USER, arguments[1])
            return
        words = arguments[2:]
    else:
        other, words = None, arguments
    query = parse_query(words, now_microseconds())
    if isinstance(query, InvalidQuery):
        context.reject(query.reason, query.subject)
        return
    position = context.hub.reading_position(context.session, other or "")
    if position is None:
        return
    context.batch.flush()  # earlier messages must not wait for the disk
    if other is None:
        context.reply(values.EncodedLines(_room_page(context, position, query)))
        return
    context.reply(values.EncodedLines(_private_page(context, position, query, other)))
    context.hub.read_private(context.session, other)


def _room_page(context: CommandContext, position: ReadingPosition, query: HistoryQuery) -> bytes:
    history = context.history
    reader = reader_of(context, position)
    bound = query.bound
    if bound is None:
        bound = history.read_marker(reader.user, reader.room) if query.direction else 0
    request = _page_request(query, bound, position.entered)
    page = history.room_page(reader, request)
    head = history_replies.history_of(position.room)
    return render_page(head, page, request.newest, later=query.direction or "after")


def _private_page(
    context: CommandContext, position: ReadingPosition, query: HistoryQuery, other: str
) -> bytes:
    history, user = context.history, context.session.user
    bound = query.bound
    if bound is None:
        bound = history.private_read_marker(user, other) if query.direction else 0
    request = _page_request(query, bound, position.private_bound)
    page = history.private_page(user, other, request)
    head = history_replies.history_with(other)
    return render_page(head, page, request.newest, other=other, later=query.direction or "after")


def _page_request(query: HistoryQuery, bound: int, newest_not_live: int) -> PageRequest:
    """Return the request for a page. `new` ends where the live messages of the session begin."""
    match query.direction:
        case "new":
            return PageRequest(query.count, bound, newest_not_live + 1, newest=False)
        case "before":
            return PageRequest(query.count, before=bound)
        case "after":
            return PageRequest(query.count, bound, newest=False)
    return PageRequest(query.count)


def reader_of(context: CommandContext, position: ReadingPosition) -> Reader:
    """Return what the history needs to know of the session."""
    return Reader(context.session.user, position.room, position.subscriptions)


def search(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Send the newest messages of the user's room that contain all words of a cleaned text."""
    (text,) = arguments
    position = context.hub.reading_position(context.session)
    if position is None:
        return
    context.batch.flush()
    try:
        page = context.history.search(reader_of(context, position), text.split())
    except SearchTooSlowError:
        context.reject(RejectReason.SEARCH_TOO_SLOW)
    else:
        data = render_search(history_replies.found_in(position.room), page)
        context.reply(values.EncodedLines(data))


def erase(context: CommandContext, arguments: tuple[str, ...]) -> None:
    """Erase the message with a stamp. An operator may also name a user: all messages in rooms."""
    (word,) = arguments
    stamp = parse_stamp(word)
    author = canonical_name(word) if stamp is None else None
    if author is not None and not context.is_operator:
        context.reject(RejectReason.OPERATORS_ONLY, "/erase <user>")
        return
    context.batch.flush()
    if context.hub.is_shared:
        record = context.hub.erase(
            context.session, stamp or 0, author or "", is_operator=context.is_operator
        )
        if record is None:
            return
        erasure = context.history.erased(record)
        count, author = erasure.count, erasure.author
    else:
        count, author = _erase(context.history, context, stamp, author)
    if not count:
        context.reject(RejectReason.NOTHING_TO_ERASE, word)
        return
    context.services.log.erased(context.session.user, author, count)
    context.reply(values.MessagesErased(count, author))


def _erase(
    history: History, context: CommandContext, stamp: int | None, author: str | None
) -> tuple[int, str]:
    """Erase one message or all messages by an author. Return their number and the author."""
    if stamp is not None:
        user = context.session.user
        found = history.erase_message(stamp, user, is_operator=context.is_operator)
        return (0, "") if found is None else (1, found)
    return (0, "") if author is None else (history.erase_messages_by(author), author)
