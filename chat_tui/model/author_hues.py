"""AuthorHues: the hues of the authors of one log, distinct as long as there are free ones."""

from __future__ import annotations

from typing import Final
from zlib import crc32

HUES: Final = 12
"""The number of hues. They are numbered around the circle of colours."""

_MAX_NAMES: Final = 500
"""Most names whose hue is kept, the latest speakers: a hostile server may invent names."""


def author_hue(author: str) -> int:
    """Return the hue that an author gets if it is free, the same on every machine."""
    return crc32(author.encode("utf-8", "surrogatepass")) % HUES


class AuthorHues:
    """The hues of the authors of one log.

    A name keeps its hue in a log. Two names share one only if more than `HUES` people write there;
    then a new author gets the hue that was used least recently. In other logs of the session a
    name has the same hue if it is free there.
    """

    def __init__(self, session: dict[str, int] | None = None) -> None:
        """`session` holds the first hue of each name; the logs of a session share it."""
        self._session = {} if session is None else session
        self._hues: dict[str, int] = {}  # the latest speaker last

    def of(self, author: str) -> int:
        """Return the hue of an author."""
        hue = self._hues.get(author)
        return self.spoke(author) if hue is None else hue

    def spoke(self, author: str) -> int:
        """Return the hue of an author who writes now."""
        hue = self._hues.pop(author, None)
        if hue is None:
            hue = self._choose(self._session.get(author, author_hue(author)))
            _drop_oldest(self._hues)
            if author not in self._session:
                _drop_oldest(self._session)
                self._session[author] = hue
        self._hues[author] = hue
        return hue

    def _choose(self, preferred: int) -> int:
        # Hue -> when it was used last; hues in use only.
        used = {hue: age for age, hue in enumerate(self._hues.values())}
        if preferred not in used:
            return preferred
        free = [hue for hue in range(HUES) if hue not in used]
        if not free:
            return min(used, key=used.__getitem__)
        # The farthest from its neighbours on the circle is the easiest to distinguish.
        return max(free, key=lambda hue: (min(_distance(hue, other) for other in used), -hue))


def _distance(hue: int, other: int) -> int:
    return min((hue - other) % HUES, (other - hue) % HUES)


def _drop_oldest(hues: dict[str, int]) -> None:
    while len(hues) >= _MAX_NAMES:
        del hues[next(iter(hues))]
