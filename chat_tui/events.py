"""Events: what happened on a connection, as values. Nothing else passes from the wire to the model.

Texts are as the server sent them. The model makes them safe for a terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Literal, NamedTuple

from chat_server.wire import Action, Message, PrivateMessage


class ConnectionState(Enum):
    """The state of the connection, as the user sees it."""

    OFFLINE = "offline"
    """Signed out, and no attempt is under way."""
    CONNECTING = "connecting"
    """The first sign-in is under way: resolving, connecting, logging in."""
    ONLINE = "connected"
    """Signed in, with the requested room and subscriptions."""
    WAITING = "connection lost"
    """The connection was lost. The next attempt starts in `ConnectionChanged.retry_in` seconds."""
    RETRYING = "reconnecting"
    """An attempt to reconnect is under way."""


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """The connection has another state, or the countdown to the next attempt has changed."""

    state: ConnectionState
    reason: str = ""
    """Why it has this state, for the user. Empty if nothing is wrong."""
    retry_in: float | None = None
    """Seconds until the next attempt. Only while WAITING."""
    encrypted: bool = False
    """Only while ONLINE."""
    server: str = ""
    """`host:port` of the server in use, if the account has several. Only while ONLINE."""
    checking_password: bool = False
    """True while the server lets the login wait for the check of its password."""


class TrustDecision(Enum):
    """The user's decision about the key of an unknown server."""

    REJECT = "no"
    """Do not trust it. Nothing is sent to the server."""
    ONCE = "once"
    """Trust it until the client ends."""
    ALWAYS = "always"
    """Pin it. From now on the client rejects any other key at this address."""


@dataclass(frozen=True, slots=True)
class KeyUnknown:
    """The key of a server is not known. Nothing is sent before the user trusts it."""

    server: str
    """`host:port`."""
    fingerprint: str
    why: str
    """Why the user has to decide: a sentence."""


@dataclass(frozen=True, slots=True)
class KeyChanged:
    """A server has another key than the trusted one. Nothing was sent, and nothing will be."""

    server: str
    """`host:port`."""
    trusted: str
    seen: str
    pinned: bool
    """True if the trusted key is pinned in the file. False: it is trusted for this run only."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The server accepted the login."""

    user: str
    commands: tuple[str, ...]
    """The commands that it listed, each with its slash, in its order."""


@dataclass(frozen=True, slots=True)
class PasswordCheckPending:
    """The server has not answered the login yet. Logins take turns there, for minutes if need be.

    The client waits as long as the connection lives.
    """


@dataclass(frozen=True, slots=True)
class SignInFailed:
    """A sign-in failed: the server rejected it or cannot be reached."""

    reason: str
    retry: bool
    """True if a retry may succeed. A lost session is then retried."""
    after: float = 0.0
    """Seconds to wait before a retry, as requested by the server. 0.0: it requested none."""
    untrusted: bool = False
    """True if the server's key is the problem. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class SignInPostponed:
    """The servers cannot reach each other. The client signs in later by itself, with delays."""


@dataclass(frozen=True, slots=True)
class ServersConnectionChanged:
    """The server has lost the other servers of this chat, or has reached them again.

    Meanwhile it keeps what the user sends and delivers nothing. A new session starts connected.
    """

    connected: bool


@dataclass(frozen=True, slots=True)
class SignedOut:
    """The server ended the session for good. The client does not reconnect by itself."""

    reason: str
    requested: bool = False
    """True if the user typed `/quit`. False if the same user signed in elsewhere, an operator ended
    the session, or the account was removed or disabled."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The current room is now `room`: the next text is sent there."""

    room: str


@dataclass(frozen=True, slots=True)
class JoinFailed:
    """`room` could not be joined. The current room stays the same."""

    room: str
    reason: str


@dataclass(frozen=True, slots=True)
class RoomsListed:
    """All active rooms, with their member counts (None: the server does not report them)."""

    rooms: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class MembersListed:
    """All members of `room`, including the user."""

    room: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonJoined:
    """`name` joined `room`, the current room."""

    name: str
    room: str


@dataclass(frozen=True, slots=True)
class PersonLeft:
    """`name` left `room`, the current room."""

    name: str
    room: str


@dataclass(frozen=True, slots=True)
class RoomOpened:
    """`room` got its first member."""

    room: str


@dataclass(frozen=True, slots=True)
class RoomClosed:
    """`room` lost its last member and no longer exists."""

    room: str


@dataclass(frozen=True, slots=True)
class SubscriptionsListed:
    """All subscriptions. May hold "*" for everyone, never the user's own name."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Followed:
    """The user now follows `name` ("*": everyone)."""

    name: str


@dataclass(frozen=True, slots=True)
class Unfollowed:
    """The user no longer follows `name` ("*": everyone)."""

    name: str


@dataclass(frozen=True, slots=True)
class SubscriptionsRejected:
    """The server rejected subscriptions that were to be restored: it does not know these users."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MessageArrived:
    """A message arrived in `room`, or for the user alone (`PrivateMessage`)."""

    room: str
    message: Message | Action | PrivateMessage


class DeliveryProof(NamedTuple):
    """How the server's history shows if an own message has arrived.

    It has arrived if its room or conversation has more than `skip` own messages of the same text
    after the stamp `after`. Both are known when it is sent and hold for good: the server takes the
    messages of a connection in order.
    """

    after: str
    skip: int


@dataclass(frozen=True, slots=True)
class MessagePending:
    """An own message was sent or queued. It is not known yet whether the server has taken it."""

    id: int
    room: str
    """The room, or the private conversation (`@bob`)."""
    text: str
    """In its published form."""
    is_action: bool = False
    """True for an action (`/me`)."""
    proof: DeliveryProof | None = None
    """How the history shows later if it has arrived. None: it cannot show that."""


@dataclass(frozen=True, slots=True)
class MessageSent:
    """The server has taken the own message `id`. It may have been unconfirmed before.

    `time`: when, by the server's clock, or its stamp. None: the server did not report it.
    """

    id: int
    time: str | None = None


@dataclass(frozen=True, slots=True)
class MessageUnconfirmed:
    """No confirmation of the own message `id` will come. It may or may not have arrived."""

    id: int


@dataclass(frozen=True, slots=True)
class MessageKept:
    """The server keeps the own private message `id` until its recipient reads it.

    `MessageSent` follows once the recipient is known to be back.
    """

    id: int


@dataclass(frozen=True, slots=True)
class MessageResent:
    """The unconfirmed message `id` had not arrived. The client sends it again.

    The `MessagePending` of the new message follows.
    """

    id: int


@dataclass(frozen=True, slots=True)
class MessageRejected:
    """The server did not deliver the own message `id`. Its text comes back as `TextReturned`."""

    id: int


@dataclass(frozen=True, slots=True)
class LogNotice:
    """A line for the log: an answer to a typed command, or a line that answers no request."""

    text: str
    kind: Literal["reply", "error", "notice"]


@dataclass(frozen=True, slots=True)
class AnnouncementReceived:
    """An operator sent `text` to all users on the server, in all rooms."""

    author: str
    text: str


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """The user's password is now `new`. No `repr` shows it."""

    new: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasswordChangeFailed:
    """The user's password was not changed."""

    reason: str


@dataclass(frozen=True, slots=True)
class PasswordChangeUncertain:
    """No answer to a password change came: the old or the new password is valid."""

    new: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TextReturned:
    """A text could not be sent and goes back to the composer. The screen shows the reason."""

    text: str
    """What the composer must hold so that Enter sends the same again. `merge_into_draft` combines
    it with an existing draft."""
    reason: str
    location: str = ""
    """The private conversation (`@bob`) that the text is for and must not leave. Empty: a room."""
    is_reported: bool = False
    """True if the log shows the reason already."""


@dataclass(frozen=True, slots=True)
class QueuedTextChanged:
    """The texts that wait for the answer to a room change, by location (`dev`, `@bob`).

    Each is as the composer would hold it. Later it is sent, or comes back as `TextReturned`.
    """

    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LatencyMeasured:
    """The round trip time of a request, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HistoryGap:
    """The client was offline from `lost_at` to `restored_at` (local time). Messages are missing."""

    lost_at: datetime
    restored_at: datetime


class PageKind(Enum):
    """Why a page of past messages was requested."""

    FIRST = "first"
    """The newest messages of a place of which the client has none."""
    MISSED = "missed"
    """The messages after the newest that the client has. They complete the log without a gap."""
    EARLIER = "earlier"
    """The messages before the oldest in the log."""
    LATER = "later"
    """The messages after the newest in the log, if the log ends before the present."""
    AROUND = "around"
    """The surroundings of a message that a search has found: they replace the log."""
    FOUND = "found"
    """The result of a search. It does not belong into the log."""


@dataclass(frozen=True, slots=True)
class NotKept:
    """A remark of the server in a page: messages are missing there for good."""

    count: int | None = None
    """How many could not be stored."""
    before: str | None = None
    """All messages before this stamp were removed, because they were too old."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Past messages of one place, in rising order. They ring no bell.

    Live messages that arrive while the client catches up come after the last page as
    `MessageArrived`. If the history is not available for some seconds, they come first, and the
    pages later: the messages of FIRST and MISSED belong into the log by their stamps. Messages that
    came as `MessageArrived`, and the user's own messages that the log shows already, are not in a
    FIRST or MISSED page. Pages of the other kinds hold all messages.
    """

    location: str
    """The room, or the private conversation (`@bob`)."""
    kind: PageKind
    entries: tuple[Message | Action | PrivateMessage | NotKept, ...]
    """Each message has its stamp as `time`."""
    earlier: str | None = None
    """The server has more messages before this stamp."""
    later: str | None = None
    """The server has more messages after this stamp. The client requests them by itself for
    MISSED."""
    since: str | None = None
    """Only for MISSED: the stamp of the newest message that the user had read, or that the client
    had."""


@dataclass(frozen=True, slots=True)
class HistoryRequestFailed:
    """A requested page of past messages will not come."""

    location: str
    kind: PageKind
    reason: str


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """The log of `location` is complete up to now. Live messages follow."""

    location: str


@dataclass(frozen=True, slots=True)
class UnreadListed:
    """The server's unread numbers of rooms and private conversations (`@bob`)."""

    places: tuple[tuple[str, int, int], ...]
    """The place, the number of unread messages (1000: at least), and how many mention the user."""
    is_complete: bool
    """True: all other places have none. False: only these have changed."""


Event = (
    ConnectionChanged
    | KeyUnknown
    | KeyChanged
    | SignedIn
    | PasswordCheckPending
    | SignInFailed
    | SignInPostponed
    | ServersConnectionChanged
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
    | SubscriptionsRejected
    | MessageArrived
    | MessagePending
    | MessageSent
    | MessageUnconfirmed
    | MessageKept
    | MessageResent
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
    | HistoryPage
    | HistoryRequestFailed
    | CaughtUp
    | UnreadListed
)
"""All events. `ChatModel.apply` takes each of them."""
