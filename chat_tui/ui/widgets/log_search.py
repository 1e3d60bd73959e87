"""SearchQuery and LogSearch: the hits of a query in a log. Not a widget."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator

from chat_tui.model import Entry, FoldedText, RoomLog, fold
from chat_tui.ui.widgets.log_rows import shown_text


class SearchQuery:
    """A text, and `from:NAME` for the author.

    The text is matched whatever its case, its Unicode form and its spaces. Several names are
    alternatives. A query of nothing but spaces matches nothing.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        terms = text.split()
        self.authors = {
            fold(term[5:]) for term in terms if term[:5].lower() == "from:" and term[5:]
        }
        """The names of the authors, folded; empty: any author."""
        self.words = tuple(term for term in terms if term[:5].lower() != "from:")
        """The terms that a text must contain."""
        # A bare "from:", while the user types it, is not a term yet.
        literals = [re.escape(fold(word)) for word in self.words]
        self._pattern = re.compile(" +".join(literals)) if literals else None
        self.is_empty = not self.authors and self._pattern is None

    def matches(self, entry: Entry) -> bool:
        """Return True if the entry is a hit."""
        if self.is_empty or not self.is_by_author(entry):
            return False
        return self._pattern is None or self._pattern.search(fold(shown_text(entry))) is not None

    def is_by_author(self, entry: Entry) -> bool:
        """Return True if the entry's author is one of `authors`, or if there are none."""
        return not self.authors or fold(entry.author) in self.authors

    def word_spans(self, text: str) -> list[tuple[int, int]]:
        """Return the spans of each word by itself, from left to right."""
        if not self.words:
            return []
        folded = FoldedText(text)
        pattern = "|".join(re.escape(fold(word)) for word in self.words)
        return [folded.span(*match.span()) for match in re.finditer(pattern, folded.text)]

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of the text in the shown text of a hit."""
        if self._pattern is not None:
            folded = FoldedText(text)
            for match in self._pattern.finditer(folded.text):
                yield folded.span(*match.span())


class LogSearch:
    """The hits of a query in a log, by entry id, oldest first. `update` follows the log."""

    def __init__(
        self,
        log: RoomLog,
        query: SearchQuery,
        is_shown: Callable[[Entry], bool] = lambda entry: True,
    ) -> None:
        """`is_shown` returns False for an entry that has no rows: it is never a hit."""
        self.query = query
        self._is_shown = is_shown
        self.current: int | None = None
        """The id of the current hit."""
        self._log = log
        self._hits: list[int] = []
        self._first = self._end = log.first
        self.update()

    def update(self) -> None:
        """Search the entries that came since the last call, also above; drop the evicted ones."""
        log = self._log
        del self._hits[: bisect_left(self._hits, log.first)]
        del self._hits[bisect_left(self._hits, log.end) :]
        if self.current is not None and self._hits:
            self.current = min(max(self.current, self._hits[0]), self._hits[-1])
        elif not self._hits:
            self.current = None
        if not self.query.is_empty:
            self._hits[:0] = self._hits_in(log.entries(None, self._first))
            self._hits += self._hits_in(log.entries(self._end))
        self._first, self._end = log.first, log.end

    def _hits_in(self, entries: Iterable[Entry]) -> list[int]:
        return [
            entry.id for entry in entries if self.query.matches(entry) and self._is_shown(entry)
        ]

    def __len__(self) -> int:
        return len(self._hits)

    @property
    def number(self) -> int:
        """The number of the current hit, counted from 1 at the oldest; 0: none."""
        return 0 if self.current is None else bisect_left(self._hits, self.current) + 1

    def select_nearest(self, entry_id: int) -> None:
        """Select the newest hit at or above this entry; without one, the oldest hit."""
        index = bisect_right(self._hits, entry_id) - 1
        self.current = self._hits[max(0, index)] if self._hits else None

    def step(self, by: int) -> None:
        """Select an older (-1) or a newer (1) hit; after the last one, start from the other end."""
        if self._hits:
            self.current = self._hits[(self.number - 1 + by) % len(self._hits)]
