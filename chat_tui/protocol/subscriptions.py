"""Whom we follow, whom we want to follow, and what is missing between the two."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

RESTORED_AT_ONCE: Final = 8
"""Subscriptions that are asked for again without waiting for an answer: each takes from our
allowance, and what is typed meanwhile must not stand behind hundreds of them."""


class Following:
    """Our subscriptions ("*": everyone), without the one to ourselves.

    Subscriptions are kept by the server across a cut and lost with its end: after signing in it
    is asked what is left, and the rest is asked for again.
    """

    def __init__(self, wanted: Iterable[str]) -> None:
        """`wanted`: those that there should be once signed in."""
        self.wanted = set(wanted)
        self.followed: set[str] = set()
        self._missing: deque[str] | None = None  # None: not known yet
        self._asked: set[str] = set()
        self._refused: list[str] = []
        self._answered = 0

    @property
    def is_back(self) -> bool:
        """Whether we hear again whom we heard before, or, of very many, the first ones."""
        if self._missing is None:
            return False
        return not (self._missing or self._asked) or self._answered >= RESTORED_AT_ONCE

    def listed(self, names: Iterable[str]) -> None:
        """The server told what there is."""
        self.followed = set(names)
        if self._missing is None:
            self._missing = deque(sorted(self.wanted - self.followed))
        self.wanted |= self.followed

    def not_listed(self) -> None:
        """The server can't tell what there is: all that is wanted has to be asked for."""
        if self._missing is None:
            self._missing = deque(sorted(self.wanted))

    def to_restore(self) -> list[str]:
        """Whom to subscribe to now; each is given once."""
        names: list[str] = []
        while self._missing and len(self._asked) < RESTORED_AT_ONCE:
            name = self._missing.popleft()
            if name in self.wanted and name not in self.followed:
                self._asked.add(name)
                names.append(name)
        return names

    def follows(self, name: str) -> None:
        """The server said that we follow `name`."""
        self._came_back(name)
        self.followed.add(name)
        self.wanted.add(name)

    def follows_not(self, name: str) -> None:
        """The server said that we do not follow `name`."""
        self.followed.discard(name)
        self.wanted.discard(name)

    def refused(self, name: str) -> None:
        """The server would not let us follow `name`."""
        self.wanted.discard(name)
        if self._came_back(name):
            self._refused.append(name)

    def take_refused(self) -> list[str]:
        """Whom we can't follow again; once, when the last answer has come."""
        if self._missing or self._asked:
            return []
        refused, self._refused = self._refused, []
        return refused

    def _came_back(self, name: str) -> bool:
        """Whether this answers a request of ours to follow `name` again."""
        if name not in self._asked:
            return False
        self._asked.discard(name)
        self._answered += 1
        return True
