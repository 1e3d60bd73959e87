"""Unread: the numbers of messages of others that the user has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from typing import Final

_MAX_AUTHORS: Final = 500
"""Most authors of a location that are counted each: a hostile server may invent names."""

_OTHER_AUTHORS: Final = ""
"""The key for messages of all other authors."""


class Unread:
    """The unread counts by location (a room or a private conversation) and author."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}

    def add(self, location: str, author: str) -> None:
        """Count one message of `author`."""
        counts = self._counts.setdefault(location, Counter())
        known = author in counts or len(counts) < _MAX_AUTHORS
        counts[author if known else _OTHER_AUTHORS] += 1

    def clear(self, location: str) -> None:
        """Count nothing: the user has seen the newest message."""
        self._counts.pop(location, None)

    def count(self, location: str) -> int:
        """Return the number of unread messages in a location."""
        return self._counts[location].total() if location in self._counts else 0

    def by_author(self, location: str) -> Mapping[str, int]:
        """Return a copy of the numbers of unread messages in a location, by author."""
        return Counter(self._counts.get(location, ()))

    def total(self, excluding: Container[str] = ()) -> int:
        """Return the number of unread messages in all locations that are not in `excluding`."""
        return sum(self.count(location) for location in self._counts if location not in excluding)
