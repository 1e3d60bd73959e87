"""Wrapping of text into rows of a given number of cells. Pure.

A CJK character takes two cells, a combining mark none.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from rich.cells import cell_len, split_graphemes

# Latin, Greek and Cyrillic without combining marks: one cell each. Wrapping them needs no
# measuring and is twenty times as fast.
_SINGLE_CELL: Final = re.compile("[\x20-\x7e\xa1-\xac\xae-\u02ff\u0370-\u0482]*").fullmatch

# A word that is longer than a row breaks after these, as in an address or a path.
_BREAK_AFTER: Final = "/?&-"


def indent_of(text: str, width: int) -> int:
    """Return the cells by which the further rows of `text` are indented, at most half of `width`.

    They are indented like the first row, so that wrapped code keeps its shape.
    """
    if not text.startswith((" ", "\u3000")):
        return 0
    blank = len(text) - len(text.lstrip(" \u3000"))
    return min(cell_len(text[:blank]), width // 2) if blank < len(text) else 0


def wrap(text: str, width: int, indent: int = 0) -> list[tuple[int, int]]:
    """Return the offsets of the rows that show `text` in `width` cells each; at least one row.

    All rows but the first have `indent` cells less. Rows break at spaces, which are then not shown,
    and before wide characters. A word that is longer than a row breaks after `/ ? & -`, else it is
    cut, but never within a grapheme of several code points.
    """
    if _SINGLE_CELL(text) is None:
        return _wrap_graphemes(text, width, indent)
    return [(0, len(text))] if len(text) <= width else _wrap_plain(text, width, indent)


def _wrap_plain(text: str, width: int, indent: int) -> list[tuple[int, int]]:
    rows: list[tuple[int, int]] = []
    start, length, room = 0, len(text), width
    while length - start > room:
        limit = start + room
        space = text.rfind(" ", start, limit + 1)
        has_words = space > start and not text[start:space].isspace()
        word = space + 1 if has_words or space >= start else start
        inner = None
        if not has_words or _word_end(text, word) - word > width - indent:
            inner = _inner_break(text, word, limit)
        if inner is not None:
            end = next_start = inner
        elif has_words:
            end, next_start = space, space + 1
        else:
            end = next_start = limit
        rows.append((start, end))
        start, room = next_start, width - indent
    if start < length or not rows:
        rows.append((start, length))
    return rows


def _word_end(text: str, start: int) -> int:
    end = text.find(" ", start)
    return len(text) if end < 0 else end


def _inner_break(text: str, start: int, limit: int) -> int | None:
    """Return the last break in the word from `start` on, at `limit` or before; None: none."""
    for end in range(limit, start, -1):
        if _breaks_before(text, end):
            return end
    return None


def _breaks_before(text: str, index: int) -> bool:
    """Return True if a word may break in front of the character at `index`."""
    return (
        text[index - 1] in _BREAK_AFTER
        and text[index : index + 1] not in ("", " ", *_BREAK_AFTER)
        and text[max(0, index - 3) : index] != "://"  # a scheme stays with its host
    )


class _Break(NamedTuple):
    """A place where a row can end: its last character, and the cluster that begins the next row."""

    end: int
    cluster: int


def _wrap_graphemes(text: str, width: int, indent: int) -> list[tuple[int, int]]:
    spans, total = split_graphemes(text)
    if total <= width:
        return [(0, len(text))]
    rows: list[tuple[int, int]] = []
    row_start = index = used = 0
    room = width
    # The latest possible breaks of this row: between words, and within the last word.
    outer: _Break | None = None
    inner: _Break | None = None
    while index < len(spans):
        start, end, cells = spans[index]
        if text[start:end] == " ":
            outer, inner = _Break(start, index + 1), None
        elif cells > 1 and start > row_start:
            outer, inner = _Break(start, index), None
        elif start > row_start and _breaks_before(text, start):
            inner = _Break(start, index)
        if not used or used + cells <= room:
            used += cells
            index += 1
            continue
        if outer is not None and not text[row_start : outer.end].strip(" "):
            outer = None  # a row of nothing but spaces
        chosen = outer or inner or _Break(start, index)
        if outer is not None and inner is not None:
            word_start = spans[outer.cluster][0]
            word = text[word_start : _word_end(text, word_start)]
            chosen = inner if cell_len(word) > width - indent else outer
        rows.append((row_start, chosen.end))
        index, used, room = chosen.cluster, 0, width - indent
        row_start = spans[index][0] if index < len(spans) else len(text)
        outer = inner = None
    if row_start < len(text) or not rows:
        rows.append((row_start, len(text)))
    return rows
