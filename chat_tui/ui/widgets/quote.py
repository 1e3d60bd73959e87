"""Quotes of messages, for the composer. Pure."""

from __future__ import annotations

from typing import Final

from chat_tui.model import Entry, EntryKind
from chat_tui.ui.terminal import cut_at_word

_MAX_CELLS: Final = 160
"""Cells of a quoted text. Readers have the whole message above."""

_SIGN: Final = "> "


def quote_of(entry: Entry) -> str:
    """Return a message as one quoted line, empty if the entry is not a message of a person."""
    text = " ".join(entry.text.split())
    if not entry.author or not text:
        return ""
    if entry.kind is EntryKind.ACTION:
        return f"{_SIGN}* {entry.author} {cut_at_word(text, _MAX_CELLS)}"
    return f"{_SIGN}{entry.author}: {cut_at_word(text, _MAX_CELLS)}"
