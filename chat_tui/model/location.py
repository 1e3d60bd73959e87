"""Location: a room or a private conversation. Pure."""

from __future__ import annotations

from typing import Final, Self

PRIVATE_PREFIX: Final = "@"
"""The first character of a private conversation. No name of a room can begin with it."""


class Location(str):
    """A place that the user can view and write to: a room (`dev`) or a conversation (`@bob`).

    It is equal to its text, which is the key in the files of drafts and of muted locations.
    """

    __slots__ = ()

    @classmethod
    def private(cls, name: str) -> Self:
        """Return the private conversation with `name`."""
        return cls(PRIVATE_PREFIX + name)

    @property
    def partner(self) -> str:
        """The name of the other person in a private conversation, empty for a room."""
        return self[len(PRIVATE_PREFIX) :] if self.startswith(PRIVATE_PREFIX) else ""

    @property
    def is_private(self) -> bool:
        """True for a private conversation."""
        return bool(self.partner)
