"""RowRenderer: the text and the styles of a row of the log. Not a widget."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final

from rich.cells import cell_len
from rich.style import Style

from chat_tui.model import (
    EdgeState,
    Entry,
    EntryKind,
    EntryState,
    LogEdge,
    MentionFinder,
    find_links,
)
from chat_tui.ui.terminal import cut
from chat_tui.ui.widgets.log_edge_text import bottom_text, day_text, top_text
from chat_tui.ui.widgets.log_layout import LogLayout
from chat_tui.ui.widgets.log_rows import Columns, Row, RowKind, day_of, head_of, shown_text
from chat_tui.ui.widgets.log_search import SearchQuery

STYLE_NAMES: Final = (
    *("time", "text", "own", "pending", "quiet", "server", "error", "action", "mention"),
    "announcement",
    *("rule", "new", "gap", "hint", "mark", "below", "below-nothing", "empty"),
    *("link", "hit", "cursor", "sign"),
    *("past", "edge"),
)
"""The names of the parts of a row in the stylesheet, each after `message-log--`."""

_TEXT_STYLES: Final = {
    EntryKind.MESSAGE: "text",
    EntryKind.PRIVATE: "text",
    EntryKind.ACTION: "action",
    EntryKind.SERVER: "server",
    EntryKind.NOTICE: "quiet",
    EntryKind.ANNOUNCEMENT: "announcement",
    EntryKind.ERROR: "error",
    EntryKind.GAP: "gap",
}

_MARKS: Final = {
    EntryState.PENDING: ("sending…", "…"),
    EntryState.RESENT: ("sent again", "↻"),
    EntryState.DISMISSED: ("not confirmed", "!"),
    EntryState.REJECTED: ("not delivered", "✗"),
    EntryState.KEPT: ("kept until {} is back", "◦"),
}
"""The mark after an own message in this state: as text, and as a sign if the text does not fit.
The text has a place for the recipient."""

CURSOR_SIGN: Final = "▌"
"""In the margin of every row of the entry that the cursor is on."""

MENTION_SIGN: Final = "@"
"""In the margin of an entry that is addressed to the user."""

Piece = tuple[str, Style]


def highlighted(pieces: Sequence[Piece], span: tuple[int, int], style: Style) -> list[Piece]:
    """Return the pieces with `style` added to the characters of `span` (end -1: to the last)."""
    start, end = span
    painted: list[Piece] = []
    position = 0
    for text, own in pieces:
        low = min(max(0, start - position), len(text))
        high = len(text) if end == -1 else max(low, min(end - position, len(text)))
        parts = ((text[:low], own), (text[low:high], own + style), (text[high:], own))
        painted += [(part, look) for part, look in parts if part]
        position += len(text)
    return painted


class RowRenderer:
    """A renderer of the rows of a layout as pieces of styled text, for one theme."""

    def __init__(
        self,
        layout: LogLayout,
        styles: Mapping[str, Style],
        hues: Sequence[Style],
        base: Style,
        today: Callable[[], date],
    ) -> None:
        """`styles` are keyed by `STYLE_NAMES`; `hues` are the styles of authors.

        `today` returns the local date. A rule names other days, and another year.
        """
        self.today = today
        self._layout = layout
        self._styles = styles
        self._hues = hues
        self.base = base
        """The style of blank cells."""
        self.cursor: int | None = None
        """The id of the entry that the cursor is on."""
        self.query: SearchQuery | None = None
        """The query whose hits are marked."""

    def pieces(self, row: Row) -> list[Piece]:
        """Return the pieces of a row from its left edge on. They never exceed the log's width."""
        columns, entry = self._layout.columns, self._layout.shown(row.entry)
        match row.kind:
            case RowKind.DAY:
                return self._rule(day_of(entry), "rule", columns)
            case RowKind.NEW:
                return self._rule(self._new_rule_text(), "new", columns)
            case RowKind.GAP:
                return self._rule(shown_text(entry), "gap", columns)
            case RowKind.EARLIER | RowKind.LAST_EARLIER:
                return self._rule("earlier", "rule", columns)
            case RowKind.TOP:
                edge = self._layout.log.top
                return self._edge_row(edge, top_text(edge, self.today()), columns)
            case RowKind.BOTTOM:
                edge = self._layout.log.bottom
                return self._edge_row(edge, bottom_text(edge), columns)
            case RowKind.HINT:
                text = self._layout.hint[row.start : row.end]
                return [(" " * columns.text, self.base), (text, self._styles["hint"])]
            case _:
                return self._message_row(row, entry, columns)

    def _edge_row(self, edge: LogEdge, text: str, columns: Columns) -> list[Piece]:
        style = "gap" if edge.state is EdgeState.FAILED else "edge"
        return self._rule(cut(text, columns.width - 4), style, columns)

    def _new_rule_text(self) -> str:
        since = self._layout.log.read_marker.since
        if since is None:
            return "new"
        day, today = since.date(), self.today()
        weekday = f"{since:%A}" if (today - day).days in range(7) else day_text(day, today)
        return f"new since {since:%H:%M}" if day == today else f"new since {weekday} {since:%H:%M}"

    def _message_row(self, row: Row, entry: Entry, columns: Columns) -> list[Piece]:
        text = shown_text(entry)
        shown = text[row.start : row.end]
        pieces = self._head(row, entry, columns)
        if row.indent:
            pieces.append((" " * row.indent, self.base))
        pieces += self._text_pieces(row, entry)
        if row.end == len(text) and entry.state in _MARKS:
            label, sign = _MARKS[entry.state]
            space = columns.width - columns.text - row.indent - cell_len(shown) - 1
            label = label.format(entry.recipient)
            mark = label if cell_len(label) + 2 <= space else sign
            pieces.append((" " * (space - cell_len(mark)), self.base))
            pieces.append((mark, self._styles["mark"]))
        return self._with_cursor(pieces, columns) if entry.id == self.cursor else pieces

    def _with_cursor(self, pieces: list[Piece], columns: Columns) -> list[Piece]:
        blank = columns.width - sum(cell_len(text) for text, _ in pieces)
        first, style = pieces[0]
        ground = Style(bgcolor=self._styles["cursor"].bgcolor)
        under = [
            # A piece that has another background already keeps it.
            (text, look + ground if look.bgcolor == self.base.bgcolor else look)
            for text, look in [(first[1:], style), *pieces[1:], (" " * blank, self.base)]
        ]
        return [(CURSOR_SIGN, self._styles["sign"]), *under]

    def _head(self, row: Row, entry: Entry, columns: Columns) -> list[Piece]:
        time, space, label, gap = head_of(row, entry, columns)
        sign: Piece = (time[:1], self.base)
        if row.kind is not RowKind.REST and self._is_alert(entry):
            sign = (MENTION_SIGN, self._styles["sign"])
        look = self._label_style(entry)
        if self.query is not None and self.query.authors and self.query.matches(entry):
            look += self._styles["hit"]
        return [
            sign,
            (time[1:], self._styles["time"]),
            (space, self.base),
            (label, look),
            (gap, self.base),
        ]

    def _is_alert(self, entry: Entry) -> bool:
        if entry.kind is EntryKind.ANNOUNCEMENT:
            return True
        return not entry.own and bool(entry.author) and self._mention.matches(entry.text)

    @property
    def _mention(self) -> MentionFinder:
        return self._layout.mention

    def _label_style(self, entry: Entry) -> Style:
        if entry.own and entry.state is EntryState.PENDING:
            return self._styles["pending"]
        if entry.own:
            return self._styles["past" if entry.past else "own"]
        if entry.author:
            return self._hues[self._layout.log.hues.of(entry.author)]
        return self._styles[_TEXT_STYLES[entry.kind]]

    def _text_pieces(self, row: Row, entry: Entry) -> list[Piece]:
        text = shown_text(entry)
        style = self._styles[_TEXT_STYLES[entry.kind]]
        if entry.state is EntryState.PENDING:
            style = self._styles["pending"]
        elif entry.past:
            style += self._styles["past"]
        pieces = [(text[row.start : row.end], style)]
        for (start, end), look in self._marked(text, entry):
            low, high = max(start, row.start) - row.start, min(end, row.end) - row.start
            if low < high:
                pieces = highlighted(pieces, (low, high), look)
        return pieces

    def _marked(self, text: str, entry: Entry) -> Iterator[tuple[tuple[int, int], Style]]:
        """Yield the highlighted spans of an entry's text; a span may continue in the next row."""
        link_style = self._styles["link"]
        if entry.past:
            link_style += self._styles["past"]
        for link in find_links(text):
            yield (link.start, link.end), link_style
        if entry.author and not entry.own:
            # The author's name before an action is not a mention.
            begin = len(text) - len(entry.text)
            for start, end in self._mention.spans(entry.text):
                yield (begin + start, begin + end), self._styles["mention"]
        if self.query is not None:
            for span in self._hits(self.query, text, entry):
                yield span, self._styles["hit"]

    def _hits(self, query: SearchQuery, text: str, entry: Entry) -> Iterator[tuple[int, int]]:
        """Yield the spans of hits in the shown text of an entry."""
        hits = [part for part in self._layout.entries_of(entry.id) if query.matches(part)]
        spans = list(query.spans(text)) if hits else []
        yield from spans
        if not spans:  # "dave joined" is a hit in "dave, erin joined"
            for part in hits:
                name = "" if part.presence is None else part.presence.name
                if name and (start := text.find(name)) >= 0:
                    yield start, start + len(name)

    def _rule(self, label: str, style: str, columns: Columns) -> list[Piece]:
        dashes = columns.width - 2 - cell_len(label) - 2
        left = max(0, dashes // 2)
        right = max(0, dashes - left)
        return [(f" {'─' * left} {label} {'─' * right}", self._styles[style])]
