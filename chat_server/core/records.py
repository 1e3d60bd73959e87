"""What history stores: the decisions of the hub, and changes of the accounts. Pure records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from chat_server.core.values import (
    AccountRenamed,
    PrivateMessageSent,
    PrivateMessagesRead,
    PublishedMessages,
    Subscribed,
    Unsubscribed,
    UserForgotten,
)

__all__ = [
    "DISORDERLY_SPAN",
    "AccountRenamed",
    "AccountsChanged",
    "PrivateMessageSent",
    "PrivateMessagesRead",
    "PublishedMessages",
    "Record",
    "SavedState",
    "Subscribed",
    "Unsubscribed",
    "UserForgotten",
    "VisitEnded",
    "VisitStarted",
]


DISORDERLY_SPAN: Final = 120_000_000
"""After an end that is not orderly, the read markers go back by this, in microseconds. A session
that vanishes is noticed after at most this time, and until then messages are sent into nothing."""


@dataclass(frozen=True, slots=True)
class VisitStarted:
    """A user entered a room, by login or by a command."""

    user: str
    room: str
    stamp: int
    """The newest stamp of the server at that moment."""
    is_return: bool = False
    """True if the user left the room a moment ago in the same session. Then the read marker may
    still go back to where it was at the first entry."""


@dataclass(frozen=True, slots=True)
class VisitEnded:
    """A user left a room, or the session ended in it, or soon after the user had left it.

    The last is recorded only if the session did not end orderly. The messages before the user left
    may not have arrived either.
    """

    user: str
    room: str
    stamp: int
    """The newest stamp of the server at that moment. After an end that is not orderly, the time of
    the end if it is later, but at most `DISORDERLY_SPAN` later. So what was delivered more than
    that before the end counts as received."""
    is_orderly: bool
    """True after a command or an orderly close: the client has received everything. False: it may
    have missed the last messages."""


@dataclass(frozen=True, slots=True)
class AccountsChanged:
    """The users file has changed. An account that was created at another time is a new one."""

    accounts: Mapping[str, str | None]
    """All accounts, disabled or not, with the text of their creation time if known."""


Record: TypeAlias = (
    PublishedMessages
    | PrivateMessageSent
    | PrivateMessagesRead
    | VisitStarted
    | VisitEnded
    | Subscribed
    | Unsubscribed
    | UserForgotten
    | AccountRenamed
    | AccountsChanged
)


@dataclass(frozen=True, slots=True)
class SavedState:
    """The part of the hub's state that outlives the server."""

    last_stamp: int = 0
    """All new stamps are above it. In microseconds since the epoch."""
    subscriptions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By user. May contain `*`, never the user's own name."""
    waiting: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """The numbers of kept private messages that the recipient has not read, by recipient and
    author."""
