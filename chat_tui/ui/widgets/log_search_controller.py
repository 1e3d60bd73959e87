"""LogSearchController: a search in a log, from the first letter to the return to the old view."""

from __future__ import annotations

from collections.abc import Callable

from chat_tui.model import Entry, RoomLog
from chat_tui.ui.widgets.log_cursor import LogCursor
from chat_tui.ui.widgets.log_search import LogSearch, SearchQuery
from chat_tui.ui.widgets.log_viewport import LogViewport, ViewPosition


class LogSearchController:
    """The search of a log: it moves the cursor from hit to hit. Entry ids identify hits."""

    def __init__(
        self, cursor: LogCursor, viewport: LogViewport, is_shown: Callable[[Entry], bool]
    ) -> None:
        """`is_shown` returns False for an entry that has no rows."""
        self._cursor = cursor
        self._viewport = viewport
        self._is_shown = is_shown
        self._search: LogSearch | None = None
        self._origin: ViewPosition | None = None  # the view before the search; None: no search
        self._reported: tuple[int, int] | None = None

    @property
    def query(self) -> SearchQuery | None:
        """The query whose hits are to be marked, None if nothing was searched for yet."""
        return None if self._search is None else self._search.query

    @property
    def is_at_oldest(self) -> bool:
        """True if there is no hit above the current one, or none at all."""
        return self._search is not None and self._search.number <= 1

    def begin(self) -> None:
        """Store the current view as the one to return to, unless a search is under way."""
        if self._origin is None:
            self._origin = self._viewport.position()

    def search(self, log: RoomLog, text: str) -> None:
        """Go to the newest hit at or above the stored view; without a hit, return to that view.

        Nothing happens before `begin`, or if `text` was the last query.
        """
        known = None if self._search is None else self._search.query.text
        if self._origin is None or text == known:
            return
        self._search = LogSearch(log, SearchQuery(text), self._is_shown)
        self._search.select_nearest(self._origin.bottom)
        self._reported = None
        self._show_hit()

    def repeat(self, log: RoomLog) -> None:
        """Search for the same text again: other entries have rows now."""
        if self._search is not None:
            self._search = LogSearch(log, self._search.query, self._is_shown)
            if self._origin is not None:
                self._search.select_nearest(self._origin.bottom)

    def continue_in(self, log: RoomLog, shift: int) -> None:
        """Search a log that continues the searched one; entry ids differ by `shift`."""
        current = None if self._search is None else self._search.current
        if self._origin is not None:
            top = self._origin.top
            self._origin = ViewPosition(
                None if top is None else top.shifted(shift), self._origin.bottom + shift
            )
        if self._search is not None:
            self._search = LogSearch(log, self._search.query, self._is_shown)
            if current is not None:
                self._search.select_nearest(current + shift)

    def inserted(self, position: int, count: int) -> None:
        """The ids of the entries before `position` are lower by `count`. Call `repeat` after it."""
        if self._origin is not None:
            top, bottom = self._origin
            if top is not None and top.row.entry < position:
                top = top.shifted(-count)
            self._origin = ViewPosition(top, bottom - count if bottom < position else bottom)

    def step(self, by: int) -> None:
        """Go to an older (-1) or a newer (1) hit."""
        if self._search is not None:
            self._search.step(by)
            self._show_hit()

    def update(self) -> None:
        """Search the entries that arrived since the last call."""
        if self._search is not None:
            self._search.update()

    def take_result(self) -> tuple[int, int] | None:
        """Return the number of the current hit (0: none) and of all hits.

        None if both are the same as at the last call, or if nothing is searched for.
        """
        if self._search is None:
            return None
        result = (self._search.number, len(self._search))
        if result == self._reported:
            return None
        self._reported = result
        return result

    def return_to_end(self, end: int) -> None:
        """Make the end of the log the view to return to; `end` is the id of the next entry."""
        if self._origin is not None:
            self._origin = ViewPosition(None, end)

    def end(self, *, back: bool) -> None:
        """End the search: return to the view before it, or stay with the cursor at the hit."""
        self._search = None
        if back:
            self._go_back()
        self._origin = None

    def cancel(self) -> bool:
        """End the search because another log is shown. Return True if there was one."""
        was_searching = self._origin is not None
        self._search = self._origin = None
        return was_searching

    def _show_hit(self) -> None:
        assert self._search is not None
        if self._search.current is None:
            self._go_back()
        else:
            self._cursor.go_to(self._search.current, centered=True)

    def _go_back(self) -> None:
        self._cursor.set(None)
        if self._origin is not None:
            self._viewport.go_to(self._origin)
