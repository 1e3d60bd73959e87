"""Filter that draws every text in the same number of cells in every terminal.

Terminals disagree about the width of some text: families joined by U+200D, U+FE0F, flags, keycaps,
skin tones, spacing vowel signs, characters newer than their tables. If one terminal gives such a
text two cells and another one gives it one, every border to its right is bent. The text that is
laid out, measured, selected and copied is not changed. Only the last step before the terminal draws
a replacement, as wide as the text was measured, and underlines it.
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
"""Drawn for each cell of a text that has no replacement that looks like it."""

MAX_COMBINING_MARKS: Final = 3
"""Most combining marks drawn on one letter. No living script needs more, once composed."""

# Latin, Greek, Cyrillic, punctuation, arrows, boxes, kana, ideographs, Hangul: one code point each,
# of the same width in every terminal. No character that joins or marks a neighbour is among them.
_SAFE: Final = re.compile(
    "[\x20-\x7e\xa0-\xac\xae-\u02ff\u0391-\u03a1\u03a3-\u0482\u2010-\u2027\u2030-\u205e\u2190-\u21ff"
    "\u2500-\u25fc\u3041-\u3096\u30a0-\u30ff\u4e00-\u9fff\uac00-\ud7a3]*"
).fullmatch

# Added or made wide by Unicode 15 or 16: many terminals draw them narrow or not at all. Also the
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
    """The last step before the terminal: replaces text whose width terminals disagree about.

    It also removes every control character from text. Control segments come from the client
    itself and pass; text may come from any peer.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments of a line, each as wide as before. Textual calls it for each line."""
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
    """Return what to draw for `text`, in pieces; each with True if it is the original text.

    The pieces take as many cells as `rich.cells.cell_len(text)` in every terminal. Characters
    that were measured as 0 cells are left out.
    """
    pieces: list[tuple[str, bool]] = []
    # `cell_len` counts a joiner and the character after it as 0 cells, but `split_graphemes` gives
    # that character its own cells if the joiner begins the text. `cell_len` decides: Textual lays
    # out the line with it.
    start = 0
    while text.startswith(_JOINER, start):
        start += 2
    text = text[start:]
    for begin, end, cells in split_graphemes(text)[0]:
        if not cells:
            continue
        cluster = text[begin:end]
        drawn = _draw_cluster(cluster, cells)
        is_itself = unicodedata.normalize("NFC", cluster) == drawn
        if pieces and pieces[-1][1] is is_itself:
            drawn = pieces.pop()[0] + drawn
        pieces.append((drawn, is_itself))
    return tuple(pieces)


def _draw_cluster(cluster: str, cells: int) -> str:
    """Return what to draw, in exactly `cells` cells, for one grapheme cluster."""
    composed = unicodedata.normalize("NFC", cluster)
    first, others = composed[0], composed[1:]
    if first == _SOFT_HYPHEN:
        return "-"
    if ord(first) in _FLAG_LETTERS:
        return chr(ord(first) - _FLAG_LETTERS.start + ord("A"))
    width = _width(first)
    visible = [other for other in others if get_character_cell_size(other)]
    # The first picture may represent the pictures that are joined to it. A letter must not be
    # hidden in this way.
    hides = any(unicodedata.category(other) != "So" for other in visible)
    if not 0 < width <= cells or hides or (visible and _JOINER not in others):
        return PLACEHOLDER * cells
    marks = [other for other in others if _is_mark(other)]
    return first + "".join(marks[:MAX_COMBINING_MARKS]) + " " * (cells - width)


def _width(character: str) -> int:
    """Return the cells that all terminals give it, or 0 if they disagree or it is invisible."""
    if _DISPUTED(character) or unicodedata.category(character) in ("Cn", "Co", "Cf", "Cc", "Cs"):
        return 0
    width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return width if get_character_cell_size(character) == width else 0


def _is_mark(character: str) -> bool:
    """Return True if every terminal draws it over its letter and gives it no cell.

    Variation selectors, U+FE0F among them, are not such marks.
    """
    is_selector = 0xFE00 <= ord(character) <= 0xFE0F or ord(character) >= 0xE0000
    is_mark = unicodedata.category(character) == "Mn" and character != _GRAPHEME_JOINER
    return is_mark and not is_selector and get_character_cell_size(character) == 0
