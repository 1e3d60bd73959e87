"""The texts about operators, kicks and bans, and their parsers. See `replies.py`. Pure."""

from __future__ import annotations

from math import ceil
from typing import Final

from chat_server.wire.protocol import quoted_in_reply
from chat_server.wire.reply_patterns import both_groups, first_group, reply_pattern

BANNED_ACCOUNT: Final = "This account is banned"
BANNED_ADDRESS: Final = "Your address is banned"
MAX_BAN_MINUTES: Final = 525_600
"""Most minutes of a `/ban`: a year."""
BAD_MINUTES: Final = f"Minutes are a whole number from 1 to {MAX_BAN_MINUTES}"
TOO_MANY_BANS: Final = "Too many bans; end some with /unban"
_KICKED: Final = "Logged out by an operator"


def kicked(reason: str) -> str:
    """The last line of a session that an operator ended. `reason` is cleaned and may be empty."""
    return f"{_KICKED}: {reason}" if reason else _KICKED


def banned(what: str, seconds: float | None) -> str:
    """The error for a banned account or address. `what`: `BANNED_ACCOUNT` or `BANNED_ADDRESS`.

    `seconds` until the ban ends, rounded up to whole seconds. None: until the server stops.
    """
    return what if seconds is None else f"{what}; try again in {max(1, ceil(seconds))} s"


def kick_reply(name: str) -> str:
    """The reply to `/kick`, for the operator."""
    return f"Kicked {name}"


def ban_reply(name: str, minutes: int | None) -> str:
    """The reply to `/ban`. `minutes`: None until the server stops."""
    return f"Banned {name} {ban_duration(minutes)}"


def ban_duration(minutes: int | None) -> str:
    """The duration of a ban, in the same form for the operator and the banned user."""
    return "until the server stops" if minutes is None else f"for {minutes} min"


def unban_reply(name: str) -> str:
    """The reply to `/unban`."""
    return f"Unbanned {name}"


def not_logged_in(name: str) -> str:
    """The error for a `/kick` of a user without a session."""
    return f"Not logged in: {quoted_in_reply(name)}"


def not_banned(name: str) -> str:
    """The error for an `/unban` of an account or address that is not banned."""
    return f"Not banned: {quoted_in_reply(name)}"


def cannot_ban(name: str, reason: str) -> str:
    """The error for a `/ban` that no operator may do."""
    return f"Can't ban {quoted_in_reply(name)}: {reason}"


def operators_only(word: str) -> str:
    """The error for an operator's command from any other user."""
    return f"Only operators may use {word}"


def announcement(user: str, text: str) -> str:
    """The notice of an operator to every session on the server, whatever its subscriptions."""
    return f"Announcement from {user}: {text}"


_BANNED: Final = reply_pattern(rf"({BANNED_ACCOUNT}|{BANNED_ADDRESS})(?:; .*)?")
_BAN: Final = reply_pattern(r"(?:your address is )?banned (?:until the server stops|for \d+ min)")
_KICKED_WITH_REASON: Final = reply_pattern(rf"{_KICKED}: (.*)")
_ANNOUNCEMENT: Final = reply_pattern(r"Announcement from ([^ :]+): (.*)")


def parse_kicked(text: str) -> str | None:
    """Return the reason for which an operator ended the session (may be empty), or None."""
    if text == _KICKED:
        return ""
    return first_group(_KICKED_WITH_REASON, text)


def is_ban(reason: str) -> bool:
    """Return whether the reason for ending a session is that a ban began."""
    return _BAN.fullmatch(reason) is not None


def parse_banned(text: str) -> str | None:
    """Return what is banned according to an error: `BANNED_ACCOUNT`, `BANNED_ADDRESS`, or None.

    `parse_retry_after` returns for how long.
    """
    return first_group(_BANNED, text)


def parse_announcement(text: str) -> tuple[str, str] | None:
    """Return the operator and the text of an announcement, or None."""
    return both_groups(_ANNOUNCEMENT, text)
