"""ServerClock: the times on the wire as local time of the client. No I/O."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_QUARTER: Final = timedelta(minutes=15)
"""All time zones differ by a multiple of it."""

_TOLERANCE: Final = _QUARTER / 2
"""Skew and delay up to this do not change the difference of the zones."""

_SETTLED: Final = timedelta(minutes=1)
"""A difference that stays the same for this time is another clock, not a delay."""

_SUMMER_TIME: Final = (timedelta(minutes=30), timedelta(minutes=60))


class ServerClock:
    """The difference between the wall clocks of a server and of the client.

    A live line has only the server's local time of day. Its arrival says which time that is here:
    the zones differ by a multiple of a quarter of an hour, and the rest is skew and delay. Later
    lines may be late by minutes, after the process was suspended, so the difference is kept while
    it explains them: a line can be old, but never from the future.
    """

    def __init__(self) -> None:
        self._ahead: timedelta | None = None  # the latest difference without a long delay
        self._suspect: tuple[timedelta, datetime] | None = None  # another one, and since when
        self._latest = ("", datetime.min, datetime.min)  # wire time, arrival, result

    def local_time(self, wire_time: str, now: datetime) -> datetime:
        """Return the time of a message as local time without a zone.

        `now` is the local time of its arrival. It replaces an invalid time.
        """
        try:
            if len(wire_time) > len("HH:MM:SS"):
                return datetime.fromisoformat(wire_time).astimezone().replace(tzinfo=None)
            latest, arrived, known = self._latest
            if wire_time == latest and timedelta() <= now - arrived < _SECOND:
                return known  # thousands of lines may arrive within a second
            server_time = datetime.combine(now.date(), time.fromisoformat(wire_time))
            ahead = self._update(_within_a_day(server_time - now), now)
            zones = round(ahead / _QUARTER) * _QUARTER
            local = now + _within_a_day(server_time - zones - now)
            self._latest = wire_time, now, local
            return local
        except (ValueError, TypeError, OverflowError):  # 25:61:61, or a zone after a time of day
            return now

    def _update(self, ahead: timedelta, now: datetime) -> timedelta:
        """Take a new difference into account. Return the one in force."""
        known = self._ahead
        if known is None or self._is_other_clock(_within_a_day(ahead - known), ahead, now):
            self._ahead, self._suspect = ahead, None
            return ahead
        return known

    def _is_other_clock(self, change: timedelta, ahead: timedelta, now: datetime) -> bool:
        """Return True unless the line is just late: then the clocks differ as before."""
        if change > -_TOLERANCE:
            return True  # about the same, or a line from the future
        if any(abs(change + step) < _SETTLED for step in _SUMMER_TIME):
            return True
        if self._suspect is None or abs(ahead - self._suspect[0]) >= _SETTLED:
            self._suspect = ahead, now
        return now - self._suspect[1] >= _SETTLED


def _within_a_day(difference: timedelta) -> timedelta:
    """Return a difference of times of day, from -12 to 12 hours."""
    return (difference + _DAY / 2) % _DAY - _DAY / 2


def not_before_day_of(timestamp: datetime, last: datetime | None) -> datetime:
    """Return a time that is not on an earlier day than the time `last` of the entry above.

    A line that was sent just before midnight may arrive just after an entry of the new day.
    """
    if last is None or timestamp.date() >= last.date() or last - timestamp > _DAY / 2:
        return timestamp
    return datetime.combine(last.date(), time())
