"""Sessions and rooms as the hub holds them: plain records, changed under the hub's lock alone."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Generic, TypeVar

from chat_server.wire import EVERYONE

ReceiverT = TypeVar("ReceiverT")


class Session(Generic[ReceiverT]):
    """A logged-in user. All but `ended` is the hub's, and changes under the hub's lock alone."""

    __slots__ = ("ended", "host", "presence", "receiver", "room", "subscriptions", "user")

    def __init__(
        self,
        user: str,
        receiver: ReceiverT,
        room: Room[ReceiverT],
        subscriptions: set[str],
        host: str = "",
    ) -> None:
        self.user = user
        self.host = host
        """The address that the user comes from, without the port."""
        self.receiver = receiver
        self.room = room
        self.subscriptions = subscriptions
        self.presence = False
        self.ended = threading.Event()
        """Set under the hub's lock when the session is over; its own thread waits on it."""


class Room(Generic[ReceiverT]):
    """Who is in a room, and for each author the receivers of what that author says in it."""

    __slots__ = ("last_stamp", "members", "name", "recipients_by_author")

    def __init__(self, name: str) -> None:
        self.name = name
        self.members: dict[str, Session[ReceiverT]] = {}
        self.recipients_by_author: dict[str, tuple[ReceiverT, ...]] = {}
        """Thrown away whole whenever a member or a subscription of a member changes."""
        self.last_stamp: datetime | None = None


def is_subscribed_to(session: Session[ReceiverT], author: str) -> bool:
    """Whether the session's user is subscribed to `author`; to oneself only by name."""
    follows = session.subscriptions
    return author in follows or (EVERYONE in follows and session.user != author)
