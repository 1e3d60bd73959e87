"""The notices about a user that moves: which watchers receive which, and in which order.

They change nothing but the presence record. Under the hub's lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Protocol

from chat_server.core.deliveries import Delivery, addressed
from chat_server.core.local_clients import LocalClients
from chat_server.core.presence import Mover, PresenceRecord
from chat_server.core.rooms import Room, Session
from chat_server.core.values import (
    MemberJoined,
    MemberLeft,
    Notice,
    ReceiverT,
    RoomClosed,
    RoomOpened,
)
from chat_server.wire import LOBBY


class MoveNotices(Generic[ReceiverT]):
    """The notices about moves. Reads the parts of the hub's state that it is given."""

    def __init__(
        self,
        rooms: Mapping[str, Room[ReceiverT]],
        watchers: Mapping[str, Session[ReceiverT]],
        presence: PresenceRecord,
        detached: Mapping[str, Session[ReceiverT]],
    ) -> None:
        """`detached`: see `LocalClients`. Watchers take them for members of their rooms."""
        self._detached = detached
        self._rooms = rooms
        self._watchers = watchers
        self._presence = presence

    def of_move(
        self,
        session: Session[ReceiverT],
        old: str,
        room: Room[ReceiverT] | None,
        held: Mover | None = None,
    ) -> list[Delivery[ReceiverT]]:
        """Return left, closed, opened, joined: the order of protocol section 3.

        The user was in the room `old` and is now in `room`, or has gone. With `held` moves, the
        user was announced in the first of their rooms.
        """
        user = session.user
        visited = held.visited if held is not None else {old: None}
        askers = self._askers(held)
        announced = next(iter(visited))
        now = None if room is None else room.name
        left, joined = [], []
        if announced in self._rooms and announced != now:
            left += self.to_watchers_in(
                self._rooms[announced], session, MemberLeft(user, announced)
            )
        if room is not None and announced != now:
            joined += self.to_watchers_in(room, session, MemberJoined(user, room.name))
        for asker in askers:
            place = asker.room.name
            if asker is session:
                continue
            if place == now == announced:
                joined += addressed((asker.receiver,), MemberJoined(user, place))
            elif place in visited and place not in (now, announced):
                left += addressed((asker.receiver,), MemberLeft(user, place))
        names = dict.fromkeys((*visited, old) if now is None else (*visited, old, now))
        closed, opened = self._presence.update_rooms(names, self._rooms)
        deliveries = left
        for name in names:
            if name in closed:
                deliveries += self._to_watchers(RoomClosed(name))
            elif name not in self._rooms:
                deliveries += addressed(tuple(each.receiver for each in askers), RoomClosed(name))
        for name in names:
            if name in opened:
                deliveries += self._to_watchers(RoomOpened(name))
            elif name in self._rooms and name != LOBBY:
                deliveries += addressed(tuple(each.receiver for each in askers), RoomOpened(name))
        return deliveries + joined

    def of_arrival(self, session: Session[ReceiverT]) -> list[Delivery[ReceiverT]]:
        """Return opened, joined: the user is in a room and was in none before.

        The watchers of the session's own server were not notified that it had left.
        """
        room = session.room
        deliveries: list[Delivery[ReceiverT]] = []
        for name in self._presence.update_rooms((room.name,), self._rooms)[1]:
            deliveries += self._to_watchers(RoomOpened(name))
        if session.is_local:
            return deliveries
        joined = MemberJoined(session.user, room.name)
        return deliveries + self.to_watchers_in(room, session, joined)

    def to_watchers_in(
        self, room: Room[ReceiverT], about: Session[ReceiverT], notice: Notice
    ) -> list[Delivery[ReceiverT]]:
        """Address a notice to the members with presence on, without the session it is about."""
        members = room.members.values()
        recipients = [each.receiver for each in members if each.presence and each is not about]
        if self._detached:
            recipients += [
                each.receiver
                for each in self._detached.values()
                if each.presence and each is not about and each.room.name == room.name
            ]
        return addressed(tuple(recipients), notice)

    def _askers(self, held: Mover | None) -> list[Session[ReceiverT]]:
        """Return the watchers that may have seen more of the held moves than was announced."""
        names = held.askers if held is not None else {}
        return [self._watchers[name] for name in names if name in self._watchers]

    def _to_watchers(self, notice: Notice) -> list[Delivery[ReceiverT]]:
        return addressed(tuple(session.receiver for session in self._watchers.values()), notice)


class ReplacedState(Protocol[ReceiverT]):
    """The parts of a new state that its watchers are notified of."""

    rooms: dict[str, Room[ReceiverT]]
    watchers: dict[str, Session[ReceiverT]]
    presence: PresenceRecord
    clients: LocalClients[ReceiverT]


def jump_notices(
    places: Mapping[str, str],
    detached: Mapping[str, str],
    before: Mapping[str, Room[ReceiverT]],
    state: ReplacedState[ReceiverT],
) -> list[Delivery[ReceiverT]]:
    """Return left, closed, opened, joined: what has changed in entries that were not read.

    `places`: the room in which each watcher was. `detached`: that of each detached session.
    `before`: the rooms of the replaced state.
    """
    left: list[Delivery[ReceiverT]] = []
    joined: list[Delivery[ReceiverT]] = []
    detached_now = {user: each.room.name for user, each in state.clients.detached.items()}
    watchers = [each for user, each in state.watchers.items() if user in places]
    for watcher in watchers:
        name = watcher.room.name
        if name != places[watcher.user]:
            continue  # its own move is still to be replied to
        old = _members(name, before, detached)
        new = _members(name, state.rooms, detached_now)
        to = (watcher.receiver,)
        for user in old:
            if user not in new:
                left += addressed(to, MemberLeft(user, name))
        for user in new:
            if user not in old:
                joined += addressed(to, MemberJoined(user, name))
    names = dict.fromkeys((*before, *state.rooms))
    closed, opened = state.presence.update_rooms(names, state.rooms)
    receivers = tuple(each.receiver for each in watchers)
    notices: list[Notice] = [*map(RoomClosed, closed), *map(RoomOpened, opened)]
    rooms = [each for notice in notices for each in addressed(receivers, notice)]
    return left + rooms + joined


def _members(
    name: str, rooms: Mapping[str, Room[ReceiverT]], detached: Mapping[str, str]
) -> dict[str, None]:
    """Return the members of a room as its watchers see it, in their order."""
    members = rooms[name].members if name in rooms else ()
    return dict.fromkeys((*members, *(user for user, place in detached.items() if place == name)))
