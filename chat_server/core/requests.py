"""What sessions and servers ask of the hub: the contents of the log. Pure records.

A *request* is decided and applied at its place in the log, by every server that reads the log, and
with the same result: from the state and the entry alone. A server without other servers applies it
at once. Rejected requests change nothing on any server.

Settings that change only what one session receives are not here: `/presence`, `/stamps` and
`/unread on`. They belong to the server of that session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from chat_server.core.records import MessagesErased
from chat_server.core.values import EndCause, RejectReason


class LoginClient(NamedTuple):
    """The client that logs in, for its own server."""

    receiver: Any
    """What takes the outputs for the client."""
    commands: tuple[str, ...]
    """The commands that the user may use, each with its slash."""


class Publish(NamedTuple):
    """Publish texts in the author's room, in order. A named tuple: it is the most frequent one."""

    texts: tuple[str, ...]
    """At least one. Cleaned and not empty."""
    is_action: bool = False
    """The texts say what the author does (`/me`)."""


@dataclass(frozen=True, slots=True)
class LogIn:
    """Start a session in the lobby, and end the user's older one. Its stamp is the generation."""

    user: str
    host: str
    """The client's address, without the port."""
    client: LoginClient | None = field(default=None, compare=False, repr=False)
    """Not part of the log: None on every other server."""


@dataclass(frozen=True, slots=True)
class LogOut:
    """End the own session."""

    cause: EndCause | None = None
    """QUIT if the client asked for it, so that it is sent a last line. None: it is gone."""
    is_orderly: bool = False
    """The client has received everything up to `read_to`."""
    read_to: int | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """Move to a room. `name` is as it was typed."""

    name: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Subscribe to a user or to `*`. `name` is as it was typed."""

    name: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Unsubscribe from a user or from `*`. `name` is as it was typed."""

    name: str


@dataclass(frozen=True, slots=True)
class SendPrivate:
    """Send a text to one user. `name` is as it was typed."""

    name: str
    text: str
    may_wait: bool = True
    """The author's server has a history. So the text is kept if it cannot be delivered now."""


@dataclass(frozen=True, slots=True)
class ReadPrivate:
    """The user has read the private messages by `other`."""

    other: str


@dataclass(frozen=True, slots=True)
class CorrectWaiting:
    """Stop counting private messages for `user` that are no longer kept: how many, by author."""

    user: str
    numbers: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Announce:
    """Send an operator's text to every session."""

    text: str


@dataclass(frozen=True, slots=True)
class Kick:
    """End the session of a user, by its canonical name."""

    user: str
    reason: str


@dataclass(frozen=True, slots=True)
class BanUser:
    """Ban an account and end its session. `minutes` None: until the server stops."""

    user: str
    minutes: int | None


@dataclass(frozen=True, slots=True)
class BanAddress:
    """Ban an address, for IPv6 its whole /64, and end the sessions from it."""

    address: str
    minutes: int | None


class BanResult(NamedTuple):
    """What became of a request to ban."""

    problem: RejectReason | None
    logged_out: list[str]
    """The users whose sessions it ended."""


@dataclass(frozen=True, slots=True)
class Unban:
    """End the ban of a user or of an address. Exactly one of them is not empty."""

    user: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Erase:
    """Erase past messages: the one with the stamp, or all by `author` up to the stamp."""

    stamp: int
    author: str = ""
    """Empty: only the message with this stamp."""
    is_operator: bool = False
    """The user may erase messages of others."""

    def record(self, user: str) -> MessagesErased:
        """Return what the history has to do. `user`: the one that erases."""
        return MessagesErased(0 if self.author else self.stamp, self.author, user, self.is_operator)


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """One account, as all servers hold it."""

    password_hash: str
    is_disabled: bool = False
    created: str | None = None
    """Creation time in ISO 8601, if known."""


# Requests that belong to no session


@dataclass(frozen=True, slots=True)
class ChangeAccount:
    """An account was added, changed, renamed or removed. The change has been decided already."""

    name: str
    account: AccountRecord | None
    """None: it was removed."""
    renamed_from: str = ""
    """The old name, which has no account any more. Empty: it was not renamed."""


@dataclass(frozen=True, slots=True)
class RestoreSession:
    """Go on with a session that ended for the other servers, because its server was unreachable.

    Ignored if the user has a newer session. Its generation is that of the login.
    """

    user: str
    host: str
    node: str
    room: str
    follows_itself: bool = False


@dataclass(frozen=True, slots=True)
class EndNode:
    """End all sessions of a server that stopped, or that was unreachable for too long."""

    node: str


Request: TypeAlias = (
    Publish
    | LogIn
    | LogOut
    | Join
    | Subscribe
    | Unsubscribe
    | SendPrivate
    | ReadPrivate
    | CorrectWaiting
    | Announce
    | Kick
    | BanUser
    | BanAddress
    | Unban
    | Erase
    | ChangeAccount
    | RestoreSession
    | EndNode
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A request at its place in the log."""

    stamp: int
    """The stamp of the entry, which no other one has, in microseconds since the epoch. Stamps rise
    along the log. A run of n messages has the n stamps from here on."""
    request: Request
    user: str = ""
    """The user of the session that asks. Empty: the request belongs to no session."""
    generation: int = 0
    """The stamp of the login of that session."""
    node: str = ""
    """The server that appended the entry: its name and its start. Empty: a script appended it."""
    number: int = 0
    """The number of the entry among those of its server. Rises by 1. 0: a script appended it."""
    first_stamp: int = 0
    """The stamp that the entry had before the log lost it. 0: it was not lost. An entry that was
    lost had been decided: it is no longer compared with the generation."""
    room: str = ""
    """For messages that were lost: the room in which they were published."""


class Place(NamedTuple):
    """Where a request is decided: all that a decision may know of the time."""

    stamp: int
    time: int | None
    """The time to show for a message, if it is not the stamp."""
    end: int
    """The time for the record of a session that ends."""
    seconds: float | None
    """The time for bans. None: that of the table's own clock."""
    user: str = ""
    generation: int = 0
    node: str = ""
    room: str = ""
    """For messages that were lost: the room in which they were published."""

    @property
    def first_stamp(self) -> int:
        """The stamp that the entry of a shared log had when it was decided first."""
        return self.time or self.stamp


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The replicated state at one place in the log, as plain values that JSON can hold."""

    stamp: int
    """The stamp of the last entry before it."""
    state: Mapping[str, Any]
    """Made and read by `core.snapshots` alone."""
    is_other_log: bool = False
    """True if the history of the server that loads it is of another log."""
