"""What is drawn takes the same cells in every terminal: the rest is drawn as a stand-in.

Terminals disagree about families joined by U+200D, U+FE0F, flags, keycaps, skin tones, spacing
vowel signs, characters newer than their tables: where one takes two cells and another one, every
border to the right is bent. What is shown, measured, selected and copied stays the text as it is:
only the last step before the terminal draws something else, as wide as it was measured, underlined.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from rich.cells import get_character_cell_size, split_graphemes
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

PLACEHOLDER: Final = "\N{WHITE VERTICAL RECTANGLE}"
"""One cell of what has no stand-in that looks like it."""

MAX_COMBINING_MARKS: Final = 3
"""Marks on one letter that are drawn: the most that a living script needs, once composed."""

# Latin, Greek, Cyrillic, punctuation, arrows, boxes, kana, ideographs, Hangul: one code point each,
# as wide everywhere. Whatever joins or marks a neighbour is not among them.
_SAFE: Final = re.compile(
    "[\x20-\x7e\xa0-\xac\xae-\u02ff\u0391-\u03a1\u03a3-\u0482\u2010-\u2027\u2030-\u205e\u2190-\u21ff"
    "\u2500-\u25fc\u3041-\u3096\u30a0-\u30ff\u4e00-\u9fff\uac00-\ud7a3]*"
).fullmatch

# Wide since Unicode 15 or 16, when they came or changed: narrow or nothing to many a terminal. And
# circled tens, about which the C libraries disagree.
_DISPUTED: Final = re.compile(
    "[\u3248-\u324f\u2630-\u2637\u268a-\u268f\u4dc0-\u4dff\U0001d300-\U0001d376\U0001f6dc\U0001fa75-\U0001fa77"
    "\U0001fa87-\U0001fa8f\U0001faad-\U0001faaf\U0001fabb-\U0001fabf\U0001fac6-\U0001facf"
    "\U0001fada-\U0001fadf\U0001fae8-\U0001faef\U0001faf7-\U0001faff]"
).match

_JOINER: Final = "\N{ZERO WIDTH JOINER}"
_GRAPHEME_JOINER: Final = "\N{COMBINING GRAPHEME JOINER}"
_SOFT_HYPHEN: Final = "\N{SOFT HYPHEN}"
_FLAG_LETTERS: Final = range(0x1F1E6, 0x1F200)
_UNDERLINED: Final = Style(underline=True)


class WidthFilter(LineFilter):
    """The last step before the terminal: nothing is drawn about whose width terminals disagree.

    Nor does any control character pass: what draws is ours, what is drawn may come from anybody.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments, each as wide as it was. Called by Textual for every line."""
        if all(_SAFE(segment.text) for segment in segments):
            return segments
        drawn: list[Segment] = []
        for segment in segments:
            if segment.control or _SAFE(segment.text):
                drawn.append(segment)
                continue
            style = segment.style or Style.null()
            for text, is_itself in substitute(segment.text):
                drawn.append(Segment(text, style if is_itself else style + _UNDERLINED))
        return drawn


@lru_cache(4096)
def substitute(text: str) -> tuple[tuple[str, bool], ...]:
    """What is drawn for `text`, in pieces: and of each whether it is what stands there.

    As many cells as Textual measured, in every terminal. What has no width is left out.
    """
    pieces: list[tuple[str, bool]] = []
    for start, end, cells in split_graphemes(text)[0]:
        if not cells:
            continue
        cluster = text[start:end]
        drawn = _draw_cluster(cluster, cells)
        is_itself = unicodedata.normalize("NFC", cluster) == drawn
        if pieces and pieces[-1][1] is is_itself:
            drawn = pieces.pop()[0] + drawn
        pieces.append((drawn, is_itself))
    return tuple(pieces)


def _draw_cluster(cluster: str, cells: int) -> str:
    """What is drawn, in so many cells, for what a person takes for one character."""
    composed = unicodedata.normalize("NFC", cluster)
    first, others = composed[0], composed[1:]
    if first == _SOFT_HYPHEN:
        return "-"
    if ord(first) in _FLAG_LETTERS:
        return chr(ord(first) - _FLAG_LETTERS.start + ord("A"))
    width = _width(first)
    visible = [other for other in others if get_character_cell_size(other)]
    # Joined to it may be pictures, which it stands for: a letter would be hidden.
    hides = any(unicodedata.category(other) != "So" for other in visible)
    if not 0 < width <= cells or hides or (visible and _JOINER not in others):
        return PLACEHOLDER * cells
    marks = [other for other in others if _is_mark(other)]
    return first + "".join(marks[:MAX_COMBINING_MARKS]) + " " * (cells - width)


def _width(character: str) -> int:
    """Cells that all terminals give it, 0 where they disagree or where it shows nothing."""
    if _DISPUTED(character) or unicodedata.category(character) in ("Cn", "Co", "Cf", "Cc", "Cs"):
        return 0
    width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return width if get_character_cell_size(character) == width else 0


def _is_mark(character: str) -> bool:
    """Whether it is drawn over its letter and takes no cell, wherever; U+FE0F is no such mark."""
    is_selector = 0xFE00 <= ord(character) <= 0xFE0F or ord(character) >= 0xE0000
    is_mark = unicodedata.category(character) == "Mn" and character != _GRAPHEME_JOINER
    return is_mark and not is_selector and get_character_cell_size(character) == 0
