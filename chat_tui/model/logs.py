"""LogStore: the logs of all locations, and the gaps in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from chat_tui.model.author_hues import AuthorHues
from chat_tui.model.entries import EntryKind
from chat_tui.model.gaps import AbsenceTracker, connection_gap
from chat_tui.model.location import Location
from chat_tui.model.log_edge import EdgeState
from chat_tui.model.room_log import MAX_ENTRIES, RoomLog

WINDOW_ENTRIES: Final = 4_000
"""Most entries of a log that ends before the present. The oldest or the newest are dropped, and
loaded again when the user scrolls there."""

PRESENT_ENTRIES: Final = 1_000
"""Entries that the log of the present keeps while the user reads older ones."""


class LogStore:
    """The logs of one user at one server, created when they are first used.

    Each location has a log that reaches up to the present. While the user reads far above, another
    log is shown: a window in the history, which ends before the present.
    """

    def __init__(self, oldest_unconfirmed: Callable[[str], int | None] = lambda _: None) -> None:
        """`oldest_unconfirmed` returns the oldest own entry of a location that must be kept."""
        self._oldest_unconfirmed = oldest_unconfirmed
        self._logs: dict[str, RoomLog] = {}
        self._windows: dict[str, RoomLog] = {}
        self._absences = AbsenceTracker()
        self._session_hues: dict[str, int] = {}
        self.missing_since: dict[str, datetime] = {}
        """When the client stopped receiving the messages of a location, until it has caught up."""

    def of(self, location: str) -> RoomLog:
        """Return the log of a location; it is created empty if there is none."""
        if (log := self._logs.get(location)) is None:
            log = self._logs[location] = RoomLog(hues=AuthorHues(self._session_hues))
        return log

    def shown(self, location: str) -> RoomLog:
        """Return the log to show: a window in the history if there is one."""
        return self._windows.get(location) or self.of(location)

    def is_current(self, location: str, log: RoomLog) -> bool:
        """Return True if `log` is one of the logs of the location."""
        return log is self._logs.get(location) or log is self._windows.get(location)

    def __contains__(self, location: object) -> bool:
        """Return True if a location has a log with entries."""
        log = self._logs.get(location) if isinstance(location, str) else None
        return log is not None and len(log) > 0

    @property
    def locations(self) -> list[str]:
        """All locations that have a log."""
        return list(self._logs)

    # Windows in the history

    def open_window(self, location: str) -> RoomLog:
        """Return an empty log that is shown from now on and ends before the present."""
        present = self.of(location)
        self._shrink_present(location)
        window = RoomLog(hues=present.hues, present=present)
        self._windows[location] = window
        return window

    def close_window(self, location: str) -> bool:
        """Show the present again. Return True if there was a window."""
        self.of(location).max_entries = MAX_ENTRIES
        return self._windows.pop(location, None) is not None

    def close_windows(self, except_for: str) -> None:
        """Drop the windows of all other locations."""
        for location in [key for key in self._windows if key != except_for]:
            self.close_window(location)

    def join_window(self, location: str) -> None:
        """Join a window that has reached the present with the log of the present."""
        log, window = self.of(location), self._windows[location]
        log.join(window)
        self.close_window(location)
        log.drop_oldest(MAX_ENTRIES)

    def bound(self, location: str, *, at_top: bool = False) -> None:
        """Drop what is far away from the view. `at_top`: entries were added at the top."""
        window = self._windows.get(location)
        if window is None:
            log = self.of(location)
            if len(log) <= log.max_entries + (0 if at_top else PRESENT_ENTRIES):
                return
            cut = self._cut(location)
            if log.in_view is None or log.in_view[1] >= cut:
                log.drop_oldest(log.max_entries)  # a part that ends at `cut` would lose the view
                return
            window = self._windows[location] = log.split(cut)
            log.max_entries = PRESENT_ENTRIES
        if not at_top:
            window.drop_oldest(WINDOW_ENTRIES)
        window.drop_newest(WINDOW_ENTRIES)

    def _cut(self, location: str) -> int:
        """Return the id of the first entry that the log of the present has to keep."""
        log = self.of(location)
        cut = log.end - PRESENT_ENTRIES
        oldest = self._oldest_unconfirmed(location)
        return max(log.first, cut if oldest is None else min(cut, oldest))

    def _shrink_present(self, location: str) -> None:
        log = self.of(location)
        log.in_view = None
        log.max_entries = PRESENT_ENTRIES
        log.drop_oldest(log.end - self._cut(location))

    # Gaps

    def room_changed(self, left: str, joined: str, timestamp: datetime, *, history: bool) -> None:
        """The user left a room and joined another one: log the gap in the latter.

        With `history` there is none: what the client has missed arrives as a page.
        """
        self.missing_since.setdefault(left, timestamp)
        if not history:
            self._absences.left(left, timestamp)
            self._absences.returned(joined, self.of(joined), timestamp)

    def add_connection_gap(
        self, room: str, lost_at: datetime, back_at: datetime, timestamp: datetime, *, history: bool
    ) -> None:
        """Log the gap of a lost connection in the current room and in all conversations.

        The rooms that the user left before have a gap for this time anyway. With `history` there is
        none: what the client has missed arrives as a page.
        """
        text = connection_gap(lost_at, back_at)
        for location in map(Location, self._logs.keys() | {room}):
            if location == room or location.is_private:
                self.missing_since.setdefault(location, lost_at)
                if not history:
                    self.of(location).append(EntryKind.GAP, timestamp, text)

    def connection_lost(self) -> bool:
        """The pages that were requested will not come. Return True if there were any."""
        changed = False
        for log in (*self._logs.values(), *self._windows.values()):
            if log.top.state is EdgeState.LOADING:
                log.top, changed = replace(log.top, state=EdgeState.MORE), True
            if log.bottom.state is EdgeState.LOADING:
                log.bottom, changed = replace(log.bottom, state=EdgeState.MORE), True
        return changed
