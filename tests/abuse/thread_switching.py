"""Threads that switch all the time, so that a race which can happen does."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

FREQUENT_SWITCHES = {"switch_interval": 1e-6, "switch_interval_per_client": 0.0}
"""For the server's settings: it sets its own interval."""

_PR_SET_TIMERSLACK = 29
_LITTLE = 10_000
_DEFAULT = 0


@contextmanager
def frequent_thread_switches() -> Iterator[None]:
    """Let threads that start in here, and their threads, ask for the interpreter all the time.

    By itself Linux ends a wait of 1 µs after 50 and more. Here it is 11: with no slack at all a
    hundred threads do hardly anything else.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    _set_timer_slack(_LITTLE)
    try:
        yield
    finally:
        _set_timer_slack(_DEFAULT)
        sys.setswitchinterval(before)


def _set_timer_slack(nanoseconds: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(nanoseconds), 0, 0, 0)
