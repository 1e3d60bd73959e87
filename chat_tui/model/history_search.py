"""HistorySearch: the search in the server's history, and what it found. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chat_server.wire import Action, Message, PrivateMessage
from chat_tui.events import HistoryPage, HistoryRequestFailed, NotKept
from chat_tui.model.entries import Entry
from chat_tui.sanitize import safe_text


class HistorySearch:
    """The latest search of the user in the history of a room."""

    def __init__(self) -> None:
        self.room = ""
        """The room that was searched."""
        self.is_pending = False
        """The server has not answered yet."""
        self.found: Sequence[Entry] = ()
        """The messages found, the newest first."""
        self.problem = ""
        """Why nothing was found out, empty if the server has answered. Safe for a terminal."""

    def begin(self, room: str) -> None:
        """Wait for the answer to a new search."""
        self.room, self.is_pending, self.found, self.problem = room, True, (), ""

    def apply(
        self,
        event: HistoryPage | HistoryRequestFailed,
        entry_of: Callable[[Message | Action | PrivateMessage], Entry],
    ) -> bool:
        """Take the answer of the server. Return False if it came too late."""
        if isinstance(event, HistoryRequestFailed):
            return self.failed(event.location, safe_text(event.reason))
        found = [item for item in event.entries if not isinstance(item, NotKept)]
        return self.answered(event.location, [*map(entry_of, found)])

    def answered(self, room: str, entries: Sequence[Entry]) -> bool:
        """Take the messages found in `room`, the oldest first. Return False if it came too late."""
        return self._end(room, tuple(reversed(entries)), "")

    def failed(self, room: str, problem: str) -> bool:
        """Record why the search ended without an answer. Return False if that came too late."""
        return self._end(room, (), problem)

    def _end(self, room: str, found: Sequence[Entry], problem: str) -> bool:
        if not self.is_pending or room != self.room:
            return False
        self.is_pending, self.found, self.problem = False, found, problem
        return True
