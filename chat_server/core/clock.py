"""The clock of the hub: whole microseconds since the epoch."""

from __future__ import annotations

import time


def now_microseconds() -> int:
    """Return the time of the system clock, which may be set back.

    Counted in integers from the start: `int(time.time() * 1e6)` is off by one now and then.
    """
    return time.time_ns() // 1000
