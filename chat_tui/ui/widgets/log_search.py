"""What is looked for in a log, and where it is. No widget."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from chat_tui.model import Entry, RoomLog
from chat_tui.ui.widgets.log_rows import shown_text


class SearchQuery:
    """Words as they stand, in any case, and `from:NAME` for whoever said it.

    Several names are alternatives. Nothing but spaces finds nothing.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        words = text.split()
        self.authors = {
            word[5:].casefold() for word in words if word[:5].lower() == "from:" and word[5:]
        }
        """Who may have said it; empty: anybody."""
        # What is being typed, "from:", looks for nothing yet.
        sought = " ".join(word for word in words if word[:5].lower() != "from:")
        self._pattern = re.compile(re.escape(sought), re.IGNORECASE) if sought else None
        self.is_empty = not self.authors and self._pattern is None

    def matches(self, entry: Entry) -> bool:
        """Whether this is one of those looked for."""
        if self.is_empty or (self.authors and entry.author.casefold() not in self.authors):
            return False
        return self._pattern is None or self._pattern.search(shown_text(entry)) is not None

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the words stand in the text of an entry that was found."""
        if self._pattern is not None:
            for match in self._pattern.finditer(text):
                yield match.span()


class LogSearch:
    """The entries of a log that a query finds, kept in step with the log, by id.

    `pump_inbox` looks only at what has come since: the stream goes on while one searches.
    """

    def __init__(self, log: RoomLog, query: SearchQuery) -> None:
        self.query = query
        self.current: int | None = None
        """The id of the hit that one is at."""
        self._log = log
        self._hits: list[int] = []
        self._end = log.first
        self.update()

    def update(self) -> None:
        """The log has grown, or forgotten its oldest."""
        log = self._log
        forgotten = bisect_left(self._hits, log.first)
        del self._hits[:forgotten]
        if self.current is not None and self.current < log.first:
            self.current = self._hits[0] if self._hits else None
        if not self.query.is_empty:
            fresh = log.entries(self._end)
            self._hits += [entry.id for entry in fresh if self.query.matches(entry)]
        self._end = log.end

    def __len__(self) -> int:
        return len(self._hits)

    @property
    def number(self) -> int:
        """Which one `current` is, counted from 1 at the oldest; 0: none."""
        return 0 if self.current is None else bisect_left(self._hits, self.current) + 1

    def select_nearest(self, entry_id: int) -> None:
        """To the newest hit that is no newer than this entry; where there is none, the oldest."""
        place = bisect_right(self._hits, entry_id) - 1
        self.current = self._hits[max(0, place)] if self._hits else None

    def step(self, by: int) -> None:
        """To an older (-1) or a newer (1) hit; after the last of them it begins anew."""
        if self._hits:
            self.current = self._hits[(self.number - 1 + by) % len(self._hits)]
