"""The values of the hub: the events that it decides and the notices that it sends. Pure records.

An *event* changes the state. It holds everything that the change needs, so two hubs that apply the
same events end in equal states. An *output* is a value sent to a session. Many events are also
outputs. No value holds rendered text of the protocol: an encoder turns outputs into bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from chat_server.wire import history_replies

ReceiverT = TypeVar("ReceiverT")


class EndCause(Enum):
    """Why a session ended, if the user is sent a last line about it."""

    NEW_LOGIN = auto()
    """The user logged in again."""
    ACCOUNT_REMOVED = auto()
    ACCOUNT_DISABLED = auto()
    QUIT = auto()
    """The user asked for it."""
    KICKED = auto()
    ACCOUNT_BANNED = auto()
    ADDRESS_BANNED = auto()
    SHUTDOWN = auto()
    """The server stops."""


@dataclass(frozen=True, slots=True)
class EndNotice:
    """The last output of a session. The encoder marks it so that nothing follows it."""

    cause: EndCause
    reason: str = ""
    """The operator's reason for KICKED, cleaned. May be empty."""
    minutes: int | None = None
    """The length of a ban; None if it ends with the server."""


# Events


class PublishedMessages(NamedTuple):
    """A run of messages that one author published in one room. Also an output.

    A named tuple and one value a run, because it is made for every message that is published.
    """

    room: str
    author: str
    texts: tuple[str, ...]
    """At least one. Cleaned and not empty."""
    stamp: int
    """The stamp of the first, in microseconds since the epoch. Later stamps increase by 1.
    Stamps are unique and rise over all rooms."""
    is_action: bool = False
    """The texts say what the author does (`/me`)."""
    time: int | None = None
    """What the clock said, in microseconds since the epoch: the time to show. Unlike the stamp it
    follows a clock that is set back. None: the stamp."""


@dataclass(frozen=True, slots=True)
class SessionStarted(Generic[ReceiverT]):
    """A user has logged in and is in the lobby. Also an output: the reply to the login."""

    user: str
    receiver: ReceiverT
    commands: tuple[str, ...]
    """The commands that the user may use, each with its slash."""
    host: str
    """The client's address, without the port."""


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The user's session is over."""

    user: str
    notice: EndNotice | None
    """The last output of the session; None if the client has gone already."""
    is_orderly: bool = False
    """True if the client ended it and has received everything: by a command or an orderly close."""
    read_to: int | None = None
    """If it is orderly, the stamp up to which the client has received everything. None: up to the
    newest."""
    time: int | None = None
    """What the clock said, in microseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class UserForgotten:
    """The account of an offline user was removed, with its subscriptions."""

    user: str


@dataclass(frozen=True, slots=True)
class AccountRenamed:
    """An account has another name. Everything that belongs to it goes on under the new name."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A user moved to a room, which opens if it does not exist. Also an output: the reply."""

    user: str
    room: str


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A user subscribed to a publisher or to `*`. Also an output: the reply."""

    user: str
    publisher: str


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """A user unsubscribed from a publisher or from `*`. Also an output: the reply."""

    user: str
    publisher: str
    """Not always a valid name: unsubscribing never fails."""


@dataclass(frozen=True, slots=True)
class PresenceSet:
    """A user turned presence notices on or off. Also an output: the reply."""

    user: str
    on: bool


@dataclass(frozen=True, slots=True)
class PresenceSettled:
    """It is time to announce the moves of a user that were held. See `core.presence`."""

    user: str


@dataclass(frozen=True, slots=True)
class PresenceQueried:
    """A user with presence on asks for members or rooms while moves are held."""

    user: str


@dataclass(frozen=True, slots=True)
class PrivateMessageSent:
    """A message from one user to one other. Also an output, to its recipient."""

    author: str
    recipient: str
    text: str
    stamp: int
    """In microseconds since the epoch, unique and rising together with those of messages."""
    time: int | None = None
    """The time to show, as in `PublishedMessages`."""
    is_kept: bool = False
    """True if the recipient does not receive it now. It is stored and waits as unread."""


@dataclass(frozen=True, slots=True)
class PrivateMessagesRead:
    """A user has asked for the private messages with another user."""

    user: str
    other: str


@dataclass(frozen=True, slots=True)
class StampsSet:
    """A user turned the stamps of live messages on or off. Also an output: the reply."""

    user: str
    on: bool


@dataclass(frozen=True, slots=True)
class UnreadNoticesSet:
    """A user turned the notices of unread numbers on or off. Also an output: the reply."""

    user: str
    on: bool


@dataclass(frozen=True, slots=True)
class Announced:
    """An operator's text for every session. Also an output."""

    author: str
    text: str


@dataclass(frozen=True, slots=True)
class ShutDown:
    """The server stops: every session has ended and no other starts."""

    time: int | None = None
    """What the clock said, in microseconds since the epoch."""


HubEvent: TypeAlias = (
    PublishedMessages
    | SessionStarted[ReceiverT]
    | SessionEnded
    | UserForgotten
    | AccountRenamed
    | Joined
    | Subscribed
    | Unsubscribed
    | PresenceSet
    | PresenceSettled
    | PresenceQueried
    | PrivateMessageSent
    | PrivateMessagesRead
    | StampsSet
    | UnreadNoticesSet
    | Announced
    | ShutDown
)


# Outputs that are not events: messages with stamps


class Stamped(NamedTuple):
    """A message for recipients that turned stamps on: it is shown with its stamp as its time."""

    message: PublishedMessages | PrivateMessageSent


# Outputs that are not events: presence notices


@dataclass(frozen=True, slots=True)
class MemberJoined:
    """A user came into the recipient's room."""

    user: str
    room: str


@dataclass(frozen=True, slots=True)
class MemberLeft:
    """A user left the recipient's room."""

    user: str
    room: str


@dataclass(frozen=True, slots=True)
class RoomOpened:
    """A room got its first member."""

    room: str


@dataclass(frozen=True, slots=True)
class RoomClosed:
    """A room lost its last member."""

    room: str


# Outputs that are not events: replies


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
    """The recipient of a private message is offline, unknown, the author, or not subscribed to the
    author. All of them are one reason, so the author does not learn who follows whose messages."""
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


Notice: TypeAlias = MemberJoined | MemberLeft | RoomOpened | RoomClosed
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
Output: TypeAlias = (
    PublishedMessages
    | Stamped
    | SessionStarted[ReceiverT]
    | Joined
    | Subscribed
    | Unsubscribed
    | PresenceSet
    | StampsSet
    | UnreadNoticesSet
    | PrivateMessageSent
    | Announced
    | EndNotice
    | Notice
    | HubReply
)
