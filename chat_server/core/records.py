"""The records of the hub: what history stores of its decisions, in their order. Pure records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

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
    "AccountRenamed",
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


@dataclass(frozen=True, slots=True)
class VisitStarted:
    """A user entered a room, by login or by a command."""

    user: str
    room: str
    stamp: int
    """The newest stamp of the server at that moment."""


@dataclass(frozen=True, slots=True)
class VisitEnded:
    """A user left a room, or the session ended in it."""

    user: str
    room: str
    stamp: int
    """The newest stamp of the server at that moment."""
    is_orderly: bool
    """True after a command or an orderly close: the client has received everything. False: it may
    have missed the last messages."""


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
