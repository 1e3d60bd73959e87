"""The words of the server: what it says, and how a client recognises that it was said.

Each text here is what follows `[SERVER] ` or `[ERROR] ` on the line. The maker of a text and its
reader stand side by side, so that neither changes alone; the tests use the same names. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Final

from chat_server.wire.protocol import CLIENT_LINE_LIMIT, LIST_LINE_LIMIT, REPLY_MARK, echoed

# Replies and notices: after "[SERVER] ".
LOGIN_PROMPT: Final = "Login using: LOGIN <username> <password>"
LOGIN_SUCCESSFUL: Final = "Login successful"
LOGGED_OUT_BY_NEW_LOGIN: Final = "Logged out due to new login"
LOGGED_OUT_ACCOUNT_REMOVED: Final = "Logged out: this account was removed"
LOGGED_OUT_ACCOUNT_DISABLED: Final = "Logged out: this account was disabled"
PASSWORD_CHANGED: Final = "Password changed"
SHUTTING_DOWN: Final = "Server is shutting down"
GOODBYE: Final = "Goodbye"
LEGACY_WELCOME: Final = "Welcome to the chat server"
"""What the first servers say before the login prompt (section 6)."""

# Errors: after "[ERROR] ".
INVALID_LOGIN_FORMAT: Final = "Invalid login format"
AUTHENTICATION_FAILED: Final = "Authentication failed"
WRONG_PASSWORD: Final = "Wrong password"
"""How `/passwd` refuses the old password; a new one that can't be is told by its rule."""
DEMO_PASSWORD_REFUSED: Final = "Everybody knows the demo password; choose another"
PASSWORD_NOT_STORED: Final = "Password not changed: the server can't write its users file"
ACCOUNTS_BUSY: Final = "Password not changed: the accounts are being changed; try again"
LOGIN_TIMED_OUT: Final = "Login timed out"
TOO_MANY_CONNECTIONS: Final = "Too many connections from your address; try again later"
SERVER_FULL: Final = "Server is full; try again later"
TLS_ONLY: Final = "This port speaks TLS alone: connect with ncat --ssl or openssl s_client -quiet"
PLAINTEXT_ONLY: Final = "This port speaks plain text: TLS has a port of its own"
LINE_TOO_LONG: Final = f"Line too long (limit {CLIENT_LINE_LIMIT} bytes)"
LINE_CUT_SHORT: Final = "Last line was cut short, and not taken: end a line with LF"
"""Inside TLS an end that nobody announced may be somebody else's doing."""
LINE_NOT_UTF8: Final = "Line is not valid UTF-8"
LEGACY_CANNOT_SUBSCRIBE: Final = "Cannot subscribe (user offline or different room)"
"""How the first servers refuse a subscription (section 6)."""

BANNED_ACCOUNT: Final = "This account is banned"
BANNED_ADDRESS: Final = "Your address is banned"
MAX_BAN_MINUTES: Final = 525_600
"""Most minutes of a `/ban`: a year."""
BAD_MINUTES: Final = f"Minutes are a whole number from 1 to {MAX_BAN_MINUTES}"
TOO_MANY_BANS: Final = "Too many bans; end some with /unban"

_KICKED: Final = "Logged out by an operator"
_LOGGED_OUT: Final = "Logged out"
"""How every last line begins that ends a session for good, whoever ended it."""
_COMMANDS_HEAD: Final = "Available commands: "
_ROOMS_HEAD: Final = "Active rooms: "
_SUBSCRIPTIONS_HEAD: Final = "Subscriptions: "
_NONE: Final = "none"


def too_many_failures(seconds: float) -> str:
    """`seconds` until the address may try again; said in whole ones, rounded up, at least 1."""
    return f"Too many failed logins; try again in {max(1, ceil(seconds))} s"


def kicked(reason: str) -> str:
    """The last line of a session that an operator ended; `reason` is cleaned, and may be empty."""
    return f"{_KICKED}: {reason}" if reason else _KICKED


def banned(what: str, seconds: float | None) -> str:
    """The error for who is shut out. `what`: `BANNED_ACCOUNT` or `BANNED_ADDRESS`.

    `seconds` until the ban ends, in whole ones, rounded up; None where it ends with the server.
    """
    return what if seconds is None else f"{what}; try again in {max(1, ceil(seconds))} s"


def kicked_out(name: str) -> str:
    """The answer to `/kick`, to the operator."""
    return f"Kicked {name}"


def ban_begun(name: str, minutes: int | None) -> str:
    """The answer to `/ban`; `minutes` is None where the ban ends with the server."""
    return f"Banned {name} {ban_duration(minutes)}"


def ban_duration(minutes: int | None) -> str:
    """For how long somebody is banned, as it is said to both sides."""
    return "until the server stops" if minutes is None else f"for {minutes} min"


def ban_ended(name: str) -> str:
    """The answer to `/unban`."""
    return f"Unbanned {name}"


def not_logged_in(name: str) -> str:
    """The error for a `/kick` of who is not there."""
    return f"Not logged in: {echoed(name)}"


def not_banned(name: str) -> str:
    """The error for an `/unban` of who is not."""
    return f"Not banned: {echoed(name)}"


def cannot_ban(name: str, reason: str) -> str:
    """The error for a `/ban` of whom no operator may ban."""
    return f"Can't ban {echoed(name)}: {reason}"


def operators_only(word: str) -> str:
    """The error for an operator's command from anybody else."""
    return f"Only operators may use {word}"


def announcement(user: str, text: str) -> str:
    """What an operator says to everyone on the server, whomever they follow."""
    return f"Announcement from {user}: {text}"


def joined(room: str) -> str:
    """The answer to a `/join` that moved."""
    return f"Joined room '{room}'"


def already_in(room: str) -> str:
    """The answer to a `/join` of the room that one is in."""
    return f"You are already in room '{room}'"


def invalid_room(name: str) -> str:
    """The error for a `/join` of what can be no room."""
    return f"Invalid room name: {echoed(name)}"


def no_such_room(name: str) -> str:
    """The error for a `/who` of a room that is not there."""
    return f"No such room: {echoed(name)}"


def no_such_user(name: str) -> str:
    """The error for a `/subscribe` to who has no account."""
    return f"No such user: {echoed(name)}"


def subscribed(name: str) -> str:
    """The answer to `/subscribe`."""
    return f"Subscribed to {name}"


def unsubscribed(name: str) -> str:
    """The answer to `/unsubscribe`, which never fails on a name."""
    return f"Unsubscribed from {echoed(name)}"


def sent_to(name: str) -> str:
    """The answer to a `/msg` that its recipient was sent."""
    return f"Sent to {name}"


def not_delivered(name: str) -> str:
    """The error for a `/msg` that reached nobody: what one follows is one's own affair."""
    return f"Not delivered: {echoed(name)} is offline or not subscribed to you"


def presence(on: bool) -> str:
    """The answer to `/presence on` and `/presence off`."""
    return f"Presence {'on' if on else 'off'}"


def help_line(syntax: str, help_text: str) -> str:
    """One line of the answer to `/help`."""
    return f"{syntax} - {help_text}"


def usage(syntax: str) -> str:
    """The error for a command with a word too few or too many."""
    return f"Usage: {syntax}"


def unknown_command(word: str) -> str:
    """The error for any other `/word`."""
    return f"Unknown command: {echoed(word)} (try /help)"


def person_joined(name: str, room: str) -> str:
    """Presence: somebody came into the room one is in."""
    return f"{name} joined room '{room}'"


def person_left(name: str, room: str) -> str:
    """Presence: somebody left the room one is in."""
    return f"{name} left room '{room}'"


def room_opened(room: str) -> str:
    """Presence: a room got its first member."""
    return f"Room '{room}' opened"


def room_closed(room: str) -> str:
    """Presence: a room lost its last member."""
    return f"Room '{room}' closed"


def available_commands(commands: Iterable[str]) -> list[str]:
    """The list of commands, each with its slash, that follows a successful login."""
    return list_lines(_COMMANDS_HEAD, list(commands))


def active_rooms(counted: Iterable[tuple[str, int]]) -> list[str]:
    """The answer to `/rooms`: rooms and their numbers of members, in the order given."""
    return list_lines(_ROOMS_HEAD, [f"{room} ({members})" for room, members in counted])


def subscriptions(names: list[str]) -> list[str]:
    """The answer to `/subs`, in the order given."""
    return list_lines(_SUBSCRIPTIONS_HEAD, names)


def members(room: str, names: list[str]) -> list[str]:
    """The answer to `/who`, in the order given."""
    return list_lines(f"In room '{room}': ", names)


def list_lines(head: str, items: list[str]) -> list[str]:
    """A list as section 1 breaks it: each line has the whole head, all but the last end in `,`.

    A line with its `[SERVER] ` holds at most `LIST_LINE_LIMIT` bytes. No items: `none`.
    """
    lines: list[str] = []
    start = len((REPLY_MARK + head).encode())
    taken: list[str] = []
    size = start
    final = len(items) - 1
    for index, item in enumerate(items):
        width = len(item.encode())
        comma = 0 if index == final else 1
        if taken and size + 2 + width + comma > LIST_LINE_LIMIT:
            lines.append(f"{head}{', '.join(taken)},")
            taken, size = [], start
        size += width + (2 if taken else 0)
        taken.append(item)
    lines.append(head + (", ".join(taken) or _NONE))
    return lines


@dataclass(frozen=True, slots=True)
class ListPart:
    """One line of a list; `more` where another line of the same list follows."""

    items: tuple[str, ...]
    more: bool


def _parse_list(head: str, text: str) -> ListPart | None:
    if not text.startswith(head.rstrip()):
        return None
    body = text[len(head) :].strip()
    more = body.endswith(",")
    items = tuple(item for item in (part.strip() for part in body.split(",")) if item)
    return ListPart(() if items == (_NONE,) else items, more)


def parse_available_commands(text: str) -> ListPart | None:
    """The commands named by a line of `Available commands`, or None where it is none."""
    return _parse_list(_COMMANDS_HEAD, text)


_COUNTED: Final = re.compile(r"(?P<room>.+) \((?P<members>\d+)\)")


def parse_active_rooms(text: str) -> tuple[list[tuple[str, int | None]], bool] | None:
    """The rooms of a line of `Active rooms` and whether more follow, or None where it is none.

    The number of members is None where the server does not tell it (section 6).
    """
    part = _parse_list(_ROOMS_HEAD, text)
    if part is None:
        return None
    rooms: list[tuple[str, int | None]] = []
    for item in part.items:
        match = _COUNTED.fullmatch(item)
        rooms.append((match["room"], int(match["members"])) if match else (item, None))
    return rooms, part.more


def parse_subscriptions(text: str) -> ListPart | None:
    """The names of a line of `Subscriptions`, or None where it is none."""
    return _parse_list(_SUBSCRIPTIONS_HEAD, text)


_MEMBERS: Final = re.compile(r"(?P<head>In room '(?P<room>[^']*)': ?).*", re.DOTALL)


def parse_members(text: str) -> tuple[str, ListPart] | None:
    """The room and the names of a line that answers `/who`, or None where it is none."""
    match = _MEMBERS.fullmatch(text)
    if match is None:
        return None
    part = _parse_list(match["head"], text)
    return None if part is None else (match["room"], part)


def _parser(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


_JOINED: Final = _parser(r"Joined room '(.+)'")
_ALREADY_IN: Final = _parser(r"You are already in room '(.+)'")
_SUBSCRIBED: Final = _parser(r"Subscribed to (.+)")
_UNSUBSCRIBED: Final = _parser(r"Unsubscribed from (.*)")
_SENT_TO: Final = _parser(r"Sent to ([^ ]+)")
_PERSON_JOINED: Final = _parser(r"([^ ]+) joined room '([^']+)'")
_PERSON_LEFT: Final = _parser(r"([^ ]+) left room '([^']+)'")
_ROOM_OPENED: Final = _parser(r"Room '([^']+)' opened")
_ROOM_CLOSED: Final = _parser(r"Room '([^']+)' closed")
_RETRY: Final = _parser(
    rf"(?:Too many failed logins|{BANNED_ACCOUNT}|{BANNED_ADDRESS}); try again in (\d{{1,9}}) s"
)
_BANNED: Final = _parser(rf"({BANNED_ACCOUNT}|{BANNED_ADDRESS})(?:; .*)?")
_BAN: Final = _parser(r"(?:your address is )?banned (?:until the server stops|for \d+ min)")
_KICKED_WITH_REASON: Final = _parser(rf"{_KICKED}: (.*)")
_ANNOUNCEMENT: Final = _parser(r"Announcement from ([^ :]+): (.*)")


def _first_group(pattern: re.Pattern[str], text: str) -> str | None:
    match = pattern.fullmatch(text)
    return None if match is None else match[1]


def _both_groups(pattern: re.Pattern[str], text: str) -> tuple[str, str] | None:
    match = pattern.fullmatch(text)
    return None if match is None else (match[1], match[2])


def parse_joined(text: str) -> str | None:
    """The room that one is in after an answer to `/join`, moved or not, or None."""
    return _first_group(_JOINED, text) or _first_group(_ALREADY_IN, text)


def parse_subscribed(text: str) -> str | None:
    """The name in `Subscribed to <name>`, or None."""
    return _first_group(_SUBSCRIBED, text)


def parse_unsubscribed(text: str) -> str | None:
    """The name in `Unsubscribed from <name>`, or None."""
    return _first_group(_UNSUBSCRIBED, text)


def parse_sent_to(text: str) -> str | None:
    """The recipient in `Sent to <name>`, or None."""
    return _first_group(_SENT_TO, text)


def parse_person_joined(text: str) -> tuple[str, str] | None:
    """Name and room of a presence notice, or None."""
    return _both_groups(_PERSON_JOINED, text)


def parse_person_left(text: str) -> tuple[str, str] | None:
    """Name and room of a presence notice, or None."""
    return _both_groups(_PERSON_LEFT, text)


def parse_room_opened(text: str) -> str | None:
    """The room of a presence notice, or None."""
    return _first_group(_ROOM_OPENED, text)


def parse_room_closed(text: str) -> str | None:
    """The room of a presence notice, or None."""
    return _first_group(_ROOM_CLOSED, text)


def parse_retry_after(text: str) -> int | None:
    """Seconds until this address or account may try to log in again, or None."""
    seconds = _first_group(_RETRY, text)
    return None if seconds is None else int(seconds)


def is_logged_out(text: str) -> bool:
    """Whether a reply ends the session for good: coming back by itself would be unwelcome."""
    return text.startswith(_LOGGED_OUT)


def parse_kicked(text: str) -> str | None:
    """The reason that an operator gave for ending a session, maybe none (""), or None."""
    if text == _KICKED:
        return ""
    return _first_group(_KICKED_WITH_REASON, text)


def is_ban(reason: str) -> bool:
    """Whether the reason for ending a session is a ban that begins with it."""
    return _BAN.fullmatch(reason) is not None


def parse_banned(text: str) -> str | None:
    """Who is shut out, says an error: `BANNED_ACCOUNT`, `BANNED_ADDRESS`, or None.

    For how long, `parse_retry_after` tells.
    """
    return _first_group(_BANNED, text)


def parse_announcement(text: str) -> tuple[str, str] | None:
    """Who announced what, or None."""
    return _both_groups(_ANNOUNCEMENT, text)


_INVALID_ROOM: Final = _parser(r"Invalid room name: (.*)")
_NO_SUCH_ROOM: Final = _parser(r"No such room: (.*)")
_NO_SUCH_USER: Final = _parser(r"No such user: (.*)")
_NOT_DELIVERED: Final = _parser(r"Not delivered: (.*) is offline or not subscribed to you")
_USAGE: Final = _parser(r"Usage: (/[^ ]*).*")
_UNKNOWN_COMMAND: Final = _parser(r"Unknown command: (/[^ ]*).*")


def parse_invalid_room(text: str) -> str | None:
    """The name that can be no room, as it was echoed, or None."""
    return _first_group(_INVALID_ROOM, text)


def parse_no_such_room(text: str) -> str | None:
    """The name of the room that is not there, as it was echoed, or None."""
    return _first_group(_NO_SUCH_ROOM, text)


def parse_no_such_user(text: str) -> str | None:
    """The name of who has no account, as it was echoed, or None."""
    return _first_group(_NO_SUCH_USER, text)


def parse_not_delivered(text: str) -> str | None:
    """The name whom a `/msg` did not reach, as it was echoed, or None."""
    return _first_group(_NOT_DELIVERED, text)


def parse_usage(text: str) -> str | None:
    """The command that was misused, with its slash, or None."""
    return _first_group(_USAGE, text)


def parse_unknown_command(text: str) -> str | None:
    """The word that is no command, with its slash and as it was echoed, or None."""
    return _first_group(_UNKNOWN_COMMAND, text)
