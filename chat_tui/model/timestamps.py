"""When a message was said, by the clock here. Pure."""

from __future__ import annotations

from datetime import datetime, time


def message_time(wire_time: str, now: datetime) -> datetime:
    """Local time without zone of what a line says: a live one tells the hour only, and is of today.

    What is no time is `now`.
    """
    try:
        if len(wire_time) > len("HH:MM:SS"):
            return datetime.fromisoformat(wire_time).astimezone().replace(tzinfo=None)
        # Today here, not there: the day of a message never goes back from one to the next,
        # whatever the server's time zone.
        return datetime.combine(now.date(), time.fromisoformat(wire_time))
    except (ValueError, OverflowError):  # 25:61:61
        return now
