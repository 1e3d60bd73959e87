"""PaletteIndex: the entries of a palette that match what the user typed, the best ones first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from heapq import nsmallest
from typing import Final

MAX_HITS: Final = 30
"""Most entries that a long palette lists at once. One more typed letter finds the others."""

_SHORT: Final = 150
"""Most entries of a palette that lists all of them: actions and themes can be browsed."""

_GROUP_SIGNS: Final = {"@": "person:", "#": "room:"}
"""What users of other chats write before a name, and the group that they mean."""

_WORD_STARTS: Final = str.maketrans(dict.fromkeys(" :@/-_.", "\n"))
"""A word of a text begins after each of these characters."""


class PaletteIndex:
    """Texts such as `room: dev`, in their order. A letter more searches only the former matches.

    A text matches if it holds the typed characters in this order. Spaces and case do not count. A
    first `@` means `person:`, and `#` means `room:`.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        folded = [text.casefold() for text in texts]
        self._texts = [text.replace(" ", "") for text in folded]
        self._names = [text.partition(":")[2] for text in self._texts]
        self._words = [f"\n{text.translate(_WORD_STARTS)}" for text in folded]
        self._limit = len(folded) if len(folded) <= _SHORT else MAX_HITS
        self._query = ""
        self._matches: Sequence[int] = range(len(folded))
        self.compared = 0
        """The number of texts that the latest search looked at."""

    def search(self, typed: str) -> tuple[list[int], int]:
        """Return the indexes of the best matches, best first, and the number of all matches.

        Equally good matches keep the order of the texts.
        """
        query = "".join(typed.casefold().split())
        query = _GROUP_SIGNS.get(query[:1], query[:1]) + query[1:]
        if not query.startswith(self._query):
            self._matches = range(len(self._texts))
        self.compared = len(self._matches)
        self._query = query
        if not query:
            return list(range(min(self._limit, len(self._texts)))), len(self._texts)
        texts = self._texts
        in_order = re.compile("[^\0]*?".join(map(re.escape, query))).search
        self._matches = [index for index in self._matches if in_order(texts[index])]
        best = nsmallest(
            self._limit, ((self._rank(index, query), index) for index in self._matches)
        )
        return [index for _, index in best], len(self._matches)

    def _rank(self, index: int, query: str) -> int:
        """Return 0 for the best kind of match. The name is the text after the prefix."""
        name, text = self._names[index], self._texts[index]
        if name.startswith(query):
            return 0 if name == query else 1
        if text.startswith(query):
            return 0 if text == query else 2
        if query not in text:
            return 5
        return 3 if f"\n{query}" in self._words[index] else 4
