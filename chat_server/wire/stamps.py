"""The stamps of messages as text: `YYYY-MM-DDTHH:MM:SS.ffffff±HH:MM` (protocol, section 7).

A stamp is a number of whole microseconds since the epoch. No step uses a float, which is off by one
now and then. Pure, apart from the zone of this machine. Any thread may call it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

MICROSECONDS_PER_SECOND: Final = 1_000_000

_MAX_STAMP: Final = 253_402_214_400 * MICROSECONDS_PER_SECOND - 1
"""The last microsecond of the year 9999 in every zone. Later ones have no text."""

_STAMP: Final = re.compile(
    r"(?P<local>\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d)\.(?P<fraction>\d{6})"
    r"(?P<sign>[+-])(?P<hours>[01]\d|2[0-3]):(?P<minutes>[0-5]\d)",
    re.ASCII,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def format_stamp(stamp: int) -> str:
    """Return a stamp, in microseconds since the epoch, as text in the zone of this machine."""
    second, fraction = divmod(min(stamp, _MAX_STAMP), MICROSECONDS_PER_SECOND)
    start, end = second_form(second)
    return f"{start}{fraction:06d}{end}"


def encode_stamped_messages(stamp: int, author: str, texts: Sequence[str]) -> bytes:
    """Return the lines of messages with rising stamps, from `stamp` on, by one author."""
    return _encode_stamped(stamp, f"{author}: ", texts)


def encode_stamped_actions(stamp: int, author: str, actions: Sequence[str]) -> bytes:
    """Return the lines of one author's actions; see `encode_stamped_messages`."""
    return _encode_stamped(stamp, f"* {author} ", actions)


def _encode_stamped(stamp: int, head: str, texts: Sequence[str]) -> bytes:
    """Encode lines that differ only in their microseconds and texts.

    To format each stamp of a run by itself takes five times as long, under the lock of the hub.
    """
    second, fraction = divmod(min(stamp, _MAX_STAMP), MICROSECONDS_PER_SECOND)
    in_second = MICROSECONDS_PER_SECOND - fraction
    if len(texts) > in_second:  # the run passes the end of the second
        rest = _encode_stamped(stamp + in_second, head, texts[in_second:])
        return _encode_stamped(stamp, head, texts[:in_second]) + rest
    start, end = second_form(second)
    start, end = f"[{start}", f"{end}] {head}"
    width = len(str(fraction))
    if width == len(str(fraction + len(texts) - 1)):  # almost always, and twice as fast
        start += "0" * (6 - width)
        lines = [f"{start}{number}{end}{text}\n" for number, text in enumerate(texts, fraction)]
    else:
        lines = [f"{start}{each:06d}{end}{text}\n" for each, text in enumerate(texts, fraction)]
    return "".join(lines).encode()


@lru_cache(maxsize=64)
def second_form(second: int) -> tuple[str, str]:
    """Return the text before and after the microseconds of a stamp.

    For example `2026-11-22T14:03:07.` and `+01:00`. `second` is counted from the epoch. Stamps of
    one second differ only between the two. The cache may keep the offset of an older zone, which
    names the same instant.
    """
    offset = time.localtime(second).tm_gmtoff // 60  # whole minutes: old zones had seconds as well
    local = time.gmtime(second + 60 * offset)
    hours, minutes = divmod(abs(offset), 60)
    sign = "-" if offset < 0 else "+"
    return (
        f"{local.tm_year:04d}-{local.tm_mon:02d}-{local.tm_mday:02d}"
        f"T{local.tm_hour:02d}:{local.tm_min:02d}:{local.tm_sec:02d}.",
        f"{sign}{hours:02d}:{minutes:02d}",
    )


def parse_stamp(text: str) -> int | None:
    """Return the stamp that the text names, in microseconds since the epoch, or None.

    The text may be in any zone. A time before the epoch is negative.
    """
    match = _STAMP.fullmatch(text)
    if match is None:
        return None
    offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"]))
    try:
        local = datetime.fromisoformat(match["local"]).replace(tzinfo=UTC)
    except ValueError:  # no such date
        return None
    since = local - _EPOCH
    seconds = since.days * 86400 + since.seconds
    seconds -= round(offset.total_seconds()) * (-1 if match["sign"] == "-" else 1)
    return seconds * MICROSECONDS_PER_SECOND + int(match["fraction"])
