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
        """Put the cursor on the rows with an entry and scroll until they are in view."""
        entry_id = self._layout.head_of_block(entry_id)
        self.set(entry_id)
        self._viewport.show_entry(entry_id, centered=centered)

    def move(self, by: int) -> None:
        """Move to the entry above (-1) or below (1); without a cursor in view, enter the view.

        Below the newest entry there is none: then the view follows again.
        """
        if not self._layout.rows:
            return
        top, bottom = self._viewport.entries_in_view()
        if self._entry is None or not top <= self._entry <= bottom:
            self.go_to(bottom if by < 0 else top)
        elif (neighbour := self._layout.neighbour(self._entry, by)) is not None:
            self.go_to(neighbour)
        elif by > 0:
            self._viewport.follow()

    def skip_evicted(self) -> None:
        """Move to the nearest entry if the log does not hold the one under the cursor."""
        rows = self._layout.rows
        if self._entry is not None and rows:
            self.set(min(max(self._entry, rows[0].entry), rows[-1].entry))
