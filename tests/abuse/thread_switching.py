"""Frequent thread switches, which make races likely."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

FREQUENT_SWITCHES = {"switch_interval": 1e-6, "switch_interval_per_client": 0.0}
"""Settings for the server, which sets its own switch interval."""

_PR_SET_TIMERSLACK = 29
_SHORT_SLACK = 10_000
_DEFAULT_SLACK = 0


@contextmanager
def frequent_thread_switches() -> Iterator[None]:
    """Let threads that start in this context, and their threads, request the GIL all the time.

    Linux extends a wait of 1 µs to 50 µs and more. In this context it takes 11 µs. Without any
    slack, a hundred threads would do little else than switch.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    _set_timer_slack(_SHORT_SLACK)
    try:
        yield
    finally:
        _set_timer_slack(_DEFAULT_SLACK)
        sys.setswitchinterval(before)


def _set_timer_slack(nanoseconds: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(nanoseconds), 0, 0, 0)
