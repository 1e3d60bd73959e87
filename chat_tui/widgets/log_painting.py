"""How a row of the log looks: which words stand in it, and in which style. No widget."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from rich.cells import cell_len
from rich.style import Style

from chat_tui.model.entries import Entry, EntryKind, EntryState
from chat_tui.theme import hue_of
from chat_tui.widgets.log_rows import (
    UNCONFIRMED_HINT,
    Columns,
    Row,
    RowKind,
    day_of,
    head_of,
    shown_text,
)

STYLE_NAMES: Final = (
    *("time", "text", "own", "pending", "quiet", "server", "error", "action", "mention"),
    *("rule", "new", "gap", "hint", "mark", "below", "below-nothing", "empty"),
)
"""What the stylesheet calls the parts of a row, each after `message-log--`."""

_TEXT_STYLES: Final = {
    EntryKind.MESSAGE: "text",
    EntryKind.PRIVATE: "text",
    EntryKind.ACTION: "action",
    EntryKind.SERVER: "server",
    EntryKind.NOTICE: "quiet",
    EntryKind.ERROR: "error",
    EntryKind.GAP: "gap",
}

_MARKS: Final = {
    EntryState.PENDING: ("sending…", "…"),
    EntryState.RESENT: ("sent again", "↻"),
    EntryState.LET_GO: ("not confirmed", "!"),
    EntryState.REFUSED: ("not delivered", "✗"),
}
"""What stands behind an own message that is in this state: in words, and where there is no room."""

Piece = tuple[str, Style]


class Painter:
    """Turns rows into pieces of styled text, for one theme and one user."""

    def __init__(
        self, styles: Mapping[str, Style], hues: Sequence[Style], base: Style, user: str
    ) -> None:
        """`styles` by the names of `STYLE_NAMES`; `hues` of authors; `user` is who reads it."""
        self._styles = styles
        self._hues = hues
        self.base = base
        """The style of what is blank."""
        self.new_since: datetime | None = None
        """When somebody looked away before what is new came."""
        self._mention = (
            re.compile(rf"(?<!\w){re.escape(user)}(?!\w)", re.IGNORECASE) if user else None
        )

    def pieces(self, row: Row, entry: Entry, columns: Columns) -> list[Piece]:
        """What stands in a row, from its left edge on; never wider than the log."""
        match row.kind:
            case RowKind.DAY:
                return self._rule(day_of(entry), "rule", columns)
            case RowKind.NEW:
                return self._rule(self._words_of_new(entry), "new", columns)
            case RowKind.GAP:
                return self._rule(shown_text(entry), "gap", columns)
            case RowKind.HINT:
                text = UNCONFIRMED_HINT[row.start : row.end]
                return [(" " * columns.text, self.base), (text, self._styles["hint"])]
            case _:
                return self._spoken(row, entry, columns)

    def _words_of_new(self, entry: Entry) -> str:
        if self.new_since is None:
            return "new"
        day = "" if self.new_since.date() == entry.at.date() else f"{self.new_since:%A} "
        return f"new since {day}{self.new_since:%H:%M}"

    def _spoken(self, row: Row, entry: Entry, columns: Columns) -> list[Piece]:
        text = shown_text(entry)
        said = text[row.start : row.end]
        pieces = self._head(row, entry, columns)
        pieces += self._said(said, entry)
        if row.end == len(text) and entry.state in _MARKS:
            words, sign = _MARKS[entry.state]
            space = columns.width - columns.text - cell_len(said) - 1
            mark = words if cell_len(words) + 2 <= space else sign
            pieces.append((" " * (space - cell_len(mark)), self.base))
            pieces.append((mark, self._styles["mark"]))
        return pieces

    def _head(self, row: Row, entry: Entry, columns: Columns) -> list[Piece]:
        time, space, label, gap = head_of(row, entry, columns)
        return [
            (time, self._styles["time"]),
            (space, self.base),
            (label, self._label_style(entry)),
            (gap, self.base),
        ]

    def _label_style(self, entry: Entry) -> Style:
        if entry.own and entry.state is EntryState.PENDING:
            return self._styles["pending"]
        if entry.own:
            return self._styles["own"]
        if entry.author:
            return self._hues[hue_of(entry.author)]
        return self._styles[_TEXT_STYLES[entry.kind]]

    def _said(self, said: str, entry: Entry) -> list[Piece]:
        if entry.state is EntryState.PENDING:
            return [(said, self._styles["pending"])]
        style = self._styles[_TEXT_STYLES[entry.kind]]
        if self._mention is None or entry.own or not entry.author:
            return [(said, style)]
        pieces: list[Piece] = []
        position = 0
        for match in self._mention.finditer(said):
            pieces.append((said[position : match.start()], style))
            pieces.append((match[0], self._styles["mention"]))
            position = match.end()
        pieces.append((said[position:], style))
        return pieces

    def _rule(self, words: str, style: str, columns: Columns) -> list[Piece]:
        look = self._styles[style]
        dashes = columns.width - 2 - cell_len(words) - 2
        left = max(0, dashes // 2)
        right = max(0, dashes - left)
        text = f" {'─' * left} {words} {'─' * right}"
        return [(text, look)]
