"""LogSync: keep the rows, the view, the selection, the cursor and the search in step with a log."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chat_tui.model import Entry, LogEdge, MentionFinder, RoomLog
from chat_tui.ui.widgets.log_cursor import LogCursor
from chat_tui.ui.widgets.log_layout import LogLayout
from chat_tui.ui.widgets.log_search_controller import LogSearchController
from chat_tui.ui.widgets.log_selection import LogSelection
from chat_tui.ui.widgets.log_viewport import Anchor, LogViewport


class LogSync:
    """The parts of the widget of a log, brought up to date together.

    Whatever comes above, below or in between: the view shows the same messages at the same rows.
    """

    def __init__(
        self,
        layout: LogLayout,
        viewport: LogViewport,
        selection: LogSelection,
        cursor: LogCursor,
        search: LogSearchController,
    ) -> None:
        self._layout = layout
        self._viewport = viewport
        self._selection = selection
        self._cursor = cursor
        self._search = search
        self._arrives = False  # the log is shown since its last catch-up began
        self._drawn_edges = (LogEdge(), LogEdge())
        self._present_end = 0  # of the log of the present: new messages below were counted to here

    def show(self, log: RoomLog, mention: MentionFinder) -> bool:
        """Show `log` from now on, or what has changed in it.

        `mention` finds what is addressed to the user. Return True if a search has ended, because
        another log is shown.
        """
        layout = self._layout
        shift = log.take_shift(layout.log)
        was_searching = False
        if log is not layout.log and shift is None:
            was_searching = self._show_other(log, mention)
        else:
            if shift is not None:
                self._continue_in(log, shift)
            self.rearrange(lambda: layout.set_mention(mention))
            self._apply_changes()
        self._show_edges()
        self._cursor.skip_evicted()
        self._search.update()
        if (target := log.take_target()) is not None:
            self._cursor.go_to(target, centered=True)
        self.begin_at_new()
        return was_searching

    def begin_at_new(self) -> None:
        """Go to the rule "new" if this log was not shown before, and what was missed is in it.

        Nothing happens before the widget is laid out, or if the user has chosen another position.
        """
        log = self._layout.log
        if log.caught_up is None or not self._viewport.is_laid_out:
            return
        begins, self._arrives = log.caught_up and self._arrives, False
        log.caught_up = None
        if begins and self._search.query is None:
            self._viewport.show_new()

    def rearrange(self, change: Callable[[], bool]) -> None:
        """Call `change`; if it has laid out everything again, keep the view where it is."""
        anchor = self._viewport.anchor()
        if change():
            self._selection.clear()
            self._viewport.restore(anchor)
            self._search.repeat(self._layout.log)

    def _show_other(self, log: RoomLog, mention: MentionFinder) -> bool:
        layout = self._layout
        self._cursor.set(None)
        was_searching = self._search.cancel()
        # The read marker of the log that is shown no longer.
        layout.log.read_marker.unfocus(self._viewport.now())
        layout.log.in_view = None
        for forget in (log.take_changed, log.take_dropped, log.take_insertions):
            forget()
        layout.mention = mention
        layout.start(log)
        self._selection.clear()
        self._arrives, is_unseen = True, log.has_history and log.read_marker.is_unseen
        self._present_end = log.end if log.present is None else log.present.end
        self._viewport.follow()
        if is_unseen and self._viewport.is_laid_out:
            self._viewport.show_new()
        return was_searching

    def _continue_in(self, log: RoomLog, shift: int) -> None:
        """Show a log that has most entries of the shown one; the view stays where it is."""
        layout = self._layout
        anchor, selected = self._viewport.anchor(), self._selection.rows()
        layout.continue_in(log, shift)
        layout.sync()
        self._selection.follow(selected, shift)
        if self._cursor.entry is not None:
            self._cursor.set(self._cursor.entry + shift)
        self._search.continue_in(log, shift)
        self._viewport.restore(None if anchor is None else anchor.shifted(shift))

    def _apply_changes(self) -> None:
        """Draw new, changed and evicted entries; the view stays where it is."""
        layout = self._layout
        self._count_new_below(layout.log.entries(layout.end))
        anchor, selected = self._viewport.anchor(), self._selection.rows()
        if insertions := layout.log.take_insertions():
            anchor = self._renumber(insertions, anchor)
        elif layout.sync():
            self._selection.follow(selected)
        else:
            return
        self._viewport.restore(anchor)

    def _renumber(
        self, insertions: Sequence[tuple[int, int]], anchor: Anchor | None
    ) -> Anchor | None:
        """Lay out everything again: entries were added in the middle. Return the new anchor."""
        self._selection.clear()
        for position, count in insertions:
            if anchor is not None and anchor.row.entry < position:
                anchor = anchor.shifted(-count)
            if self._cursor.entry is not None and self._cursor.entry < position:
                self._cursor.set(self._cursor.entry - count)
            self._search.inserted(position, count)
        self._layout.start(self._layout.log)
        self._search.repeat(self._layout.log)
        return anchor

    def _count_new_below(self, fresh: Sequence[Entry]) -> None:
        """Count the messages below the view; `fresh` are those that came into the shown log."""
        present = self._layout.log.present
        if present is not None:  # `fresh` was loaded
            fresh, self._present_end = present.entries(self._present_end), present.end
        self._viewport.count_new(fresh)

    def _show_edges(self) -> None:
        """Draw what is beyond the edges of the log if it has changed."""
        layout = self._layout
        edges = (layout.log.top, layout.log.bottom)
        if edges == self._drawn_edges:
            return
        self._drawn_edges = edges
        anchor, selected = self._viewport.anchor(), self._selection.rows()
        layout.show_edges()
        self._selection.follow(selected)
        self._viewport.restore(anchor)
