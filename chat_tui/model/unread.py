"""What others said and nobody has looked at yet, as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from typing import Final

_MAX_AUTHORS: Final = 500
"""Authors of a place that are counted one by one: a server may make up names without end."""

_OTHER_AUTHORS: Final = ""
"""Whom the rest is counted for."""


class Unread:
    """Counts by place and author. A place is a room, or a private conversation."""

    def __init__(self) -> None:
        self._places: dict[str, Counter[str]] = {}

    def add(self, place: str, author: str) -> None:
        """`author` said something there."""
        counts = self._places.setdefault(place, Counter())
        known = author in counts or len(counts) < _MAX_AUTHORS
        counts[author if known else _OTHER_AUTHORS] += 1

    def clear(self, place: str) -> None:
        """Somebody looks at the newest of it."""
        self._places.pop(place, None)

    def count(self, place: str) -> int:
        """How much is unread there."""
        return self._places[place].total() if place in self._places else 0

    def by_author(self, place: str) -> Mapping[str, int]:
        """The same for each author; a copy."""
        return Counter(self._places.get(place, ()))

    def total(self, excluding: Container[str] = ()) -> int:
        """How much is unread in all places but those of `without`."""
        return sum(self.count(place) for place in self._places if place not in excluding)
