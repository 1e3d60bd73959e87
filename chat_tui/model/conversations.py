"""Which private conversations there are, and which one is in view. Pure."""

from __future__ import annotations

from typing import Final

MARK: Final = "@"
"""What the place of a private conversation begins with: no name of a room can."""


def place_of(name: str) -> str:
    """The place of the conversation with somebody."""
    return MARK + name


def person_of(place: str) -> str:
    """With whom alone one talks there; empty where the place is a room."""
    return place[len(MARK) :] if place.startswith(MARK) else ""


class Conversations:
    """The conversations of one person at one server, the first begun first."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self.viewed = ""
        """With whom the conversation in view is; empty: a room is in view."""

    def listed(self) -> list[str]:
        """With whom they are."""
        return list(self._names)

    def begin(self, name: str) -> None:
        """There is one with `name`."""
        self._names.setdefault(name)

    def end(self, name: str) -> None:
        """There is none with `name` any more."""
        self._names.pop(name, None)
