"""LogStrips: the rows of a log as Textual's strips, drawn once and cached."""

from __future__ import annotations

import re
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip
from textual.widget import Widget

from chat_tui.ui.theme import HUES
from chat_tui.ui.widgets.log_layout import LogLayout
from chat_tui.ui.widgets.log_painting import STYLE_NAMES, RowRenderer, highlighted
from chat_tui.ui.widgets.log_rows import wrap
from chat_tui.ui.widgets.log_search import SearchQuery

_MAX_CACHED_STRIPS: Final = 512
"""Rows that are cached: a few screens."""


class LogStrips:
    """The drawn rows, with the styles that the stylesheet gives to the widget of the log."""

    def __init__(self, widget: Widget, layout: LogLayout) -> None:
        self._widget = widget
        self._layout = layout
        self._mention: re.Pattern[str] | None = None
        self._hint = ""
        self._cached_renderer: RowRenderer | None = None
        self._strips: LRUCache[int, Strip] = LRUCache(_MAX_CACHED_STRIPS)  # by row number
        # What `_strips` was drawn for: `layout.rewritten`, the cursor and the search query.
        self._drawn_for: tuple[int, int | None, SearchQuery | None] = (0, None, None)

    def configure(self, mention: re.Pattern[str] | None, hint: str) -> None:
        """Set the pattern of mentions and the hint in an empty log."""
        if mention != self._mention or hint != self._hint:
            self._mention, self._hint = mention, hint
            self.clear()
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
        cursor: int | None,
        query: SearchQuery | None,
        selected: tuple[int, int] | None,
    ) -> Strip:
        """Return a row as a strip of its own width.

        `cursor` is the id of an entry. `selected` are the first and the last selected character,
        the latter -1 for the end of the row. A row with a selection is not cached.
        """
        layout = self._layout
        if self._drawn_for != (layout.rewritten, cursor, query):
            self._drawn_for = (layout.rewritten, cursor, query)
            self._strips.clear()
        if selected is None and (cached := self._strips.get(number)) is not None:
            return cached
        row = layout.rows[number]
        renderer = self._renderer()
        renderer.new_since, renderer.hint = layout.log.read_marker.since, layout.hint
        renderer.cursor, renderer.query = cursor, query
        pieces = renderer.pieces(row, layout.log[row.entry], layout.columns)
        if selected is not None:
            style = self._widget.screen.get_component_rich_style("screen--selection")
            # Only the background: the selection has no text colour of its own.
            pieces = highlighted(pieces, selected, Style(bgcolor=style.bgcolor))
        strip = Strip([Segment(text, style) for text, style in pieces]).apply_offsets(0, number)
        if selected is None:
            self._strips[number] = strip
        return strip

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
                styles, hues, self._widget.rich_style, self._mention
            )
        return self._cached_renderer
