"""The rooms there are, as far as the server told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chat_server.wire import LOBBY


@dataclass(frozen=True, slots=True)
class RoomInfo:
    """One row of the room list; `members` is None where it is not known."""

    name: str
    members: int | None
    current: bool


class RoomDirectory:
    """The active rooms. The current one and the lobby are always among them."""

    def __init__(self) -> None:
        self.current = LOBBY
        self._members: dict[str, int | None] = {LOBBY: None}

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def listed(self) -> list[RoomInfo]:
        """All rooms: the lobby first, then by name."""
        names = sorted(self._members, key=lambda name: (name != LOBBY, name))
        return [RoomInfo(name, self._members[name], name == self.current) for name in names]

    def members_of(self, name: str) -> int | None:
        """The number of members of a room, None where it is not known."""
        return self._members.get(name)

    def replace_all(self, rooms: Iterable[tuple[str, int | None]]) -> None:
        """What `/rooms` answered."""
        self._members = dict(rooms)
        self._members.setdefault(LOBBY, None)
        self._members.setdefault(self.current, None)

    def enter(self, name: str) -> None:
        """We are in `name` now."""
        self.current = name
        self._members.setdefault(name, None)

    def opened(self, name: str) -> None:
        """A room has its first member."""
        self._members.setdefault(name, None)

    def closed(self, name: str) -> None:
        """A room is gone; the current one stays: we are in it, whatever a late notice says."""
        if name not in (LOBBY, self.current):
            self._members.pop(name, None)

    def set_member_count(self, name: str, members: int) -> None:
        """The number of members of a room is known from elsewhere than `/rooms`."""
        if name in self._members:
            self._members[name] = members
