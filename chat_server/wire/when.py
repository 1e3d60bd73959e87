"""The times that a user types: a stamp, a date, a date and a time, or how long ago.

Pure, apart from the zone of this machine. Any thread may call it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from chat_server.wire.stamps import MICROSECONDS_PER_SECOND, parse_stamp

_AGO: Final = re.compile(r"(?P<count>\d{1,6})(?P<unit>[mhd])", re.ASCII)
_UNIT_SECONDS: Final = {"m": 60, "h": 3600, "d": 86400}
_LOCAL: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:T(?P<time>(?:[01]\d|2[0-3]):\d\d)(?P<second>:\d\d)?)?", re.ASCII
)


def parse_when(text: str, now: int) -> int | None:
    """Return the time that the text names, in microseconds since the epoch, or None.

    The forms are a stamp; `2026-11-22` (its midnight) and `2026-11-22T14:03` or
    `2026-11-22T14:03:07` in the zone of this machine; `30m`, `2h` or `3d` before `now`. Times
    before the epoch are returned as 0. A time that occurs twice is the first of the two, and one
    that the clocks skip is as much later as they skip.
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
        # The first year and the last are beyond what a zone converts. No message is that far away.
        local = local.replace(year=min(max(local.year, 2), 9998))
        # Not `mktime`: of a time that occurs twice, when the clocks go back, that takes the one
        # that is closer to what it was asked for before. The result has whole seconds: it is exact.
        seconds = int(local.timestamp())
    except ValueError:
        return None
    return seconds * MICROSECONDS_PER_SECOND
