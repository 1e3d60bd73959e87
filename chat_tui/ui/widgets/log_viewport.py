"""LogViewport: the rows of a log that are in view, and whether the view follows the newest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from textual.geometry import Size
from textual.scroll_view import ScrollView

from chat_tui.model import Entry
from chat_tui.ui.widgets.log_layout import LogLayout
from chat_tui.ui.widgets.log_rows import MESSAGE_KINDS, TEXT_ROWS, Row


class Anchor(NamedTuple):
    """A row that has to stay at its place in the view, whatever happens above it."""

    row: Row
    offset: int
    """The rows of the view above it."""

    def shifted(self, by: int) -> Anchor:
        """Return the anchor with another entry id."""
        return self._replace(row=self.row._replace(entry=self.row.entry + by))


class ViewPosition(NamedTuple):
    """A position in a log that the view can return to."""

    top: Anchor | None
    """The row at the top of the view; None if the view followed the newest entry."""
    bottom: int
    """The id of the entry at the bottom of the view."""


class LogViewport:
    """The scroll position of the widget of a log. It keeps no text, only row numbers and flags.

    While `following` is true, the newest entry is in view and stays so when more entries come.
    Otherwise the first row with text stays where it is, whatever is added, removed or wrapped
    again. A log that ends before the present is never followed.
    """

    def __init__(self, widget: ScrollView, layout: LogLayout, now: Callable[[], datetime]) -> None:
        """`now` returns the local time without a zone."""
        self._widget = widget
        self._layout = layout
        self.now = now
        self.following = True
        self.new_below = 0
        """Messages of others that arrived since the view stopped following."""
        self._is_restoring = False  # the scroll position is set by `restore`, not by the user

    @property
    def below_label(self) -> str:
        """The label at the bottom right while the view does not follow the newest entry."""
        if self.new_below:
            return f" ↓ {self.new_below} new below · End "
        return " ↓ End " if self._can_follow else " ↓ newest · End "

    def top_row(self) -> Row | None:
        """Return the row at the top of the view, None if the log is empty."""
        rows = self._layout.rows
        return rows[min(self._widget.scroll_offset.y, len(rows) - 1)] if rows else None

    def anchor(self) -> Anchor | None:
        """Return the row that has to keep its place, None if the view follows the newest.

        It is the first row with text: a rule above it may go when entries are added at the top.
        """
        if self.following or not self._layout.rows:
            return None
        top, bottom = self._rows_in_view()
        for number in range(top, bottom + 1):
            if self._layout.rows[number].kind in TEXT_ROWS:
                return Anchor(self._layout.rows[number], number - top)
        return Anchor(self._layout.rows[top], 0)

    def entries_in_view(self) -> tuple[int, int]:
        """Return the ids of the entries at the top and at the bottom. The log is not empty."""
        rows = self._layout.rows
        top, bottom = self._rows_in_view()
        return rows[top].entry, rows[bottom].entry

    def _rows_in_view(self) -> tuple[int, int]:
        top = min(self._widget.scroll_offset.y, len(self._layout.rows) - 1)
        height = max(1, self._widget.scrollable_content_region.height)
        return top, min(top + height, len(self._layout.rows)) - 1

    def position(self) -> ViewPosition:
        """Return the current position, for `go_to`."""
        bottom = self.entries_in_view()[1] if self._layout.rows else 0
        return ViewPosition(self.anchor(), bottom)

    @property
    def is_laid_out(self) -> bool:
        """True if the widget has a size."""
        return self._widget.scrollable_content_region.height > 0

    def show_new(self) -> None:
        """Go to the rule "new" if it is above the view, which follows the newest entry.

        The view follows again once the user has scrolled to the end.
        """
        widget, layout = self._widget, self._layout
        new_from = layout.log.read_marker.new_from
        if new_from is None or not self.following:
            return
        number = layout.first_row_of(new_from)
        if number >= widget.scroll_offset.y:
            return
        self.following = False
        widget.scroll_to(y=number, animate=False)
        self.new_below = 0
        self.count_new(layout.log.entries(self.entries_in_view()[1] + 1))
        layout.log.read_marker.begin_reading()
        self.update_read_marker()
        widget.refresh()

    def go_to(self, position: ViewPosition) -> None:
        """Return to an earlier position."""
        if position.top is None:
            self.follow()
        else:
            self.following = False
            self.restore(position.top)

    def follow(self) -> None:
        """Scroll to the newest entry and follow what comes."""
        self.following = self._can_follow
        self.new_below = 0
        self.update_read_marker()
        self.restore(None)

    @property
    def _can_follow(self) -> bool:
        """False in a log that ends before the present."""
        return self._layout.log.present is None

    def restore(self, anchor: Anchor | None) -> None:
        """Update the scrollbar after rows changed; keep `anchor` at its place (None: the end)."""
        widget, layout = self._widget, self._layout
        self._is_restoring = True
        try:
            widget.virtual_size = Size(layout.columns.width, len(layout.rows))
            top = widget.max_scroll_y
            if anchor is not None:
                top = max(0, layout.matching_row(anchor.row) - anchor.offset)
            widget.scroll_to(y=top, animate=False)
        finally:
            self._is_restoring = False
        self._report_view()
        widget.refresh()

    def show_entry(self, entry_id: int, *, centered: bool = False) -> None:
        """Scroll as little as needed to show a whole entry; `centered`: show its context as well.

        The view follows afterwards if this is the newest entry.
        """
        widget, layout = self._widget, self._layout
        height = widget.scrollable_content_region.height
        entry_id = layout.head_of_block(entry_id)
        first, end = layout.first_row_of(entry_id), layout.first_row_of(entry_id + 1)
        top = widget.scroll_offset.y
        if first < top or end > top + height:
            if centered:
                top = first - max(0, height - (end - first)) // 2
            else:
                top = first if first < top or end - first > height else end - height
            widget.scroll_to(y=max(0, top), animate=False)
        at_end = widget.scroll_offset.y >= widget.max_scroll_y
        self.following = at_end and end == len(layout.rows) and self._can_follow
        self._report_view()
        self.update_read_marker()
        widget.refresh()

    def follow_if_at_end(self) -> None:
        """Follow again if the newest entry is in view."""
        at_end = self._widget.scroll_offset.y >= self._widget.max_scroll_y
        if not self.following and at_end and self._can_follow:
            self.follow()

    def scrolled(self, y: float) -> bool:
        """Update `following` after the user scrolled to `y`.

        Return False if it was not the user: `restore` changes nothing.
        """
        if self._is_restoring:
            return False
        self.following = round(y) >= self._widget.max_scroll_y and self._can_follow
        if self.following:
            self.new_below = 0
        self._report_view()
        self.update_read_marker()
        self._widget.refresh()
        return True

    def count_new(self, fresh: Iterable[Entry]) -> None:
        """Count new entries as new below, unless the view follows them."""
        if not self.following:
            count = sum(entry.kind in MESSAGE_KINDS and not entry.own for entry in fresh)
            self.new_below += count
            if count:
                self._widget.refresh()

    def _report_view(self) -> None:
        """Report the entries in view to the log, which must not evict them while it is read."""
        is_reading = not self.following and bool(self._layout.rows)
        self._layout.log.in_view = self.entries_in_view() if is_reading else None

    def update_read_marker(self) -> None:
        """Set the read marker of the log by whether the user sees its newest entry now."""
        marker = self._layout.log.read_marker
        if self.following and self._widget.app.app_focus:
            marker.focus()
        else:
            marker.unfocus(self.now())
