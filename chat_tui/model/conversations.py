"""Which private conversations there are, and which one is in view. Pure."""

from __future__ import annotations

from typing import Final

PRIVATE_PREFIX: Final = "@"
"""What the place of a private conversation begins with: no name of a room can."""


def conversation_place(name: str) -> str:
    """The place of the conversation with somebody."""
    return PRIVATE_PREFIX + name


def conversation_partner(place: str) -> str:
    """With whom alone one talks there; empty where the place is a room."""
    return place[len(PRIVATE_PREFIX) :] if place.startswith(PRIVATE_PREFIX) else ""


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
