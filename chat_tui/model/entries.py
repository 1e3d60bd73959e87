"""One entry of a room's log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final


class EntryKind(Enum):
    """What an entry is: how it is drawn."""

    MESSAGE = "message"
    ACTION = "action"
    PRIVATE = "private"
    SERVER = "server"
    """An answer of the server to what was typed, or a line of its own accord."""
    ANNOUNCEMENT = "announcement"
    """What an operator said to everyone on the server: addressed to each, and no talk."""
    ERROR = "error"
    NOTICE = "notice"
    """Somebody came or went."""
    GAP = "gap"
    """We were away: what was said meanwhile is missing."""


LOG_NOTICE_KINDS: Final = {
    "reply": EntryKind.SERVER,
    "error": EntryKind.ERROR,
    "notice": EntryKind.NOTICE,
}
"""What a `ServerLine` becomes, by its kind."""


class EntryState(Enum):
    """What is known about an own message; everything else is SENT."""

    SENT = "sent"
    PENDING = "pending"
    """Handed to the connection; the server has not said yet that it took it."""
    UNCONFIRMED = "unconfirmed"
    """The connection broke first: it may have arrived. Can be sent again, by a key only."""
    RESENT = "resent"
    """Was unconfirmed, and was sent again as a newer entry."""
    DISMISSED = "let go"
    """Was unconfirmed, and nobody wants to send it again."""
    REJECTED = "refused"
    """The server said that it reached nobody."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of talk. All text is safe for a terminal.

    `id` is unique and rises by one within a room's log. `timestamp` is local time without zone.
    `author` and `recipient` are empty where there is none; `own`: we said it.
    """

    id: int
    kind: EntryKind
    timestamp: datetime
    author: str
    text: str
    own: bool = False
    state: EntryState = EntryState.SENT
    recipient: str = ""
