"""Comparison of text, whatever its case, its Unicode form and its spaces. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_SPACE: Final = re.compile(r"\s")

# Characters that Unicode may compose with the one before them, apart from marks: the later letters
# of a Hangul syllable, and half-width voice signs.
_CONTINUES: Final = re.compile("[\u1160-\u11ff\ud7b0-\ud7ff\uff9e\uff9f\uffa0-\uffdc]").match


def fold(text: str) -> str:
    """Return `text` in the form in which it is compared with other folded text.

    Case, width and the Unicode form are gone (NFKC, casefold), and each space is U+0020.
    """
    if text.isascii():
        if text.isprintable():  # its only white space is U+0020
            return text.lower()
        return _SPACE.sub(" ", text.lower())
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", folded))


class FoldedText:
    """Folded text that knows which characters of the original each of its characters is."""

    def __init__(self, text: str) -> None:
        self.original = text
        self.text = fold(text)
        self._starts: list[int] | None = None
        if len(self.text) != len(text) or not text.isascii():
            self._map()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original for a non-empty span of the folded text.

        A character of the original that is in it in part is in it as a whole.
        """
        if self._starts is None:
            return start, end
        last = self._starts[end - 1]
        following = next((at for at in self._starts[end:] if at > last), len(self.original))
        return self._starts[start], following

    def _map(self) -> None:
        folded: list[str] = []
        starts: list[int] = []
        for start, cluster in _clusters(self.original):
            part = fold(cluster)
            folded.append(part)
            starts += [start] * len(part)
        # The same text, unless two clusters compose, which they never do in a living script.
        self.text, self._starts = "".join(folded), starts


def _clusters(text: str) -> Iterator[tuple[int, str]]:
    """Yield the parts of `text` that can be normalised one by one, with their positions."""
    start = 0
    for index in range(1, len(text)):
        character = text[index]
        if unicodedata.category(character)[0] != "M" and not _CONTINUES(character):
            yield start, text[start:index]
            start = index
    if text:
        yield start, text[start:]
