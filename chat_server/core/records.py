"""What history stores: the decisions of the hub, and changes of the accounts. Pure records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
    "AccountCreated",
    "AccountRenamed",
    "AccountsChanged",
    "Erasure",
    "LogEntry",
    "LogPosition",
    "LogSkipped",
    "MessagesErased",
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
    "flattened",
    "message_count",
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


@dataclass(frozen=True, slots=True)
class AccountCreated:
    """An account was created, or one with another creation time has the name now."""

    user: str
    created: str | None
    """As in `AccountsChanged`."""


@dataclass(slots=True)
class Erasure:
    """What the history of this server has erased for a `MessagesErased`, once that is stored."""

    count: int = 0
    author: str = ""


@dataclass(frozen=True, slots=True)
class MessagesErased:
    """A message was erased, or all messages of an author in all rooms."""

    stamp: int
    """The stamp of the message. 0: all that are stored before this record, by `author`."""
    author: str = ""
    user: str = ""
    """The user that erases one message: its author, unless it is an operator."""
    is_operator: bool = False
    erasure: Erasure = field(default_factory=Erasure, compare=False, repr=False)
    """Filled in by the store, for the client that asked."""

    def note(self, count: int, author: str) -> None:
        """Note what was erased. A batch may be stored twice: then nothing is left to erase."""
        if count:
            self.erasure.count, self.erasure.author = count, author


@dataclass(frozen=True, slots=True)
class LogPosition:
    """Everything in the log of several servers up to here is recorded."""

    stamp: int
    """The stamp of the entry."""
    node: str
    """The server that appended it. Empty: a script did."""
    number: int
    """The number of the entry among those of its server."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """The records of one entry of the log, and its position: stored together or not at all."""

    records: tuple[Record, ...]
    position: LogPosition


@dataclass(frozen=True, slots=True)
class LogSkipped:
    """The state was taken from a snapshot of the log of several servers.

    Entries before it that are not recorded by now never will be: the log has them no longer. If
    there are any, the store notes a gap, and takes the subscriptions and accounts from here.
    """

    stamp: int
    """The stamp of the last entry before the snapshot."""
    numbers: Mapping[str, int]
    """The highest number of an entry before the snapshot, by the server that appended it."""
    subscriptions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By user, as in the snapshot. Without those of users to themselves."""
    accounts: Mapping[str, str | None] | None = None
    """All accounts, as in the snapshot. See `AccountsChanged`. None: not known."""
    erasures: tuple[tuple[int, MessagesErased], ...] = ()
    """The last erasures, as in the snapshot, each behind the stamp of its entry."""
    is_other_log: bool = False
    """True if what is stored so far is of another log: its position and numbers mean nothing."""


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
    | AccountCreated
    | AccountsChanged
    | MessagesErased
    | LogPosition
    | LogSkipped
    | LogEntry
)


def flattened(records: Iterable[Record]) -> Iterator[Record]:
    """Return the records with those of each `LogEntry` in its place, its position behind them."""
    for record in records:
        if isinstance(record, LogEntry):
            yield from record.records
            yield record.position
        else:
            yield record


def message_count(record: Record) -> int:
    """Return how many messages a record has."""
    match record:
        case PublishedMessages():
            return len(record.texts)
        case PrivateMessageSent():
            return 1
        case LogEntry():
            return sum(message_count(each) for each in record.records)
        case _:
            return 0


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
    log_position: int = 0
    """The stamp of the last entry of the log that is recorded. 0: none, or there is no log."""
    log_numbers: Mapping[str, int] = field(default_factory=dict)
    """The highest number of the recorded entries, by the server that appended them."""
    newest_stamp: int = 0
    """The newest stamp of what is recorded. `last_stamp` is above it."""
