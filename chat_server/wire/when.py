"""The times that a user types: a stamp, a date, a date and a time, or how long ago.

Pure, apart from the zone of this machine. Any thread may call it.
"""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Final

from chat_server.wire.stamps import MICROSECONDS_PER_SECOND, parse_stamp

_AGO: Final = re.compile(r"(?P<count>\d{1,6})(?P<unit>[mhd])", re.ASCII)
_UNIT_SECONDS: Final = {"m": 60, "h": 3600, "d": 86400}
_LOCAL: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:T(?P<time>\d\d:\d\d)(?P<second>:\d\d)?)?", re.ASCII
)


def parse_when(text: str, now: int) -> int | None:
    """Return the time that the text names, in microseconds since the epoch, or None.

    The forms are a stamp; `2026-11-22` (its midnight) and `2026-11-22T14:03` or
    `2026-11-22T14:03:07` in the zone of this machine; `30m`, `2h` or `3d` before `now`. Times
    before the epoch are returned as 0.
    """
    stamp = parse_stamp(text)
    if stamp is None:
        stamp = _parse_ago(text, now)
    if stamp is None:
        stamp = _parse_local(text)
    return None if stamp is None else max(0, stamp)


def _parse_ago(text: str, now: int) -> int | None:
    match = _AGO.fullmatch(text)
    if match is None:
        return None
    return now - int(match["count"]) * _UNIT_SECONDS[match["unit"]] * MICROSECONDS_PER_SECOND


def _parse_local(text: str) -> int | None:
    match = _LOCAL.fullmatch(text)
    if match is None:
        return None
    try:
        local = datetime.fromisoformat(
            f"{match['date']}T{match['time'] or '00:00'}{match['second'] or ':00'}"
        )
        # A time that occurs twice, when the clocks go back, is the first of the two or the second,
        # as the system decides. `mktime` returns a float, but of whole seconds, so it is exact.
        seconds = int(time.mktime(local.timetuple()))
    except (ValueError, OverflowError):
        return None
    return seconds * MICROSECONDS_PER_SECOND
