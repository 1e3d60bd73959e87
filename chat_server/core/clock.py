"""The clock of the hub: whole microseconds since the epoch, and the zone of this machine."""

from __future__ import annotations

import time


def reload_time_zone() -> None:
    """Read the zone of this machine again, if its file has changed. Any thread.

    Without it, a process keeps the zone of its start. Costs one system call. Does nothing on a
    system that cannot do it.
    """
    if hasattr(time, "tzset"):
        time.tzset()


def now_microseconds() -> int:
    """Return the time of the system clock, which may be set back.

    Counted in integers from the start: `int(time.time() * 1e6)` is off by one now and then.
    """
    return time.time_ns() // 1000
