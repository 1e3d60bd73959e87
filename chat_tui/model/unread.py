"""Unread: the numbers of messages of others that the user has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from typing import Final, NamedTuple

_MAX_COUNTED: Final = 1000
"""The server counts no further: this number means "at least"."""

_MAX_AUTHORS: Final = 500
"""Most authors of a location that are counted each: a hostile server may invent names."""

_MAX_REPORTED: Final = 1000
"""Most locations whose numbers of the server are kept: a hostile server may invent names."""

_OTHER_AUTHORS: Final = ""
"""The key for messages of all other authors."""


class UnreadNumbers(NamedTuple):
    """The numbers of one location."""

    messages: int = 0
    mentions: int = 0
    """How many of the messages mention the user."""


class Unread:
    """The unread numbers by location (a room or a private conversation).

    Each number is the sum of three. The client counts the messages that it received while the user
    was not looking, also by author. The server counts those that it has for the user and did not
    send. The client requests these when the user enters the location, so no message is in both.
    The third is what an earlier run of the client received, and the user never saw.
    """

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._mentions: Counter[str] = Counter()
        self._reported: dict[str, UnreadNumbers] = {}
        self._restored: dict[str, UnreadNumbers] = {}
        self._since: dict[str, None] = {}  # the locations with unread messages, the oldest first

    def add(self, location: str, author: str, *, mention: bool = False) -> None:
        """Count one message of `author` that the client received."""
        counts = self._counts.setdefault(location, Counter())
        known = author in counts or len(counts) < _MAX_AUTHORS
        counts[author if known else _OTHER_AUTHORS] += 1
        self._mentions[location] += mention
        self._since.setdefault(location)

    def report(self, location: str, numbers: UnreadNumbers) -> None:
        """Replace the server's numbers of a location."""
        if numbers.messages > 0 and (
            location in self._reported or len(self._reported) < _MAX_REPORTED
        ):
            self._reported[location] = numbers
            self._since.setdefault(location)
        else:
            self._reported.pop(location, None)
            self._end_if_zero(location)

    def restore(self, location: str, numbers: UnreadNumbers) -> None:
        """Add what an earlier run of the client received, until its messages come in a page."""
        if numbers.messages > 0:
            self._restored[location] = numbers
            self._since.setdefault(location)

    def drop_restored(self, location: str) -> None:
        """Count nothing of an earlier run: its messages are counted as they are received again."""
        if self._restored.pop(location, None) is not None:
            self._end_if_zero(location)

    def unseen(self) -> dict[str, UnreadNumbers]:
        """Return the numbers of what was received, now or in an earlier run, by location."""
        locations = self._counts.keys() | self._restored.keys()
        return {location: self._unseen_in(location) for location in locations}

    def reported(self, location: str) -> UnreadNumbers:
        """Return the server's numbers of a location."""
        return self._reported.get(location, UnreadNumbers())

    @property
    def reported_locations(self) -> list[str]:
        """The locations for which the server's number is not zero."""
        return list(self._reported)

    def clear(self, location: str) -> None:
        """Count nothing of what was received: the user has seen the newest message."""
        self._counts.pop(location, None)
        self._mentions.pop(location, None)
        self._end_if_zero(location)

    def forget(self, location: str) -> None:
        """Count nothing at all: the user can no longer view the location."""
        self._reported.pop(location, None)
        self._restored.pop(location, None)
        self.clear(location)

    def numbers(self, location: str) -> UnreadNumbers:
        """Return the numbers of a location."""
        return _sum(self._unseen_in(location), self.reported(location))

    def count(self, location: str) -> int:
        """Return the number of unread messages in a location."""
        return self.numbers(location).messages

    def by_author(self, location: str) -> Mapping[str, int]:
        """Return a copy of the numbers of received messages in a location, by author."""
        return Counter(self._counts.get(location, ()))

    def total(self, excluding: Container[str] = ()) -> int:
        """Return the number of unread messages in all locations that are not in `excluding`."""
        return sum(self.count(location) for location in self._since if location not in excluding)

    @property
    def locations(self) -> list[str]:
        """The locations with unread messages: first those that have had some for the longest."""
        return list(self._since)

    def _unseen_in(self, location: str) -> UnreadNumbers:
        received = self._counts[location].total() if location in self._counts else 0
        return _sum(
            UnreadNumbers(received, self._mentions[location]),
            self._restored.get(location, UnreadNumbers()),
        )

    def _end_if_zero(self, location: str) -> None:
        if not any(location in of for of in (self._counts, self._reported, self._restored)):
            self._since.pop(location, None)


def _sum(*numbers: UnreadNumbers) -> UnreadNumbers:
    return UnreadNumbers(sum(n.messages for n in numbers), sum(n.mentions for n in numbers))


def shown_count(count: int) -> str:
    """Return a number of unread messages as it is shown, empty for 0."""
    return f"{_MAX_COUNTED}+" if count >= _MAX_COUNTED else str(count or "")
