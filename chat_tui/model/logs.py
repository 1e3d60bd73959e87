"""LogStore: the logs of all locations, and the gaps in them."""

from __future__ import annotations

from datetime import datetime

from chat_tui.model.author_hues import AuthorHues
from chat_tui.model.entries import EntryKind
from chat_tui.model.gaps import AbsenceTracker, connection_gap
from chat_tui.model.location import Location
from chat_tui.model.room_log import RoomLog


class LogStore:
    """The logs of one user at one server, created when they are first used."""

    def __init__(self) -> None:
        self._logs: dict[str, RoomLog] = {}
        self._absences = AbsenceTracker()
        self._session_hues: dict[str, int] = {}

    def of(self, location: str) -> RoomLog:
        """Return the log of a location; it is created empty if there is none."""
        if (log := self._logs.get(location)) is None:
            log = self._logs[location] = RoomLog(hues=AuthorHues(self._session_hues))
        return log

    @property
    def locations(self) -> list[str]:
        """All locations that have a log."""
        return list(self._logs)

    def room_changed(self, left: str, joined: str, timestamp: datetime) -> None:
        """The user left a room and joined another one: log the gap in the latter."""
        self._absences.left(left, timestamp)
        self._absences.returned(joined, self.of(joined), timestamp)

    def add_connection_gap(
        self, room: str, lost_at: datetime, back_at: datetime, timestamp: datetime
    ) -> None:
        """Log the gap of a lost connection in the current room and in all conversations.

        The rooms that the user left before have a gap for this time anyway.
        """
        text = connection_gap(lost_at, back_at)
        for location in map(Location, self._logs.keys() | {room}):
            if location == room or location.is_private:
                self.of(location).append(EntryKind.GAP, timestamp, text)
