"""The replies of the hub and of the commands to one session. Pure records.

They are outputs that change nothing. All others use them under the names in `values.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple, TypeAlias

from chat_server.wire import history_replies


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """The reply to the author of a delivered private message."""

    recipient: str


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """The reply to the author of a private message that is kept for its recipient."""

    recipient: str


@dataclass(frozen=True, slots=True)
class UnreadList:
    """The reply to `/unread`, and the notice of numbers that have changed."""

    places: tuple[history_replies.UnreadPlace, ...]
    not_kept_before: int = 0
    """The stamp before which messages are missing in the numbers. 0: none are."""


@dataclass(frozen=True, slots=True)
class MessagesErased:
    """The reply to `/erase`."""

    count: int
    author: str


class EncodedLines(NamedTuple):
    """Whole lines of the protocol, sent in one piece: a page of history.

    The one output that holds rendered text. A page is large, so it is rendered in the thread of
    its client before the hub's lock is taken.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class AlreadyInRoom:
    """The reply to a `/join` of the room that the user is in."""

    room: str


@dataclass(frozen=True, slots=True)
class RoomList:
    """The reply to `/rooms`: each room with its number of members, the lobby first."""

    rooms: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class MemberList:
    """The reply to `/who`: the members of a room by name."""

    room: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubscriptionList:
    """The reply to `/subs`: `*` first, then the publishers by name."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommandHelp:
    """The reply to `/help`: the syntax and the help text of each command."""

    commands: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """The reply to `/passwd`."""


@dataclass(frozen=True, slots=True)
class UserKicked:
    """The reply to `/kick`."""

    user: str


@dataclass(frozen=True, slots=True)
class BanStarted:
    """The reply to `/ban`."""

    subject: str
    """The user or the block of addresses."""
    minutes: int | None
    """None if the ban ends with the server."""


@dataclass(frozen=True, slots=True)
class BanEnded:
    """The reply to `/unban`."""

    subject: str
    """The user or the block of addresses."""


class RejectReason(Enum):
    """Why a request of a session is rejected."""

    # Lines
    LINE_TOO_LONG = auto()
    LINE_NOT_UTF8 = auto()
    LINE_TRUNCATED = auto()
    """The input ended within a line."""
    UNKNOWN_COMMAND = auto()
    """Subject: the command."""
    OPERATORS_ONLY = auto()
    """Subject: the command."""
    USAGE = auto()
    """The arguments do not match. Subject: the syntax."""

    # Names, which are the subject: as typed or in the canonical form
    INVALID_ROOM_NAME = auto()
    SIMILAR_ROOM = auto()
    """With `other`, the open room that the new one looks like."""
    NO_SUCH_ROOM = auto()
    NO_SUCH_USER = auto()
    NOT_LOGGED_IN = auto()
    NOT_BANNED = auto()
    NOT_DELIVERED = auto()
    """The recipient of a private message is unknown, disabled or the author. Without history, also
    if it is offline or not subscribed to the author. All of them are one reason, so the author does
    not learn which users follow which authors."""
    TOO_MANY_WAITING = auto()
    """Too many kept private messages wait for the recipient, which is the subject."""

    # History
    INVALID_COUNT = auto()
    NO_SUCH_TIME = auto()
    """Subject: the word."""
    SEARCH_TOO_SLOW = auto()
    NOTHING_TO_ERASE = auto()
    """Subject: the argument."""
    HISTORY_UNAVAILABLE = auto()

    # Bans. Subject: the user or the block of addresses
    INVALID_BAN_MINUTES = auto()
    TOO_MANY_BANS = auto()
    BAN_OF_OPERATOR = auto()
    BAN_OF_OWN_ADDRESS = auto()
    BAN_OF_LOOPBACK = auto()
    BAN_OF_TRUSTED_NETWORK = auto()

    # Passwords
    WRONG_PASSWORD = auto()
    TOO_MANY_FAILURES = auto()
    """With `retry_after`."""
    PASSWORD_RULE = auto()
    """Subject: the rule that the new password breaks, as a sentence."""
    DEMO_PASSWORD = auto()
    ACCOUNTS_BUSY = auto()
    PASSWORD_NOT_STORED = auto()


@dataclass(frozen=True, slots=True)
class Rejected:
    """The reply to a request that changes nothing."""

    reason: RejectReason
    subject: str = ""
    """The rejected name or argument, unsanitized; see `RejectReason`. Encoders clean it."""
    retry_after: float = 0.0
    """Seconds until the client may try again."""
    other: str = ""
    """The existing name that the subject looks like."""


HubReply: TypeAlias = (
    DeliveryReceipt
    | KeptReceipt
    | UnreadList
    | MessagesErased
    | EncodedLines
    | AlreadyInRoom
    | RoomList
    | MemberList
    | SubscriptionList
    | CommandHelp
    | PasswordChanged
    | UserKicked
    | BanStarted
    | BanEnded
    | Rejected
)
