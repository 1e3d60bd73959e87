"""Presence notices that watchers have received, so that fast moves become one notice. Pure.

A user's first moves are announced at once. Further ones are *held* until the presence of that user
is settled, some seconds later. Then only the overall change is announced. So a user that changes
the room as fast as the line rate allows does not make the server send thousands of lines a second.

A watcher that asked for the members or the rooms meanwhile has seen moves that were not announced.
So it also receives notices about the rooms that the user was in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from typing import Final

from chat_server.wire import LOBBY

_NO_LIMIT: Final = 0

_MAX_VISITED: Final = 256
"""Rooms that are remembered for one user. Without a line rate a user may visit any number."""


@dataclass(frozen=True, slots=True)
class PresenceLimit:
    """The limit on presence notices about one user that changes the room again and again."""

    burst: int
    """Moves that are announced at once, at least 1. Further ones are held."""
    seconds: float
    """From a user's first move until its held moves are announced."""
    notify: Callable[[], None]
    """Called under the hub's lock when `Hub.settle_presence` should be called. Must not block."""
    clock: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class Mover:
    """A user that has moved since its presence was last settled."""

    moves_left: int
    """Moves that are still announced at once."""
    visited: dict[str, None] = field(default_factory=dict)
    """The rooms of held moves, in order; the first is the one that was announced."""
    askers: dict[str, None] = field(default_factory=dict)
    """The watchers that asked for members or rooms while moves were held."""


class PresenceRecord:
    """What watchers know. Belongs to the state of the hub, and is empty without watchers."""

    def __init__(self, burst: int = _NO_LIMIT) -> None:
        """`burst`: moves of a user that are announced at once. 0: all moves."""
        self._burst = burst
        self.movers: dict[str, Mover] = {}
        """By user, in the order of their first moves."""
        self._held: dict[str, Mover] = {}
        """The movers with held moves, in the order of the first one."""
        self.announced: set[str] = set()
        """The rooms that watchers know as open, without the lobby."""

    @property
    def holds_moves(self) -> bool:
        """True if any move is held."""
        return bool(self._held)

    def start(self, rooms: Iterable[str]) -> None:
        """Begin with these open rooms: the first watcher asks for them itself."""
        self.announced = set(rooms) - {LOBBY}

    def clear(self) -> None:
        """Forget everything: the last watcher has gone."""
        self.movers.clear()
        self._held.clear()
        self.announced.clear()

    def announces_move(self, user: str) -> bool:
        """Count a move of a user. Return whether to announce it at once."""
        if self._burst == _NO_LIMIT:
            return True
        mover = self.movers.get(user)
        if mover is None:
            mover = self.movers[user] = Mover(self._burst)
        if mover.moves_left == 0:
            return False
        mover.moves_left -= 1
        return True

    def hold_move(self, user: str, old: str, new: str, rooms: Container[str]) -> None:
        """Record a move that is not announced. `rooms` are those that are open now."""
        mover = self._held[user] = self.movers[user]
        visited = mover.visited
        visited.setdefault(old)
        visited.setdefault(new)
        # A room that opened and closed without a notice: only a watcher that asked knows it.
        is_unknown = old not in rooms and old not in self.announced and next(iter(visited)) != old
        if is_unknown and (not mover.askers or len(visited) > _MAX_VISITED):
            del visited[old]

    def record_question(self, user: str) -> None:
        """Record that a watcher asks for the members of a room or for the rooms."""
        for mover in self._held.values():
            mover.askers.setdefault(user)

    def settle(self, user: str) -> Mover | None:
        """Return the user's held moves, and hold all moves until the next time.

        If there were none, return None and announce the next moves at once again.
        """
        mover = self.end_session(user)
        if mover is not None:
            self.movers[user] = Mover(0)
        return mover

    def end_session(self, user: str) -> Mover | None:
        """Return the user's held moves, or None if there are none, and forget the user."""
        self.movers.pop(user, None)
        return self._held.pop(user, None)

    def update_rooms(
        self, names: Iterable[str], rooms: Container[str]
    ) -> tuple[list[str], list[str]]:
        """Return which of these rooms have closed and which have opened since the last notice.

        The caller announces them. `rooms` are those that are open now.
        """
        names = [name for name in names if name != LOBBY]
        closed = [name for name in names if name in self.announced and name not in rooms]
        opened = [name for name in names if name not in self.announced and name in rooms]
        self.announced.difference_update(closed)
        self.announced.update(opened)
        return closed, opened
