"""The private messages that wait for recipients, as numbers. Part of the state of the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

MAX_FROM_ONE: Final = 100
"""Most messages of one author that wait for one recipient. A recipient that never follows the
author never asks for them, so they must not fill the disk."""

MAX_FOR_ONE: Final = 1000
"""Most messages that wait for one recipient, by all authors."""


class WaitingMessages:
    """How many private messages wait, by recipient and author. Changed under the hub's lock."""

    __slots__ = ("_by_recipient",)

    def __init__(self, numbers: Mapping[tuple[str, str], int]) -> None:
        """`numbers`: by recipient and author, as an earlier server stored them."""
        self._by_recipient: dict[str, dict[str, tuple[int, int]]] = {}
        """The number and the newest stamp. The stamp is 0 if an earlier server kept them."""
        for (recipient, author), count in numbers.items():
            self._by_recipient.setdefault(recipient, {})[author] = count, 0

    def has_room(self, recipient: str, author: str) -> bool:
        """Return whether one more message may wait."""
        by_author = self._by_recipient.get(recipient, {})
        return (
            by_author.get(author, (0, 0))[0] < MAX_FROM_ONE
            and sum(count for count, _ in by_author.values()) < MAX_FOR_ONE
        )

    def numbers(self, recipient: str) -> dict[str, int]:
        """Return how many messages wait for a recipient, by author."""
        return {
            author: count
            for author, (count, _) in self._by_recipient.get(recipient, {}).items()
            if count
        }

    def remove(self, recipient: str, numbers: Iterable[tuple[str, int]]) -> None:
        """Count fewer messages, which are gone. `numbers`: how many, by author."""
        by_author = self._by_recipient.get(recipient, {})
        for author, gone in numbers:
            if author in by_author:
                count, stamp = by_author[author]
                by_author[author] = max(0, count - gone), stamp

    def newest(self, recipient: str, author: str) -> int:
        """Return the stamp of the newest message that has waited, or 0."""
        return self._by_recipient.get(recipient, {}).get(author, (0, 0))[1]

    def add(self, recipient: str, author: str, stamp: int) -> None:
        """Count a message that is kept."""
        by_author = self._by_recipient.setdefault(recipient, {})
        by_author[author] = by_author.get(author, (0, 0))[0] + 1, stamp

    def load(self, recipient: str, author: str, count: int, stamp: int) -> None:
        """Set a number and its newest stamp, from a snapshot."""
        self._by_recipient.setdefault(recipient, {})[author] = count, stamp

    def clear(self, recipient: str, author: str) -> None:
        """Stop counting messages by one author, because the recipient has asked for them.

        The stamp remains until `end_session`: the recipient may ask for the next page.
        """
        by_author = self._by_recipient.get(recipient, {})
        if author in by_author:
            by_author[author] = 0, by_author[author][1]

    def end_session(self, recipient: str) -> None:
        """Forget the authors whose messages the recipient has asked for."""
        by_author = self._by_recipient.get(recipient, {})
        for author in [author for author, (count, _) in by_author.items() if not count]:
            del by_author[author]
        if not by_author:
            self._by_recipient.pop(recipient, None)

    def forget(self, user: str) -> None:
        """Forget all messages for and by a user."""
        self._by_recipient.pop(user, None)
        for by_author in self._by_recipient.values():
            by_author.pop(user, None)

    def rename(self, old: str, new: str) -> None:
        """Give the messages for and by a user to another name."""
        if old in self._by_recipient:
            self._by_recipient[new] = self._by_recipient.pop(old)
        for by_author in self._by_recipient.values():
            if old in by_author:
                by_author[new] = by_author.pop(old)

    def snapshot(self) -> dict[str, dict[str, tuple[int, int]]]:
        """Return a copy of the numbers and stamps, by recipient and author."""
        return {recipient: dict(each) for recipient, each in self._by_recipient.items()}
