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

_JITTER: Final = timedelta(seconds=5)
"""Differences of the same clocks vary by less than this."""


class ServerClock:
    """The difference between a server's wall clock and UTC, as the client's clock has it.

    A live line has only the server's local time of day. Its arrival says which time that is here:
    the zones differ by a multiple of a quarter of an hour, and the rest is skew and delay. Lines
    may be late by hours, after the process was suspended, but never from the future. So the
    greatest difference is the best one. It is kept until the server's clock was set back.
    """

    def __init__(self) -> None:
        self._ahead: timedelta | None = None  # of the line with the shortest delay
        self._suspect: tuple[timedelta, datetime] | None = None  # another one, and since when
        self._last: tuple[datetime, datetime] | None = None  # wire time and arrival, both in order
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
            # Summer time of the client does not change the difference to UTC.
            offset = now.astimezone().utcoffset() or timedelta()
            server_time = datetime.combine(now.date(), time.fromisoformat(wire_time))
            ahead = self._update(server_time, now - offset)
            zones = round(ahead / _QUARTER) * _QUARTER - offset
            local = now + _within_a_day(server_time - zones - now)
            self._latest = wire_time, now, local
            return local
        except (ValueError, TypeError, OverflowError):  # 25:61:61, or a zone after a time of day
            return now

    def _update(self, server_time: datetime, now: datetime) -> timedelta:
        """Take the difference of a new line into account. Return the one in force."""
        ahead = _within_a_day(server_time - now)
        known = self._ahead
        if (
            known is None
            or _within_a_day(ahead - known) > timedelta()  # a line from the future
            or self._is_set_back(server_time, now)
            or self._is_settled(_within_a_day(ahead - known), ahead, now)
        ):
            self._ahead, self._suspect = ahead, None
        self._last = server_time, now
        return self._ahead if self._ahead is not None else ahead

    def _is_set_back(self, server_time: datetime, now: datetime) -> bool:
        """Return True if the server sent a line with an earlier time after one with a later time.

        Late lines are in order. After half a day, a time of day does not say which one is earlier.
        """
        if self._last is None or not now - self._last[1] < _DAY / 2:
            return False
        return _within_a_day(server_time - self._last[0]) < -_SETTLED

    def _is_settled(self, change: timedelta, ahead: timedelta, now: datetime) -> bool:
        """Return True if lines have had about this other difference for some time."""
        if change > -_TOLERANCE:
            self._suspect = None
            return False
        if self._suspect is None or abs(ahead - self._suspect[0]) >= _JITTER:
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
