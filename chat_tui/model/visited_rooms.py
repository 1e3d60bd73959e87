"""VisitedRooms: the rooms that stay in the list while they are empty. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MAX_VISITED: Final = 100
"""Most rooms that are kept: those visited last."""

MAX_FORGOTTEN: Final = 200
"""Most forgotten rooms that are remembered: those forgotten last."""


class VisitedRooms:
    """The rooms that the user has visited and not forgotten.

    A forgotten room is remembered as such: the server still counts its unread messages.
    """

    def __init__(self) -> None:
        self._visited: dict[str, None] = {}  # the one visited last is the last
        self._forgotten: dict[str, None] = {}
        self._reported: set[str] = set()  # the rooms that only the server counts as visited

    def __contains__(self, room: str) -> bool:
        return room in self._visited

    @property
    def names(self) -> list[str]:
        """The rooms, the one visited last is the last."""
        return list(self._visited)

    @property
    def forgotten(self) -> list[str]:
        """The forgotten rooms, the one forgotten last is the last."""
        return list(self._forgotten)

    def load(self, names: Iterable[str], forgotten: Iterable[str]) -> None:
        """Add the rooms of an earlier session, as if all that happened before this session."""
        visited, forgotten_now, reported = self._visited, self._forgotten, self._reported
        self._visited, self._forgotten, self._reported = {}, {}, set()
        for room in names:
            self.visit(room)
        for room in forgotten:
            self.forget(room)
        for room in visited:
            if room in reported:
                self.report(room)
            else:
                self.visit(room)
        for room in forgotten_now:
            self.forget(room)

    def visit(self, room: str) -> None:
        """Keep a room: the user has entered it, or wants it back."""
        self._forgotten.pop(room, None)
        self._visited.pop(room, None)
        self._reported.discard(room)
        self._visited[room] = None
        for oldest in list(self._visited)[:-MAX_VISITED]:
            del self._visited[oldest]
            self._reported.discard(oldest)

    def report(self, room: str) -> None:
        """Keep a room that the server counts as visited, unless the user has forgotten it."""
        if room not in self._visited and room not in self._forgotten:
            self.visit(room)
            self._reported.add(room)

    def forget(self, room: str) -> None:
        """Keep a room no longer."""
        self._visited.pop(room, None)
        self._reported.discard(room)
        self._forgotten.pop(room, None)
        self._forgotten[room] = None
        for oldest in list(self._forgotten)[:-MAX_FORGOTTEN]:
            del self._forgotten[oldest]
