"""Filter for terminals that are not UTF-8: draws in ASCII what their encoding lacks."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_UNKNOWN: Final = "?"

_STAND_INS: Final = {
    **dict.fromkeys("─━═╌╍┄┅▔▁", "-"),
    **dict.fromkeys("│┃║╎╏▌▐▏▎▕", "|"),
    **dict.fromkeys("▀▄█▊▋▉■▪", "#"),
    **dict.fromkeys("·•", "."),
    **dict.fromkeys("‐‑‒–—−", "-"),
    **dict.fromkeys("‘’‚′", "'"),
    **dict.fromkeys("“”„″", '"'),
    **dict.fromkeys("▸▶›»→⏵", ">"),
    **dict.fromkeys("◂◀‹«←⏎↵⏴", "<"),
    **dict.fromkeys("↑▲△", "^"),
    **dict.fromkeys("↓▼▽", "v"),
    **dict.fromkeys("✕✗×⊘", "x"),
    "●": "*",
    "◉": "@",
    "○": "o",
    "…": ".",
    "✓": "+",
    "\xa0": " ",
}
"""ASCII characters for the signs of the client. All others of the box drawings become `+`."""


class EncodingFilter(LineFilter):
    """The very last step before the terminal: each line stays as wide as it was."""

    def __init__(self, encoding: str) -> None:
        """`encoding` is that of the terminal, as Python calls it."""
        super().__init__()
        self._encoding = encoding

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments of a line in the encoding. Textual calls it for each line."""
        return [
            segment
            if segment.control or segment.text.isascii()
            else Segment(in_encoding(segment.text, self._encoding), segment.style)
            for segment in segments
        ]


@lru_cache(4096)
def in_encoding(text: str, encoding: str) -> str:
    """Return `text` with stand-ins, of the same width, for what `encoding` lacks."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_drawn(character, encoding) for character in text)
    return text


def _drawn(character: str, encoding: str) -> str:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        if character in _STAND_INS:
            return _STAND_INS[character]
        if "\u2500" <= character <= "\u257f":
            return "+"
        width = cell_len(character)
        letter = unicodedata.normalize("NFKD", character)[0]
        return letter if letter.isascii() and width == 1 else _UNKNOWN * width
    return character


def is_unicode(encoding: str) -> bool:
    """Return True if the encoding has every character."""
    try:
        chr(0x1F600).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
