"""LogCursor: the message of a log that the user has selected with the keys."""

from __future__ import annotations

from collections.abc import Callable

from textual.widget import Widget

from chat_tui.ui.widgets.log_layout import LogLayout
from chat_tui.ui.widgets.log_viewport import LogViewport


class LogCursor:
    """An entry id, which stays valid when rows are wrapped again or evicted.

    The cursor exists while the log has the focus or is searched. While it is on an entry that is
    not the newest, new entries do not move the view.
    """

    def __init__(
        self,
        widget: Widget,
        layout: LogLayout,
        viewport: LogViewport,
        on_move: Callable[[], None],
    ) -> None:
        """`on_move` is called after each change of `entry`."""
        self._widget = widget
        self._on_move = on_move
        self._layout = layout
        self._viewport = viewport
        self._entry: int | None = None

    @property
    def entry(self) -> int | None:
        """The id of the entry that the cursor is on; None if there is no cursor."""
        return self._entry

    def set(self, entry_id: int | None) -> None:
        """Put the cursor on an entry, or remove it, without scrolling."""
        if entry_id != self._entry:
            self._entry = entry_id
            self._widget.refresh()
            self._on_move()

    def go_to(self, entry_id: int, *, centered: bool = False) -> None:
        """Put the cursor on an entry and scroll until it is in view."""
        self.set(entry_id)
        self._viewport.show_entry(entry_id, centered=centered)

    def move(self, by: int) -> None:
        """Move to the entry above (-1) or below (1); without a cursor in view, enter the view.

        Below the newest entry there is none: then the view follows again.
        """
        log = self._layout.log
        if not self._layout.rows:
            return
        top, bottom = self._viewport.entries_in_view()
        if self._entry is None or not top <= self._entry <= bottom:
            self.go_to(bottom if by < 0 else top)
        elif self._entry + by >= log.end:
            self._viewport.follow()
        else:
            self.go_to(max(log.first, self._entry + by))

    def skip_evicted(self) -> None:
        """Move to the oldest entry if the log has evicted the one under the cursor."""
        first = self._layout.log.first
        if self._entry is not None and self._entry < first:
            self.set(first)
