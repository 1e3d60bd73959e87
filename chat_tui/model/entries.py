"""Entry: one entry of a log, its kinds and states."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple


class EntryKind(Enum):
    """What an entry is. It decides how the entry is drawn."""

    MESSAGE = "message"
    ACTION = "action"
    PRIVATE = "private"
    SERVER = "server"
    """A line of the server: a reply to the user, or a notice about the session."""
    ANNOUNCEMENT = "announcement"
    """A message of an operator to everyone on the server. It alerts and is not part of a room."""
    ERROR = "error"
    NOTICE = "notice"
    """A notice of the server or the client: a person joined or left (`Entry.presence`)."""
    GAP = "gap"
    """The client was not in the room or not connected: messages may be missing."""


LOG_NOTICE_KINDS: Final = {
    "reply": EntryKind.SERVER,
    "error": EntryKind.ERROR,
    "notice": EntryKind.NOTICE,
}
"""The kind of entry for each kind of `LogNotice`."""


class EntryState(Enum):
    """What is known about an own message. All other entries are SENT."""

    SENT = "sent"
    PENDING = "pending"
    """Handed to the connection; the server has not confirmed it yet."""
    UNCONFIRMED = "unconfirmed"
    """The connection broke before the confirmation: it may have arrived. Only the user resends."""
    RESENT = "resent"
    """It was unconfirmed, and was sent again as a newer entry."""
    DISMISSED = "dismissed"
    """It was unconfirmed, and the user chose not to send it again."""
    KEPT = "kept"
    """A private message that the server keeps until its recipient is back."""
    REJECTED = "rejected"
    """The server rejected it: there was no receiver."""


class Presence(NamedTuple):
    """A person joined the room, or left it."""

    name: str
    joined: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One message or notice in a log. All text is safe for a terminal.

    `id` is unique within a log and rises by one. `timestamp` is local time without a zone.
    `author` and `recipient` are empty if there is none. `own`: the user is the author. `presence`:
    only of a notice that a person joined or left.
    """

    id: int
    kind: EntryKind
    timestamp: datetime
    author: str
    text: str
    own: bool = False
    state: EntryState = EntryState.SENT
    recipient: str = ""
    presence: Presence | None = None
    stamp: str = ""
    """The server's stamp of a message. Empty if there is none, or none is known."""
    past: bool = False
    """The message was sent before the client first showed the location in this session."""
