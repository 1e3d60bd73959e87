"""The values of the hub: the events that it decides and the notices that it sends. Pure records.

An *event* changes the state. It holds everything that the change needs, so two hubs that apply the
same events end in equal states. An *output* is a value sent to a session. Many events are also
outputs. No value but `EncodedLines` holds rendered text of the protocol: an encoder turns outputs
into bytes. The replies are in `replies.py`, and have their names here as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from chat_server.core.replies import (
    AlreadyInRoom,
    BanEnded,
    BanStarted,
    CommandHelp,
    DeliveryReceipt,
    EncodedLines,
    HubReply,
    KeptReceipt,
    MemberList,
    MessagesErased,
    PasswordChanged,
    Rejected,
    RejectReason,
    RoomList,
    SubscriptionList,
    UnreadList,
    UserKicked,
)

__all__ = [
    "AccountRenamed",
    "AlreadyInRoom",
    "Announced",
    "BanEnded",
    "BanStarted",
    "CommandHelp",
    "DeliveryReceipt",
    "EncodedLines",
    "EndCause",
    "EndNotice",
    "HubEvent",
    "HubReply",
    "Joined",
    "KeptReceipt",
    "MemberJoined",
    "MemberLeft",
    "MemberList",
    "MessagesErased",
    "Notice",
    "Output",
    "PasswordChanged",
    "PresenceQueried",
    "PresenceSet",
    "PresenceSettled",
    "PrivateMessageSent",
    "PrivateMessagesRead",
    "PublishedMessages",
    "ReceiverT",
    "RejectReason",
    "Rejected",
    "RoomClosed",
    "RoomList",
    "RoomOpened",
    "ServersReachable",
    "SessionEnded",
    "SessionRestored",
    "SessionStarted",
    "ShutDown",
    "Stamped",
    "StampsSet",
    "Subscribed",
    "SubscriptionList",
    "UnreadList",
    "UnreadNoticesSet",
    "Unsubscribed",
    "UserForgotten",
    "UserKicked",
    "WaitingMessagesGone",
]


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
    unsent: int = 0
    """For SHUTDOWN: how many of the user's messages waited for the other servers, and are lost."""


class LoginBan(NamedTuple):
    """The ban by which a login was rejected, as it was then. It may have ended since."""

    seconds: float | None
    """Seconds until it ends. None: it has no end."""
    is_of_address: bool = False
    """It is of the address. False: of the account."""


class LoginBannedError(Exception):
    """The login was rejected by a ban."""

    def __init__(self, ban: LoginBan) -> None:
        super().__init__(ban)
        self.ban = ban


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
    receiver: ReceiverT | None
    """None: the client is at another server."""
    commands: tuple[str, ...]
    """The commands that the user may use, each with its slash."""
    host: str
    """The client's address, without the port."""
    generation: int = 0
    """The stamp of the login in the shared log. 0: there is no shared log."""
    node: str = ""
    """The server of the client, in the shared log."""


@dataclass(frozen=True, slots=True)
class SessionRestored:
    """A session goes on that had ended because its server was unreachable for the others."""

    user: str
    host: str
    node: str
    room: str
    generation: int
    follows_itself: bool


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
    is_node_lost: bool = False
    """The server of the session stopped or was unreachable. If it is this one, the client remains
    connected and its session may be restored."""


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
    is_late: bool = False
    """True if the session that sent it has ended: the log had lost it. No session gets the reply,
    also not a newer one of its author."""


@dataclass(frozen=True, slots=True)
class PrivateMessagesRead:
    """A user has asked for the private messages with another user."""

    user: str
    other: str


@dataclass(frozen=True, slots=True)
class WaitingMessagesGone:
    """Kept private messages that a user has not read were erased, or are no longer kept."""

    user: str
    numbers: tuple[tuple[str, int], ...]
    """How many, by author."""


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
    | SessionRestored
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
    | WaitingMessagesGone
    | StampsSet
    | UnreadNoticesSet
    | Announced
    | ShutDown
)


# Outputs that are not events: messages with stamps


class Stamped(NamedTuple):
    """A message for recipients that turned stamps on: it is shown with its stamp as its time."""

    message: PublishedMessages | PrivateMessageSent


@dataclass(frozen=True, slots=True)
class ServersReachable:
    """The other servers are reachable again, or no longer. Sent to every session of this server."""

    is_reachable: bool


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


Notice: TypeAlias = MemberJoined | MemberLeft | RoomOpened | RoomClosed
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
    | ServersReachable
    | Notice
    | HubReply
)
