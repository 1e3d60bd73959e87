"""Conversion of the times on the wire to local time. Pure."""

from __future__ import annotations

from datetime import datetime, time


def message_time(wire_time: str, now: datetime) -> datetime:
    """Return the time of a message as local time without a zone.

    A live message has only a time of day and is of today. `now` replaces an invalid time.
    """
    try:
        if len(wire_time) > len("HH:MM:SS"):
            return datetime.fromisoformat(wire_time).astimezone().replace(tzinfo=None)
        # Today by the local clock, not by the server's: so the day never goes back from one
        # message to the next, whatever the time zone of the server is.
        return datetime.combine(now.date(), time.fromisoformat(wire_time))
    except (ValueError, OverflowError):  # 25:61:61
        return now
