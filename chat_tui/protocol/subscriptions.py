"""Whom we follow, whom we want to follow, and what is missing between the two."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

MAX_PIPELINED_RESTORES: Final = 8
"""Subscriptions that are asked for again without waiting for an answer: each takes from our
allowance, and what is typed meanwhile must not stand behind hundreds of them."""


class SubscriptionSync:
    """Our subscriptions ("*": everyone), without the one to ourselves.

    Subscriptions are kept by the server across a cut and lost with its end: after signing in it
    is asked what is left, and the rest is asked for again.
    """

    def __init__(self, desired: Iterable[str]) -> None:
        """`desired`: those that there should be once signed in."""
        self.desired = set(desired)
        self.current: set[str] = set()
        self._missing: deque[str] | None = None  # None: not known yet
        self._requested: set[str] = set()
        self._rejected: list[str] = []
        self._answer_count = 0

    @property
    def is_restored(self) -> bool:
        """Whether we hear again whom we heard before, or, of very many, the first ones."""
        if self._missing is None:
            return False
        return (
            not (self._missing or self._requested) or self._answer_count >= MAX_PIPELINED_RESTORES
        )

    def listed(self, names: Iterable[str]) -> None:
        """The server told what there is."""
        self.current = set(names)
        if self._missing is None:
            self._missing = deque(sorted(self.desired - self.current))
        self.desired |= self.current

    def list_unavailable(self) -> None:
        """The server can't tell what there is: all that is wanted has to be asked for."""
        if self._missing is None:
            self._missing = deque(sorted(self.desired))

    def to_restore(self) -> list[str]:
        """Whom to subscribe to now; each is given once."""
        names: list[str] = []
        while self._missing and len(self._requested) < MAX_PIPELINED_RESTORES:
            name = self._missing.popleft()
            if name in self.desired and name not in self.current:
                self._requested.add(name)
                names.append(name)
        return names

    def subscribed(self, name: str) -> None:
        """The server said that we follow `name`."""
        self._restored(name)
        self.current.add(name)
        self.desired.add(name)

    def unsubscribed(self, name: str) -> None:
        """The server said that we do not follow `name`."""
        self.current.discard(name)
        self.desired.discard(name)

    def rejected(self, name: str) -> None:
        """The server would not let us follow `name`."""
        self.desired.discard(name)
        if self._restored(name):
            self._rejected.append(name)

    def take_rejected(self) -> list[str]:
        """Whom we can't follow again; once, when the last answer has come."""
        if self._missing or self._requested:
            return []
        refused, self._rejected = self._rejected, []
        return refused

    def _restored(self, name: str) -> bool:
        """Whether this answers a request of ours to follow `name` again."""
        if name not in self._requested:
            return False
        self._requested.discard(name)
        self._answer_count += 1
        return True
