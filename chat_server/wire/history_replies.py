"""The texts of the message history, and their parsers. See `replies.py`. Pure.

A page is a head, messages in rising order with remarks between them, and a foot. Its messages have
their stamps as times. Every stamp here is the text that `stamps.py` makes and reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from chat_server.wire.protocol import quoted_in_reply
from chat_server.wire.replies import list_lines, parse_list
from chat_server.wire.reply_patterns import both_groups, first_group, reply_pattern

MAX_HISTORY_COUNT: Final = 200
"""Most messages of a page."""

MAX_UNREAD_COUNT: Final = 1000
"""Unread messages are counted up to this number, which is then shown as `1000+`."""

BAD_COUNT: Final = f"The count must be a whole number from 1 to {MAX_HISTORY_COUNT}"
SEARCH_TOO_SLOW: Final = "The search took too long; use rarer words"
HISTORY_UNAVAILABLE: Final = "History is not available now; try again"

_END: Final = "End of history"
_UNREAD_HEAD: Final = "Unread: "
_TOO_MANY_WAITING: Final = "Not kept: too many messages are waiting for"


# Pages


def history_of(room: str) -> str:
    """The head of a page of a room."""
    return f"History of '{room}'"


def history_with(user: str) -> str:
    """The head of a page of private messages."""
    return f"History with {user}"


def found_in(room: str) -> str:
    """The head of a page with the result of a search."""
    return f"Found in '{room}'"


def end_of_history(earlier: str | None = None, later: str | None = None) -> str:
    """The foot of a page. `earlier`, `later`: the command that requests the next page, if any."""
    if earlier is not None:
        return f"{_END}; earlier: {earlier}"
    return _END if later is None else f"{_END}; later: {later}"


def continuation(direction: str, stamp: str, user: str | None = None) -> str:
    """A command for the next page: `direction` is `before`, `after` or `new`.

    `user`: the other user of private messages; None for the room that the user is in.
    """
    start = "/history" if user is None else f"/history with {user}"
    return f"{start} {direction} {stamp}"


def not_kept_before(stamp: str) -> str:
    """The remark in a page that the server no longer keeps the messages before a stamp."""
    return f"Not kept: messages before {stamp}"


def not_kept(count: int) -> str:
    """The remark in a page that the server could not store some messages."""
    return f"Not kept: {_messages(count)}"


_HISTORY_OF: Final = reply_pattern(r"History of '([^']+)'")
_HISTORY_WITH: Final = reply_pattern(r"History with ([^ ]+)")
_FOUND_IN: Final = reply_pattern(r"Found in '([^']+)'")
_FOOT: Final = reply_pattern(rf"{_END}(?:; (earlier|later): (/.+))?")
_CONTINUATION: Final = reply_pattern(
    r"/history(?: with [^ ]+)? (?:before|after|new) ([0-9T:.+-]{32})"
)
_NOT_KEPT_BEFORE: Final = reply_pattern(r"Not kept: messages before ([0-9T:.+-]{32})")
_NOT_KEPT: Final = reply_pattern(r"Not kept: ([0-9]{1,18}) messages?")


class PageFoot(NamedTuple):
    """The foot of a page: the commands that request the next page. None if there is no more."""

    earlier: str | None = None
    later: str | None = None


def parse_history_of(text: str) -> str | None:
    """Return the room in the head of a page, or None."""
    return first_group(_HISTORY_OF, text)


def parse_history_with(text: str) -> str | None:
    """Return the other user in the head of a page of private messages, or None."""
    return first_group(_HISTORY_WITH, text)


def parse_found_in(text: str) -> str | None:
    """Return the room in the head of the result of a search, or None."""
    return first_group(_FOUND_IN, text)


def parse_end_of_history(text: str) -> PageFoot | None:
    """Return the continuations in the foot of a page, or None."""
    match = _FOOT.fullmatch(text)
    if match is None:
        return None
    if match[1] == "earlier":
        return PageFoot(earlier=match[2])
    return PageFoot(later=match[2])


def parse_continuation(command: str) -> str | None:
    """Return the stamp in a command of `continuation`, as text, or None."""
    return first_group(_CONTINUATION, command)


def parse_not_kept_before(text: str) -> str | None:
    """Return the stamp before which messages are no longer kept, as text, or None."""
    return first_group(_NOT_KEPT_BEFORE, text)


def parse_not_kept(text: str) -> int | None:
    """Return how many messages the server could not store at this place of a page, or None."""
    count = first_group(_NOT_KEPT, text)
    return None if count is None else int(count)


# Unread numbers


@dataclass(frozen=True, slots=True)
class UnreadPlace:
    """The number of unread messages in a room, or of unread private messages by one user."""

    name: str
    """The room, or the other user."""
    count: int
    """`MAX_UNREAD_COUNT` means at least so many."""
    mentions: int = 0
    """How many of them mention the user."""
    is_private: bool = False


def unread(places: Iterable[UnreadPlace]) -> list[str]:
    """The reply to `/unread`, and the notice of numbers that have changed, in the given order."""
    return list_lines(_UNREAD_HEAD, [_unread_item(place) for place in places])


def _unread_item(place: UnreadPlace) -> str:
    name = f"@{place.name}" if place.is_private else place.name
    mentions = f" @{_up_to_limit(place.mentions)}" if place.mentions else ""
    return f"{name} ({_up_to_limit(place.count)}{mentions})"


def _up_to_limit(count: int) -> str:
    return f"{MAX_UNREAD_COUNT}+" if count >= MAX_UNREAD_COUNT else str(count)


def unread_notices(on: bool) -> str:
    """The reply to `/unread on` and `/unread off`."""
    return f"Unread {'on' if on else 'off'}"


def stamps(on: bool) -> str:
    """The reply to `/stamps on` and `/stamps off`."""
    return f"Stamps {'on' if on else 'off'}"


_UNREAD_ITEM: Final = reply_pattern(
    r"(?P<private>@)?(?P<name>[^ ]+) \((?P<count>[0-9]{1,9})\+?(?: @(?P<mentions>[0-9]{1,9})\+?)?\)"
)
_UNREAD_NOTICES: Final = reply_pattern(r"Unread (on|off)")
_STAMPS: Final = reply_pattern(r"Stamps (on|off)")


def parse_unread(text: str) -> tuple[list[UnreadPlace], bool] | None:
    """Return the places in a line of `Unread`, and whether more lines follow, or None."""
    part = parse_list(_UNREAD_HEAD, text)
    if part is None:
        return None
    matches = [_UNREAD_ITEM.fullmatch(item) for item in part.items]
    places = [
        UnreadPlace(each["name"], int(each["count"]), int(each["mentions"] or 0), bool(each[1]))
        for each in matches
        if each is not None
    ]
    return places, part.more


def parse_unread_notices(text: str) -> bool | None:
    """Return whether unread notices are on, by the reply that changed it, or None."""
    return _parse_switch(first_group(_UNREAD_NOTICES, text))


def parse_stamps(text: str) -> bool | None:
    """Return whether live messages have stamps, by the reply that changed it, or None."""
    return _parse_switch(first_group(_STAMPS, text))


def _parse_switch(value: str | None) -> bool | None:
    return None if value is None else value == "on"


# Kept private messages


def kept_for(name: str) -> str:
    """The reply to a `/msg` that the recipient does not get now, but later."""
    return f"Kept for {name}"


def too_many_waiting(name: str) -> str:
    """The error for a `/msg` that cannot be kept: too many wait for the recipient."""
    return f"{_TOO_MANY_WAITING} {quoted_in_reply(name)}"


_KEPT_FOR: Final = reply_pattern(r"Kept for ([^ ]+)")
_TOO_MANY: Final = reply_pattern(rf"{_TOO_MANY_WAITING} (.*)")


def parse_kept_for(text: str) -> str | None:
    """Return the recipient in `Kept for <name>`, or None."""
    return first_group(_KEPT_FOR, text)


def parse_too_many_waiting(text: str) -> str | None:
    """Return the quoted name of the recipient for which too many messages wait, or None."""
    return first_group(_TOO_MANY, text)


# Erasing


def erased(count: int, author: str) -> str:
    """The reply to `/erase`."""
    return f"Erased {_messages(count)} by {author}"


def nothing_to_erase(word: str) -> str:
    """The error for an `/erase` that no message matches."""
    return f"Nothing to erase: {quoted_in_reply(word)}"


def no_such_time(word: str) -> str:
    """The error for a time that the server does not understand."""
    return f"No such time: {quoted_in_reply(word)}"


_ERASED: Final = reply_pattern(r"Erased ([0-9]{1,18}) messages? by ([^ ]+)")
_NOTHING_TO_ERASE: Final = reply_pattern(r"Nothing to erase: (.*)")
_NO_SUCH_TIME: Final = reply_pattern(r"No such time: (.*)")


def parse_erased(text: str) -> tuple[int, str] | None:
    """Return how many messages were erased, and their author, or None."""
    found = both_groups(_ERASED, text)
    return None if found is None else (int(found[0]), found[1])


def parse_nothing_to_erase(text: str) -> str | None:
    """Return the quoted argument of an `/erase` that no message matches, or None."""
    return first_group(_NOTHING_TO_ERASE, text)


def parse_no_such_time(text: str) -> str | None:
    """Return the quoted word that is not a time, or None."""
    return first_group(_NO_SUCH_TIME, text)


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"
