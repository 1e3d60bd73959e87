"""What a log does not hold, said in it: a server sends what is said where one is, and no more."""

from __future__ import annotations

from datetime import datetime

from chat_tui.model.entries import EntryKind
from chat_tui.model.room_log import RoomLog


def format_time_range(start: datetime, end: datetime) -> str:
    """A stretch of local time in words, with its days where it is not within one."""
    if start.date() == end.date():
        return f"from {start:%H:%M} to {end:%H:%M}"
    return f"from {_day_and_time(start)} to {_day_and_time(end)}"


def _day_and_time(timestamp: datetime) -> str:
    return f"{timestamp:%a} {timestamp.day} {timestamp:%b} {timestamp:%H:%M}"


class AbsenceTracker:
    """When one left which room: what is said there is not heard until one is back."""

    def __init__(self) -> None:
        self._left_at: dict[str, datetime] = {}
        self._reported: dict[
            str, tuple[int, datetime]
        ] = {}  # room -> entry of its last gap, its start

    def left(self, room: str, timestamp: datetime) -> None:
        """Somebody goes to another room."""
        self._left_at[room] = timestamp

    def returned(self, room: str, log: RoomLog, timestamp: datetime) -> None:
        """Somebody is in this room again, or for the first time: say in its log what is missing.

        Where nobody has spoken between two gaps, they are told as one.
        """
        left_at = self._left_at.pop(room, None)
        if left_at is None or not len(log):
            return
        told, start = self._reported.get(room, (-1, left_at))
        silent = told >= log.first and not any(entry.author for entry in log.entries(told))
        start = start if silent else left_at
        text = f"you were elsewhere {format_time_range(start, timestamp)}; messages may be missing"
        if silent:
            log.amend(told, text)
        else:
            told = log.append(EntryKind.GAP, timestamp, text).id
        self._reported[room] = (told, start)
