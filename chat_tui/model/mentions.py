"""Mentions: which texts are addressed to the user."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from chat_tui.model.links import find_links
from chat_tui.model.text_match import FoldedText, fold

# A name has letters, marks, digits, "_", "-" and "." of any script (protocol, section 4). "-", "."
# or "@" next to a name belongs to another name or an address if a letter or digit is on its other
# side: "bob-2: hi" is not for bob, but "bob- hi" and "hi, bob." are.
_JOINING: Final = ("-", ".", "@")

# Scripts whose words are written without spaces, or with endings attached to a name: a letter of
# them next to a name begins another word.
_ATTACHED: Final = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf"
    "\u1b00-\u1b7f\u3005-\u3007\u3021-\u3029\u3041-\u30ff\u3105-\u318f\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua980-\ua9ff\uaa60-\uaa7f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f"
    "\U00020000-\U0003ffff]"
).match

_BACKTICKS: Final = re.compile("`+")
_LISTED_NAME: Final = re.compile(r"/([^\s/:,;!?]+)").match

_MAX_NAMES: Final = 2_000
"""Names of others that are known at once: a hostile server may invent names."""

_Span = tuple[int, int]


class MentionFinder:
    """The names and words that are searched for. Two are equal if they find the same.

    A text is compared whatever its case, its Unicode form and its spaces (`text_match.fold`).
    """

    def __init__(self, terms: Iterable[str], names: Collection[str]) -> None:
        """`terms` are addressed to the user; `names` are the folded names of other people.

        `names` may grow later, but not by a name that holds a term.
        """
        self._terms = frozenset(filter(None, (fold(term).strip() for term in terms)))
        self._names = names
        # A longer name that holds a term is not a mention of the term.
        self._longer = frozenset(name for name in names if self.is_in(name)) - self._terms
        words = self._terms | self._longer
        # A short name may be in thousands of others, so words are looked up, not tried in turn.
        self._words = frozenset(word for word in words if " " not in word)
        self._lengths = sorted({len(word) for word in self._words}, reverse=True)
        self._phrases = [_pattern(word) for word in words - self._words]
        self._any = re.compile("|".join(_pattern(term).pattern for term in self._terms))
        self._first = re.compile("|".join(re.escape(letter) for letter in {w[0] for w in words}))

    def __eq__(self, other: object) -> bool:
        # `_names` decides only about lists of names such as "alice/bob".
        return isinstance(other, MentionFinder) and (
            (self._terms, self._longer) == (other._terms, other._longer)
        )

    def __hash__(self) -> int:
        return hash((self._terms, self._longer))

    def is_in(self, name: str) -> bool:
        """Return True if a folded name holds a term."""
        return any(term in name for term in self._terms)

    def matches(self, text: str) -> bool:
        """Return True if `text` is addressed to the user."""
        # Most messages mention no one: they are not searched for links and code.
        if not self._terms or self._any.search(fold(text)) is None:
            return False
        return next(self.spans(text), None) is not None

    def spans(self, text: str) -> Iterator[_Span]:
        """Yield the spans of the names and words in `text`, from left to right."""
        if not self._terms or self._any.search(fold(text)) is None:
            return
        folded = FoldedText(text)
        excluded = [(link.start, link.end) for link in find_links(text)]
        excluded += _code_spans(text)
        position = 0
        while found := self._first.search(folded.text, position):
            start = found.start()
            end = self._end_of_word(folded.text, start)
            position = start + 1 if end is None else end
            if end is None or " ".join(folded.text[start:end].split()) in self._longer:
                continue
            span = folded.span(start, end)
            if not any(low <= span[0] < high for low, high in excluded):
                yield span

    def _end_of_word(self, text: str, start: int) -> int | None:
        """Return the end of the longest term that is a whole word at `start`; None: none is."""
        for end in self._ends(text, start):
            low, high = start, end
            # "_bob_" is emphasis, "bob_" is another name.
            while low and text[low - 1] == "_" == text[high : high + 1]:
                low, high = low - 1, high + 1
            if self._is_edge(text[start], text[:low][::-1], forwards=False) and self._is_edge(
                text[end - 1], text[high:], forwards=True
            ):
                return end
        return None

    def _ends(self, text: str, start: int) -> list[int]:
        """Return the ends of all terms that are at `start`, the longest first."""
        ends = [
            start + length
            for length in self._lengths
            if start + length <= len(text) and text[start : start + length] in self._words
        ]
        matches = (phrase.match(text, start) for phrase in self._phrases)
        phrases = [match.end() for match in matches if match is not None]
        return sorted({*ends, *phrases}, reverse=True) if phrases else ends

    def _is_edge(self, last: str, beyond: str, *, forwards: bool) -> bool:
        """Return True if a word ends with its character `last`.

        `beyond` is the text on that side, from the word outwards.
        """
        near, far = beyond[:1], beyond[1:2]
        if near == "/":  # "alice/bob: look" is for both, a path is for neither
            name = _LISTED_NAME(beyond)
            listed = "" if name is None else name[1] if forwards else name[1][::-1]
            return listed.rstrip(".") in self._names or listed in self._terms
        if near in ("\\", "_") or (near in ("#", "$") and not forwards):
            return False
        if near in _JOINING:  # an address or another name
            return not _in_word(far) or _is_attached(far)
        if not _in_word(near) or _is_attached(near):
            return True
        return _is_attached(last) and near.isalpha()


class Mentions:
    """The user's name and keywords, and the names of other people."""

    def __init__(self) -> None:
        self.user = ""
        self.keywords: tuple[str, ...] = ()
        self._names: set[str] = set()
        self._seen: set[str] = set()  # the same names as they are written
        self.finder = MentionFinder((), self._names)
        """Finds the name and each keyword. It is replaced when it would find something else."""

    def configure(self, *, user: str | None = None, keywords: Sequence[str] | None = None) -> None:
        """Set the name, the keywords or both; None keeps the current value."""
        if user is not None:
            self.user = user
        if keywords is not None:
            self.keywords = tuple(keywords)
        self.finder = MentionFinder((self.user, *self.keywords), self._names)

    def know(self, names: Iterable[str]) -> None:
        """Add names of people: a longer name that holds the user's is not a mention of the user."""
        unseen = [name for name in names if name not in self._seen]
        if not unseen:
            return
        if len(self._seen) >= _MAX_NAMES:
            self._names.clear()
            self._seen.clear()
        self._seen.update(unseen)
        new = {fold(name) for name in unseen if name != self.user} - self._names
        self._names |= new
        if any(map(self.finder.is_in, new)):
            self.configure()

    def matches(self, text: str) -> bool:
        """Return True if `text` is addressed to the user."""
        return self.finder.matches(text)


def _pattern(term: str) -> re.Pattern[str]:
    """Return a pattern of a folded term, with any number of spaces between its words."""
    return re.compile(re.escape(term).replace("\\ ", " +"))


def _code_spans(text: str) -> Iterator[_Span]:
    """Yield the spans between backticks: as many at the end as at the beginning."""
    runs = [run.span() for run in _BACKTICKS.finditer(text)]
    by_length: dict[int, list[int]] = {}
    for index, (start, end) in enumerate(runs):
        by_length.setdefault(end - start, []).append(index)
    index = 0
    while index < len(runs):
        start, end = runs[index]
        alike = by_length[end - start]
        number = bisect_right(alike, index)
        if number < len(alike):
            index = alike[number]
            yield start, runs[index][1]
        index += 1


def _in_word(character: str) -> bool:
    """Return True for a letter, mark or digit."""
    return bool(character) and unicodedata.category(character)[0] in "LMN"


def _is_attached(character: str) -> bool:
    return _ATTACHED(character) is not None
