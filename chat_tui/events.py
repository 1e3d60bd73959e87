"""What the dialogue learns, as values: the only thing that passes from the wire to the model.

Texts in here are as the server sent them; the model makes them safe for a terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Literal

from chat_server.wire import Action, Message, PrivateMessage


class ConnectionState(Enum):
    """How things stand with the server."""

    OFFLINE = "offline"
    """Nobody is signed in and nothing is being tried."""
    CONNECTING = "connecting"
    """The first sign-in is under way: looking up, dialling, logging in."""
    ONLINE = "connected"
    """Signed in, in the room and with the subscriptions that were wanted."""
    WAITING = "connection lost"
    """The connection was lost; the next try comes in `ConnectionChanged.retry_in` seconds."""
    RETRYING = "reconnecting"
    """A try to come back is under way."""


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """The connection has another state, or the countdown to the next try has moved on.

    `reason` says in words why it is so, empty where all is well. `retry_in`: seconds, only while
    WAITING.
    """

    state: ConnectionState
    reason: str = ""
    retry_in: float | None = None
    encrypted: bool = False
    """Only while ONLINE."""


class TrustDecision(Enum):
    """What somebody says to the key of a server that is not known."""

    REJECT = "no"
    """It is not trusted: nothing is sent to it."""
    ONCE = "once"
    """As long as the client runs."""
    ALWAYS = "always"
    """From now on; any other key at this place is a stranger's."""


@dataclass(frozen=True, slots=True)
class KeyUnknown:
    """The key of `server` (`host:port`) is not known: nothing is sent before somebody trusts it.

    `why` is a sentence.
    """

    server: str
    fingerprint: str
    why: str


@dataclass(frozen=True, slots=True)
class KeyChanged:
    """`server` has another key than the one that was trusted: nothing was sent, nor will be.

    `pinned`: the trusted one is kept in the file, and not only for this run of the client.
    """

    server: str
    trusted: str
    seen: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The server took us in; `commands` are those it listed, each with its slash, in its order."""

    user: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignInFailed:
    """A sign-in came to nothing: the server refused it, or there was no getting to one.

    `retry`: whether the same may work later, so that a lost session goes on trying; `after`:
    seconds that the server asked to wait before that, 0.0 where it said nothing. `untrusted`: it
    is about whose key it is, and nothing was sent.
    """

    reason: str
    retry: bool
    after: float = 0.0
    untrusted: bool = False


@dataclass(frozen=True, slots=True)
class SignedOut:
    """The server ended the session and means it: never retried by itself.

    `requested`: the person had typed `/quit`; else somebody signed in elsewhere, an operator ended
    it,
    or the account is gone or disabled.
    """

    reason: str
    requested: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """From here on the room is `room`: what is said next is said there."""

    room: str


@dataclass(frozen=True, slots=True)
class JoinFailed:
    """The way into `room` was refused; the room stays what it was."""

    room: str
    reason: str


@dataclass(frozen=True, slots=True)
class RoomsListed:
    """All active rooms with their numbers of members (None where the server does not tell)."""

    rooms: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class MembersListed:
    """All members of `room`, oneself among them."""

    room: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonJoined:
    """`name` came into `room`, which is the room we are in."""

    name: str
    room: str


@dataclass(frozen=True, slots=True)
class PersonLeft:
    """`name` left `room`, which is the room we are in."""

    name: str
    room: str


@dataclass(frozen=True, slots=True)
class RoomOpened:
    """`room` has its first member."""

    room: str


@dataclass(frozen=True, slots=True)
class RoomClosed:
    """`room` is empty and gone."""

    room: str


@dataclass(frozen=True, slots=True)
class SubscriptionsListed:
    """All that we follow; may hold "*" for everyone, never our own name."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Followed:
    """We follow `name` now ("*": everyone)."""

    name: str


@dataclass(frozen=True, slots=True)
class Unfollowed:
    """We no longer follow `name` ("*": everyone)."""

    name: str


@dataclass(frozen=True, slots=True)
class MessageArrived:
    """Somebody said something in `room`, or to us alone (Private)."""

    room: str
    message: Message | Action | PrivateMessage


@dataclass(frozen=True, slots=True)
class MessagePending:
    """We said `text` in `room`, or to one alone (`@bob`); whether it was taken is not known yet.

    `is_action`: it is what we do.
    """

    id: int
    room: str
    text: str
    is_action: bool = False


@dataclass(frozen=True, slots=True)
class MessageSent:
    """The server took our message `id`; `time` is when, in its own clock (None: it can't tell)."""

    id: int
    time: str | None = None


@dataclass(frozen=True, slots=True)
class MessageUnconfirmed:
    """Whether the server took our message `id` will never be known: it may have arrived."""

    id: int


@dataclass(frozen=True, slots=True)
class MessageRejected:
    """Our message `id` reached nobody, says the server; its text comes back as `TextReturned`."""

    id: int


@dataclass(frozen=True, slots=True)
class LogNotice:
    """A line for the log: an answer to what was typed, or one that answers nothing we asked."""

    text: str
    kind: Literal["reply", "error", "notice"]


@dataclass(frozen=True, slots=True)
class AnnouncementReceived:
    """An operator said `text` to everyone on the server, wherever they are."""

    author: str
    text: str


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """Our password is `new` from now on; no `repr` shows it."""

    new: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasswordChangeFailed:
    """Our password is what it was."""

    reason: str


@dataclass(frozen=True, slots=True)
class PasswordChangeUncertain:
    """It was asked to be `new`, and no answer came: it may be the one or the other."""

    new: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TextReturned:
    """What was typed could not be sent and goes back to the composer.

    `text` is what Enter in the composer would have to give again for the same effect; where a draft
    is there already, `typed.put_back` tells what should stand there. The screen says `reason`.
    `place`: the private conversation (`@bob`) that it was meant for and must not leave; else empty.
    `is_reported`: the log says the reason already.
    """

    text: str
    reason: str
    place: str = ""
    is_reported: bool = False


@dataclass(frozen=True, slots=True)
class QueuedTextChanged:
    """What was typed and waits for an answer that leads to where it is meant for, by place.

    Each as it would have to stand in the composer. It will be said, or comes as `TextReturned`.
    """

    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LatencyMeasured:
    """The time between a request and its answer, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HistoryGap:
    """We were away from `lost_at` to `restored_at` (local time): what was said then is not here."""

    lost_at: datetime
    restored_at: datetime


Event = (
    ConnectionChanged
    | KeyUnknown
    | KeyChanged
    | SignedIn
    | SignInFailed
    | SignedOut
    | Joined
    | JoinFailed
    | RoomsListed
    | MembersListed
    | PersonJoined
    | PersonLeft
    | RoomOpened
    | RoomClosed
    | SubscriptionsListed
    | Followed
    | Unfollowed
    | MessageArrived
    | MessagePending
    | MessageSent
    | MessageUnconfirmed
    | MessageRejected
    | LogNotice
    | AnnouncementReceived
    | PasswordChanged
    | PasswordChangeFailed
    | PasswordChangeUncertain
    | TextReturned
    | QueuedTextChanged
    | LatencyMeasured
    | HistoryGap
)
"""Everything that `ChatModel.apply` takes."""
