"""Polling for events that do not notify the test, with one time-out for all tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

WAIT_TIMEOUT = 30.0
"""Seconds after which a test gives up waiting. It never measures speed."""

POLL_INTERVAL = 0.005
"""Seconds between two checks of a condition."""


def poll(
    condition: Callable[[], object],
    description: str = "",
    state: Callable[[], object] = str,
    *,
    timeout: float = WAIT_TIMEOUT,
) -> Iterator[None]:
    """Yield until `condition` is true. Raise AssertionError after `timeout` seconds.

    The body of the loop waits or does work, and may be asynchronous. The error contains
    `description`, which says what was expected, and `state`, which says what was found instead.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout:g} s: {description} {state()}".rstrip())
        yield


def until(
    condition: Callable[[], object],
    description: str = "",
    state: Callable[[], object] = str,
    *,
    timeout: float = WAIT_TIMEOUT,
    work: Callable[[], object] = lambda: threading.Event().wait(POLL_INTERVAL),
) -> None:
    """Call `work` until `condition` is true. See `poll`. By default, `work` is a short wait."""
    for _ in poll(condition, description, state, timeout=timeout):
        work()
