"""Gaps in logs: periods whose messages the client did not receive, as entries of the logs.

A server sends the messages of the room that the user is in, and no others. A server with history
sends what was missed as pages, and only what it has not kept is a gap.
"""

from __future__ import annotations

from datetime import datetime

from chat_tui.model.entries import EntryKind
from chat_tui.model.room_log import RoomLog


def connection_gap(start: datetime, end: datetime) -> str:
    """Return the text of the gap that a lost connection left; local time without a zone."""
    return f"no connection {format_time_range(start, end)}; messages may be missing"


def format_time_range(start: datetime, end: datetime) -> str:
    """Return a range of local time as text, with its days if it is not within one day."""
    if start.date() == end.date():
        return f"from {start:%H:%M} to {end:%H:%M}"
    return f"from {_day_and_time(start)} to {_day_and_time(end)}"


def _day_and_time(timestamp: datetime) -> str:
    return f"{timestamp:%a} {timestamp.day} {timestamp:%b} {timestamp:%H:%M}"


class AbsenceTracker:
    """The times at which the user left rooms: the client receives nothing until the return."""

    def __init__(self) -> None:
        self._left_at: dict[str, datetime] = {}
        # Room -> the entry of its last gap, and the start of that gap.
        self._reported: dict[str, tuple[int, datetime]] = {}

    def left(self, room: str, timestamp: datetime) -> None:
        """The user leaves `room` for another one."""
        self._left_at[room] = timestamp

    def returned(self, room: str, log: RoomLog, timestamp: datetime) -> None:
        """The user is in `room` again, or for the first time: log the gap.

        Two gaps without a message between them become one entry.
        """
        left_at = self._left_at.pop(room, None)
        if left_at is None or not len(log):
            return
        entry_id, start = self._reported.get(room, (-1, left_at))
        is_same_gap = log.keeps(entry_id) and not any(
            entry.author for entry in log.entries(entry_id)
        )
        start = start if is_same_gap else left_at
        text = f"you were elsewhere {format_time_range(start, timestamp)}; messages may be missing"
        if is_same_gap:
            log.amend(entry_id, text)
        else:
            entry_id = log.append(EntryKind.GAP, timestamp, text).id
        self._reported[room] = (entry_id, start)
