"""RoomDirectory: the rooms of the server, as far as it listed them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chat_server.wire import LOBBY
from chat_tui.events import RoomClosed, RoomOpened, RoomsListed
from chat_tui.model.visited_rooms import VisitedRooms
from chat_tui.sanitize import safe_name


@dataclass(frozen=True, slots=True)
class RoomInfo:
    """One room. `members` is the number of members, None if it is not known."""

    name: str
    members: int | None
    current: bool
    is_empty: bool = False
    """The server does not list it: it is kept because the user has visited it."""


class RoomDirectory:
    """The active rooms and the visited ones. The current one and the lobby are always among them.

    Visited rooms are kept only if the server keeps their messages (`keeps_visited`).
    """

    def __init__(self) -> None:
        self.current = LOBBY
        self.visited = VisitedRooms()
        self.keeps_visited = False
        self._members: dict[str, int | None] = {LOBBY: None}

    def __contains__(self, name: str) -> bool:
        return name in self._members or self._is_kept(name)

    def listed(self) -> list[RoomInfo]:
        """Return all rooms: the lobby first, the others by name."""
        kept = self.visited.names if self.keeps_visited else []
        names = sorted({*self._members, *kept}, key=lambda name: (name != LOBBY, name))
        return [
            RoomInfo(name, self._members[name], name == self.current)
            if name in self._members
            else RoomInfo(name, 0, current=False, is_empty=True)
            for name in names
        ]

    def members_of(self, name: str) -> int | None:
        """Return the number of members of a room, None if it is not known."""
        return self._members.get(name)

    def can_forget(self, name: str) -> bool:
        """Return True if the room is in the list only because the user has visited it."""
        return name not in self._members and self._is_kept(name)

    def apply(self, event: RoomsListed | RoomOpened | RoomClosed) -> set[str]:
        """Change the rooms as the server reports. Return the names of rooms that are gone."""
        before = set(self._members)
        match event:
            case RoomsListed(rooms):
                self.replace_all((safe_name(name), members) for name, members in rooms)
            case RoomOpened(room):
                self.opened(safe_name(room))
            case RoomClosed(room):
                self.closed(safe_name(room))
        return {name for name in before if name not in self}

    def replace_all(self, rooms: Iterable[tuple[str, int | None]]) -> None:
        """Set all rooms and their numbers of members, from the reply to `/rooms`."""
        self._members = dict(rooms)
        self._members.setdefault(LOBBY, None)
        self._members.setdefault(self.current, None)

    def enter(self, name: str) -> None:
        """Make `name` the current room."""
        self.current = name
        self._members.setdefault(name, None)
        if name != LOBBY:
            self.visited.visit(name)

    def opened(self, name: str) -> None:
        """Add a room that got its first member."""
        self._members.setdefault(name, None)

    def closed(self, name: str) -> None:
        """Remove a room. The current one stays: the user is in it, and the notice came late."""
        if name not in (LOBBY, self.current):
            self._members.pop(name, None)

    def set_member_count(self, name: str, members: int) -> None:
        """Set the number of members of a listed room, from another source than `/rooms`."""
        if name in self._members:
            self._members[name] = members

    def _is_kept(self, name: str) -> bool:
        return self.keeps_visited and name in self.visited
