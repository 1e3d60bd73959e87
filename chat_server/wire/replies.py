"""The texts that the server sends, and the parsers by which a client recognizes them.

Each text here follows `[SERVER] ` or `[ERROR] ` on the line. The maker of a text and its parser are
in the same module, so that neither changes alone. The tests use the same names. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Final

from chat_server.wire.operator_replies import BANNED_ACCOUNT, BANNED_ADDRESS
from chat_server.wire.protocol import (
    CLIENT_LINE_LIMIT,
    LIST_LINE_LIMIT,
    REPLY_MARK,
    quoted_in_reply,
)
from chat_server.wire.reply_patterns import both_groups, first_group, reply_pattern

# Replies and notices: after "[SERVER] ".
LOGIN_PROMPT: Final = "Login using: LOGIN <username> <password>"
LOGIN_SUCCESSFUL: Final = "Login successful"
SERVERS_DISCONNECTED: Final = (
    "Disconnected from the other servers; your messages will be sent later"
)
SERVERS_CONNECTED: Final = "Connected to the other servers again"
LOGGED_OUT_BY_NEW_LOGIN: Final = "Logged out due to new login"
LOGGED_OUT_ACCOUNT_REMOVED: Final = "Logged out: this account was removed"
LOGGED_OUT_ACCOUNT_DISABLED: Final = "Logged out: this account was disabled"
PASSWORD_CHANGED: Final = "Password changed"
SHUTTING_DOWN: Final = "Server is shutting down"
GOODBYE: Final = "Goodbye"
LEGACY_WELCOME: Final = "Welcome to the chat server"
"""The line that the first servers send before the login prompt (section 6)."""

# Errors: after "[ERROR] ".
INVALID_LOGIN_FORMAT: Final = "Invalid login format"
AUTHENTICATION_FAILED: Final = "Authentication failed"
WRONG_PASSWORD: Final = "Wrong password"
"""The error of `/passwd` for a wrong old password. For an invalid new one it is the rule."""
DEMO_PASSWORD_REFUSED: Final = "Everybody knows the demo password; choose another"
PASSWORD_NOT_STORED: Final = "Password not changed: the server can't write its users file"
ACCOUNTS_BUSY: Final = "Password not changed: the accounts are being changed; try again"
LOGIN_TIMED_OUT: Final = "Login timed out"
TOO_MUCH_BEFORE_LOGIN: Final = "Too much input before the LOGIN line"
TOO_MANY_CONNECTIONS: Final = "Too many connections from your address; try again later"
SERVER_FULL: Final = "Server is full; try again later"
SERVERS_UNREACHABLE: Final = "The servers cannot reach each other; try again later"
TLS_ONLY: Final = "This port speaks TLS alone: connect with ncat --ssl or openssl s_client -quiet"
PLAINTEXT_ONLY: Final = "This port speaks plain text: TLS has a port of its own"
PROXY_HEADER_REQUIRED: Final = "No valid PROXY header: connect to the load balancer instead"
LINE_TOO_LONG: Final = f"Line too long (limit {CLIENT_LINE_LIMIT} bytes)"
LINE_TRUNCATED: Final = "Last line was cut short, and not taken: end a line with LF"
"""Inside TLS, an end without close_notify may be caused by an attacker."""
LINE_NOT_UTF8: Final = "Line is not valid UTF-8"
LEGACY_CANNOT_SUBSCRIBE: Final = "Cannot subscribe (user offline or different room)"
"""The error of the first servers for a rejected subscription (section 6)."""


_TOO_MANY_LOGINS: Final = "Too many logins are waiting"
_LOGGED_OUT: Final = "Logged out"
"""The start of every last line that ends a session for good, for whatever reason."""
_COMMANDS_HEAD: Final = "Available commands: "
_ROOMS_HEAD: Final = "Active rooms: "
_SUBSCRIPTIONS_HEAD: Final = "Subscriptions: "
_NONE: Final = "none"


def too_many_failures(seconds: float) -> str:
    """`seconds` until the address may try again, shown as whole seconds, rounded up, at least 1."""
    return f"Too many failed logins; try again in {max(1, ceil(seconds))} s"


def too_many_logins(seconds: float) -> str:
    """The error for a login that waited too long for its turn. `seconds` as above."""
    return f"{_TOO_MANY_LOGINS}; try again in {max(1, ceil(seconds))} s"


def joined(room: str) -> str:
    """The reply to a `/join` that changed the room."""
    return f"Joined room '{room}'"


def already_in(room: str) -> str:
    """The reply to a `/join` of the current room."""
    return f"You are already in room '{room}'"


def invalid_room(name: str) -> str:
    """The error for a `/join` of an invalid room name."""
    return f"Invalid room name: {quoted_in_reply(name)}"


def similar_room(name: str, room: str) -> str:
    """The error for a `/join` that would open a room whose name looks like that of `room`."""
    return f"Can't open {quoted_in_reply(name)}: it looks like room '{room}'"


def no_such_room(name: str) -> str:
    """The error for a `/who` of a room that does not exist."""
    return f"No such room: {quoted_in_reply(name)}"


def no_such_user(name: str) -> str:
    """The error for a `/subscribe` to a user without an account."""
    return f"No such user: {quoted_in_reply(name)}"


def subscribed(name: str) -> str:
    """The reply to `/subscribe`."""
    return f"Subscribed to {name}"


def unsubscribed(name: str) -> str:
    """The reply to `/unsubscribe`, which succeeds for any name."""
    return f"Unsubscribed from {quoted_in_reply(name)}"


def sent_to(name: str) -> str:
    """The reply to a `/msg` that was sent to its recipient."""
    return f"Sent to {name}"


def not_delivered(name: str) -> str:
    """The error for a `/msg` that was not sent. It does not reveal a subscription of the user."""
    return f"Not delivered: {quoted_in_reply(name)} is offline or not subscribed to you"


def presence(on: bool) -> str:
    """The reply to `/presence on` and `/presence off`."""
    return f"Presence {'on' if on else 'off'}"


def help_line(syntax: str, help_text: str) -> str:
    """One line of the reply to `/help`."""
    return f"{syntax} - {help_text}"


def usage(syntax: str) -> str:
    """The error for a command with a wrong number of words."""
    return f"Usage: {syntax}"


def unknown_command(word: str) -> str:
    """The error for any other `/word`."""
    return f"Unknown command: {quoted_in_reply(word)} (try /help)"


def person_joined(name: str, room: str) -> str:
    """The presence notice that a user joined the room."""
    return f"{name} joined room '{room}'"


def person_left(name: str, room: str) -> str:
    """The presence notice that a user left the room."""
    return f"{name} left room '{room}'"


def room_opened(room: str) -> str:
    """The presence notice that a room got its first member."""
    return f"Room '{room}' opened"


def room_closed(room: str) -> str:
    """The presence notice that a room lost its last member."""
    return f"Room '{room}' closed"


def available_commands(commands: Iterable[str]) -> list[str]:
    """The list of commands, with their slashes, that follows a successful login."""
    return list_lines(_COMMANDS_HEAD, list(commands))


def active_rooms(counted: Iterable[tuple[str, int]]) -> list[str]:
    """The reply to `/rooms`: rooms with their numbers of members, in the given order."""
    return list_lines(_ROOMS_HEAD, [f"{room} ({members})" for room, members in counted])


def subscriptions(names: list[str]) -> list[str]:
    """The reply to `/subs`, in the given order."""
    return list_lines(_SUBSCRIPTIONS_HEAD, names)


def members(room: str, names: list[str]) -> list[str]:
    """The reply to `/who`, in the given order."""
    return list_lines(f"In room '{room}': ", names)


def list_lines(head: str, items: list[str]) -> list[str]:
    """Return a list as lines (section 1): each has the whole head, all but the last end in `,`.

    A line with its `[SERVER] ` has at most `LIST_LINE_LIMIT` bytes. An empty list is `none`.
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
    """One line of a list. `more` is True if another line of the same list follows."""

    items: tuple[str, ...]
    more: bool


def parse_list(head: str, text: str) -> ListPart | None:
    """Return the items in a line of a list with this head, or None."""
    if not text.startswith(head.rstrip()):
        return None
    body = text[len(head) :].strip()
    more = body.endswith(",")
    items = tuple(item for item in (part.strip() for part in body.split(",")) if item)
    return ListPart(() if items == (_NONE,) else items, more)


def parse_available_commands(text: str) -> ListPart | None:
    """Return the commands in a line of `Available commands`, or None."""
    return parse_list(_COMMANDS_HEAD, text)


_COUNTED: Final = re.compile(r"(?P<room>.+) \((?P<members>\d+)\)")


def parse_active_rooms(text: str) -> tuple[list[tuple[str, int | None]], bool] | None:
    """Return the rooms in a line of `Active rooms` and whether more follow, or None.

    The number of members is None if the server does not send it (section 6).
    """
    part = parse_list(_ROOMS_HEAD, text)
    if part is None:
        return None
    rooms: list[tuple[str, int | None]] = []
    for item in part.items:
        match = _COUNTED.fullmatch(item)
        rooms.append((match["room"], int(match["members"])) if match else (item, None))
    return rooms, part.more


def parse_subscriptions(text: str) -> ListPart | None:
    """Return the names in a line of `Subscriptions`, or None."""
    return parse_list(_SUBSCRIPTIONS_HEAD, text)


_MEMBERS: Final = re.compile(r"(?P<head>In room '(?P<room>[^']*)': ?).*", re.DOTALL)


def parse_members(text: str) -> tuple[str, ListPart] | None:
    """Return the room and the names in a line of the reply to `/who`, or None."""
    match = _MEMBERS.fullmatch(text)
    if match is None:
        return None
    part = parse_list(match["head"], text)
    return None if part is None else (match["room"], part)


_JOINED: Final = reply_pattern(r"Joined room '(.+)'")
_ALREADY_IN: Final = reply_pattern(r"You are already in room '(.+)'")
_SUBSCRIBED: Final = reply_pattern(r"Subscribed to (.+)")
_UNSUBSCRIBED: Final = reply_pattern(r"Unsubscribed from (.*)")
_SENT_TO: Final = reply_pattern(r"Sent to ([^ ]+)")
_PERSON_JOINED: Final = reply_pattern(r"([^ ]+) joined room '([^']+)'")
_PERSON_LEFT: Final = reply_pattern(r"([^ ]+) left room '([^']+)'")
_ROOM_OPENED: Final = reply_pattern(r"Room '([^']+)' opened")
_ROOM_CLOSED: Final = reply_pattern(r"Room '([^']+)' closed")
_RETRY: Final = reply_pattern(
    rf"(?:Too many failed logins|{_TOO_MANY_LOGINS}|{BANNED_ACCOUNT}|{BANNED_ADDRESS})"
    r"; try again in (\d{1,9}) s"
)


def parse_joined(text: str) -> str | None:
    """Return the current room in a reply to `/join`, whether or not it changed, or None."""
    return first_group(_JOINED, text) or first_group(_ALREADY_IN, text)


def parse_subscribed(text: str) -> str | None:
    """Return the name in `Subscribed to <name>`, or None."""
    return first_group(_SUBSCRIBED, text)


def parse_unsubscribed(text: str) -> str | None:
    """Return the name in `Unsubscribed from <name>`, or None."""
    return first_group(_UNSUBSCRIBED, text)


def parse_sent_to(text: str) -> str | None:
    """Return the recipient in `Sent to <name>`, or None."""
    return first_group(_SENT_TO, text)


def parse_person_joined(text: str) -> tuple[str, str] | None:
    """Return the name and the room in a presence notice, or None."""
    return both_groups(_PERSON_JOINED, text)


def parse_person_left(text: str) -> tuple[str, str] | None:
    """Return the name and the room in a presence notice, or None."""
    return both_groups(_PERSON_LEFT, text)


def parse_room_opened(text: str) -> str | None:
    """Return the room in a presence notice, or None."""
    return first_group(_ROOM_OPENED, text)


def parse_room_closed(text: str) -> str | None:
    """Return the room in a presence notice, or None."""
    return first_group(_ROOM_CLOSED, text)


def parse_retry_after(text: str) -> int | None:
    """Return the seconds until this address or account may log in again, or None."""
    seconds = first_group(_RETRY, text)
    return None if seconds is None else int(seconds)


def is_too_many_logins(text: str) -> bool:
    """Return whether a login was rejected because it waited too long for its turn."""
    return text.startswith(_TOO_MANY_LOGINS)


def is_logged_out(text: str) -> bool:
    """Return whether a reply ends the session for good, so that a client must not reconnect."""
    return text.startswith(_LOGGED_OUT)


def parse_servers_notice(text: str) -> bool | None:
    """Return True if the server reports that it reached the other servers again, False if it lost
    them, and None for any other reply."""
    return {SERVERS_CONNECTED: True, SERVERS_DISCONNECTED: False}.get(text)


def is_servers_unreachable(text: str) -> bool:
    """Return whether this error rejects a login only because the servers cannot reach each other.

    The user and the password were not checked, or are right. A later login may succeed.
    """
    return text == SERVERS_UNREACHABLE


_INVALID_ROOM: Final = reply_pattern(r"Invalid room name: (.*)")
_SIMILAR_ROOM: Final = reply_pattern(r"Can't open (.*): it looks like room '([^']*)'")
_NO_SUCH_ROOM: Final = reply_pattern(r"No such room: (.*)")
_NO_SUCH_USER: Final = reply_pattern(r"No such user: (.*)")
_NOT_DELIVERED: Final = reply_pattern(r"Not delivered: (.*) is offline or not subscribed to you")
_USAGE: Final = reply_pattern(r"Usage: (/[^ ]*).*")
_UNKNOWN_COMMAND: Final = reply_pattern(r"Unknown command: (/[^ ]*).*")


def parse_invalid_room(text: str) -> str | None:
    """Return the quoted name that is not a valid room name, or None."""
    return first_group(_INVALID_ROOM, text)


def parse_similar_room(text: str) -> str | None:
    """Return the quoted name of the room that cannot be opened, or None."""
    return first_group(_SIMILAR_ROOM, text)


def parse_no_such_room(text: str) -> str | None:
    """Return the quoted name of the room that does not exist, or None."""
    return first_group(_NO_SUCH_ROOM, text)


def parse_no_such_user(text: str) -> str | None:
    """Return the quoted name of the user without an account, or None."""
    return first_group(_NO_SUCH_USER, text)


def parse_not_delivered(text: str) -> str | None:
    """Return the quoted name that a `/msg` did not reach, or None."""
    return first_group(_NOT_DELIVERED, text)


def parse_usage(text: str) -> str | None:
    """Return the command that was misused, with its slash, or None."""
    return first_group(_USAGE, text)


def parse_unknown_command(text: str) -> str | None:
    """Return the unknown command as it was quoted, with its slash, or None."""
    return first_group(_UNKNOWN_COMMAND, text)
