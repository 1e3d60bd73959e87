"""LogStrips: the rows of a log as Textual's strips, drawn once and cached."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip
from textual.widget import Widget

from chat_tui.model import HUES
from chat_tui.ui.widgets.log_layout import LogLayout
from chat_tui.ui.widgets.log_painting import STYLE_NAMES, RowRenderer, highlighted
from chat_tui.ui.widgets.log_rows import TEXT_ROWS, Row, head_of, with_author
from chat_tui.ui.widgets.log_search import SearchQuery
from chat_tui.ui.widgets.log_selection import text_at
from chat_tui.ui.widgets.log_wrapping import wrap

_MAX_CACHED_STRIPS: Final = 512
"""Rows that are cached: a few screens."""


class LogStrips:
    """The drawn rows, with the styles that the stylesheet gives to the widget of the log."""

    def __init__(self, widget: Widget, layout: LogLayout, today: Callable[[], date]) -> None:
        """`today` returns the local date."""
        self._widget = widget
        self._layout = layout
        self._today = today
        self._hint = ""
        self._cached_renderer: RowRenderer | None = None
        # By row number, and whether the row is the first in view.
        self._strips: LRUCache[tuple[int, bool], Strip] = LRUCache(_MAX_CACHED_STRIPS)
        # What `_strips` was drawn for: `layout.rewritten`, the cursor and the search query.
        self._drawn_for: tuple[int, int | None, SearchQuery | None] = (0, None, None)

    def set_hint(self, hint: str) -> None:
        """Set the hint in an empty log."""
        if hint != self._hint:
            self._hint = hint
            self._widget.refresh()

    def clear(self) -> None:
        """Discard everything that was drawn: its styles may have changed."""
        self._cached_renderer = None
        self._strips.clear()

    @property
    def base(self) -> Style:
        """The style of blank cells."""
        return self._renderer().base

    def row(
        self,
        number: int,
        *,
        first: bool,
        cursor: int | None,
        query: SearchQuery | None,
        selected: tuple[int, int] | None,
    ) -> Strip:
        """Return a row as a strip of its own width.

        The `first` row in view shows its time and author. `cursor` is the id of an entry.
        `selected` are the first and the last selected character, the latter -1 for the end of the
        row. A row with a selection is not cached.
        """
        layout = self._layout
        if self._drawn_for != (layout.rewritten, cursor, query):
            self._drawn_for = (layout.rewritten, cursor, query)
            self._strips.clear()
        if selected is None and (cached := self._strips.get((number, first))) is not None:
            return cached
        row = layout.rows[number]
        renderer = self._renderer()
        renderer.cursor, renderer.query = cursor, query
        shown = with_author(row) if first else row
        pieces = renderer.pieces(shown)
        head, shift = self._head_of(shown)
        if selected is not None:
            style = self._widget.screen.get_component_rich_style("screen--selection")
            drawn = tuple(
                at if at < 0 else min(at, head) if at < head + shift else at - shift
                for at in selected
            )
            # Only the background: the selection has no text colour of its own.
            pieces = highlighted(pieces, (drawn[0], drawn[1]), Style(bgcolor=style.bgcolor))
        segments = []
        position = 0
        for text, style in pieces:
            character = position if position < head else position + shift
            segments.append(Segment(text, style + Style.from_meta({"offset": (character, number)})))
            position += len(text)
        strip = Strip(segments)
        if selected is None:
            self._strips[number, first] = strip
        return strip

    def _head_of(self, row: Row) -> tuple[int, int]:
        """Return the characters before the text of a row, and what to add to later positions.

        The selection counts a character for each cell before the text (`log_selection.text_at`).
        """
        if row.kind not in TEXT_ROWS:
            return 0, 0
        layout = self._layout
        parts = head_of(row, layout.shown(row.entry), layout.columns)
        head = sum(map(len, parts)) + row.indent
        return head, text_at(layout, row) - head

    def below_label(self, label: str, *, has_new: bool) -> Strip:
        """Return the label at the bottom right that leads to the newest entry."""
        style = self._widget.get_component_rich_style(
            "message-log--below" if has_new else "message-log--below-nothing"
        )
        return Strip([Segment(label, style)], cell_len(label))

    def hint_row(self, y: int, width: int, height: int) -> Strip:
        """Return the row at `y` of an empty log, with the hint in its centre."""
        rows = wrap(self._hint, max(1, min(44, width - 4))) if self._hint else []
        number = y - max(0, (height - len(rows)) // 2)
        if not 0 <= number < len(rows):
            return Strip.blank(width, self.base)
        start, end = rows[number]
        text = self._hint[start:end].strip()
        style = self._widget.get_component_rich_style("message-log--empty")
        left = " " * max(0, (width - cell_len(text)) // 2)
        return Strip([Segment(left, self.base), Segment(text, style)])

    def _renderer(self) -> RowRenderer:
        if self._cached_renderer is None:
            style_of = self._widget.get_component_rich_style
            styles = {name: style_of(f"message-log--{name}") for name in STYLE_NAMES}
            hues = [style_of(f"message-log--author-{number}") for number in range(HUES)]
            self._cached_renderer = RowRenderer(
                self._layout, styles, hues, self._widget.rich_style, self._today
            )
        return self._cached_renderer
