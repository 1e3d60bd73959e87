"""Sessions and rooms as the hub holds them: plain records, changed only under the hub's lock."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final, Generic

from chat_server.core.records import DISORDERLY_SPAN
from chat_server.core.values import ReceiverT
from chat_server.wire import EVERYONE

_TRAIL: Final = 16
"""Most rooms in the trail of a session. After more moves, all unread numbers are counted again."""

_MAX_LEFT: Final = 30
"""Most rooms that a session has left and that may count as not read if it breaks. A client may move
many times a second, so without a bound they would take much memory."""


class Session(Generic[ReceiverT]):
    """A logged-in user. Belongs to the hub, except `ended`: any thread may wait for that."""

    __slots__ = (
        "ended",
        "entered",
        "generation",
        "host",
        "is_local",
        "left",
        "moves",
        "newest_private",
        "node",
        "presence",
        "receiver",
        "room",
        "stamps",
        "started",
        "subscriptions",
        "trail",
        "unread_notices",
        "unread_since",
        "user",
    )

    def __init__(
        self,
        user: str,
        receiver: ReceiverT,
        room: Room[ReceiverT],
        subscriptions: set[str],
        host: str = "",
        stamp: int = 0,
    ) -> None:
        """Create a session in `room`. `stamp`: the newest stamp of the server at this moment."""
        self.user = user
        self.host = host
        """The client's address, without the port."""
        self.generation = 0
        """The stamp of the login in the shared log. 0: there is no shared log."""
        self.node = ""
        """The server that the client is connected to, in the shared log."""
        self.receiver = receiver
        """What takes the outputs for the client. None, against its type, if not `is_local`: then
        the session is never a recipient."""
        self.is_local = receiver is not None
        """The client is connected to this server. Always, without a shared log."""
        self.room = room
        self.subscriptions = subscriptions
        self.presence = False
        self.stamps = False
        """Live messages carry their stamps."""
        self.unread_notices = False
        self.unread_since = 0
        """The newest stamp when the user turned them on."""
        self.moves = 0
        """How often the user has changed the room."""
        self.trail: deque[str] = deque(maxlen=_TRAIL)
        """The rooms that the user left last, the latest at the end."""
        self.left: dict[str, int] = {}
        """The newest stamp when the user left a room, by room, the latest at the end. Those that
        may count as not read if the session breaks, at most `_MAX_LEFT`."""
        self.entered = stamp
        """The newest stamp when the user entered the room, or turned stamps on if that was later.
        Messages of the room above it were delivered live."""
        self.started = stamp
        """The newest stamp when the session started, or the user turned stamps on if that was
        later. Private messages above it were delivered live or are kept."""
        self.newest_private = 0
        """The stamp of the last private message that was delivered to the session."""
        self.ended = threading.Event()
        """Set under the hub's lock when the session is over. Its client's thread waits for it."""

    def note_left(self, stamp: int) -> None:
        """Remember that the user leaves the room now. `stamp`: the newest one of the server."""
        left = self.left
        left.pop(self.room.name, None)
        left[self.room.name] = stamp
        while len(left) > _MAX_LEFT or next(iter(left.values())) < stamp - DISORDERLY_SPAN:
            del left[next(iter(left))]


class Room(Generic[ReceiverT]):
    """The members of a room and, for each author, the recipients of that author's messages."""

    __slots__ = ("members", "name", "recipients_by_author", "stamped_by_author")

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: dict[str, Session[ReceiverT]] = {}
        self.recipients_by_author: dict[str, tuple[ReceiverT, ...]] = {}
        """A cache. Cleared whenever a member or a subscription of a member changes."""
        self.stamped_by_author: dict[str, tuple[tuple[ReceiverT, ...], tuple[ReceiverT, ...]]] = {}
        """The same recipients, split into those without stamps and those with. A cache as well,
        which also depends on `Session.stamps`. Empty while no session has stamps on."""

    def split_by_stamps(self, author: str) -> tuple[tuple[ReceiverT, ...], tuple[ReceiverT, ...]]:
        """Return the recipients of an author's messages without stamps, and those with."""
        split = self.stamped_by_author.get(author)
        if split is None:
            plain: list[ReceiverT] = []
            stamped: list[ReceiverT] = []
            for member in self.members.values():
                if member.is_local and is_subscribed_to(member, author):
                    (stamped if member.stamps else plain).append(member.receiver)
            split = self.stamped_by_author[author] = tuple(plain), tuple(stamped)
        return split

    def forget_recipients(self) -> None:
        """Clear the caches, because members, subscriptions or `stamps` of a member change."""
        self.recipients_by_author.clear()
        self.stamped_by_author.clear()


def is_subscribed_to(session: Session[ReceiverT], author: str) -> bool:
    """Return True if the session's user is subscribed to `author`.

    A subscription to `*` does not cover the user's own messages.
    """
    subscriptions = session.subscriptions
    return author in subscriptions or (EVERYONE in subscriptions and session.user != author)


@dataclass(frozen=True, slots=True)
class ReadingPosition:
    """What a session may read of the history at one moment."""

    room: str
    """The room that the user is in."""
    subscriptions: frozenset[str]
    """The publishers. May contain `*`."""
    entered: int
    """See `Session.entered`."""
    private_bound: int
    """The stamp up to which `/history with <user> new` shows messages. Later ones came live."""
    moves: int
    """How often the session has changed the room."""
    trail: tuple[str, ...]
    """The rooms that it left last, the latest at the end."""
    unread_since: int
    """The newest stamp when notices of unread numbers were turned on."""


def reading_position(session: Session[ReceiverT], newest_kept: int) -> ReadingPosition:
    """Return what the session may read. The caller holds the hub's lock.

    `newest_kept`: the stamp of the newest private message that was kept for the user, by the author
    that the user asks for.
    """
    return ReadingPosition(
        session.room.name,
        frozenset(session.subscriptions),
        session.entered,
        max(session.started, newest_kept),
        session.moves,
        tuple(session.trail),
        session.unread_since,
    )
