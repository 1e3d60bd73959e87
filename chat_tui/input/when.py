"""Times on the command line, as the server reads them, and the end of an export. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from chat_server.wire import parse_stamp, parse_when

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_AGO: Final = re.compile(r"([0-9]{1,6})([mhd])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}

WHEN_FORMS: Final = "2026-11-22, 2026-11-22T14:03, 30m, 2h or 3d"
"""The forms of a time on the command line, for the user. A stamp of the server is one, too."""


def is_when(text: str) -> bool:
    """Return True if the server understands this time: see `WHEN_FORMS`."""
    return parse_when(text, 0) is not None


@dataclass(frozen=True, slots=True)
class Until:
    """The end of an export. A date includes its whole day, in the server's zone. `now`: no end."""

    when: str
    asked_at: datetime
    """The time of the request, with a zone: `30m` is before it."""

    def excludes(self, time: str) -> bool:
        """Return True if the end is before a message with this stamp."""
        when = self.when
        if when == "now":
            return False
        if (ago := _AGO.fullmatch(when)) is not None:
            try:
                end = self.asked_at - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
                end = end.astimezone(UTC)
            except OverflowError:  # before the year 1
                return True
            stamp = parse_stamp(time)
            return stamp is not None and stamp > end.timestamp() * 1_000_000
        if (stamp := parse_stamp(when)) is not None:
            return (parse_stamp(time) or 0) >= stamp
        start = time[: len(when)]  # the local time of the server
        return start > when if _DATE.fullmatch(when) else start >= when
