"""Waiting for what a test cannot be told of."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PATIENCE = 30.0
"""Seconds after which a test gives up. Never a measure of speed."""


def until(
    happened: Callable[[], object],
    what: str,
    state: Callable[[], str] = str,
    *,
    patience: float = PATIENCE,
) -> None:
    """Look again and again until `happened` is true.

    If it never is, `what` says what was missed, and `state` how things stand instead.
    """
    deadline = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < deadline, f"never happened: {what} {state()}".rstrip()
        threading.Event().wait(0.005)
