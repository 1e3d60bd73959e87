"""Conversations: the private conversations of the user. Pure."""

from __future__ import annotations

from collections.abc import Iterable


class Conversations:
    """The partners of the private conversations of one user at one server, oldest first."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def listed(self) -> list[str]:
        """Return the names of the partners."""
        return list(self._names)

    def load(self, names: Iterable[str]) -> None:
        """Add the conversations of an earlier session before all others."""
        self._names = dict.fromkeys((*names, *self._names))

    def begin(self, name: str) -> None:
        """Add the conversation with `name` if it is not there."""
        self._names.setdefault(name)

    def end(self, name: str) -> None:
        """Remove the conversation with `name` if it is there."""
        self._names.pop(name, None)
