"""SuspensionDetector: notice that the whole process was suspended between two ticks. Pure."""

from __future__ import annotations

from typing import Final

_SUSPENDED_SECONDS: Final = 5.0
"""Seconds between two ticks after which the whole process must have been suspended (Ctrl+Z, a
closed lid). The silence of that time says nothing about the server."""


class SuspensionDetector:
    """The time of the last tick. Times are seconds of one monotonic clock."""

    def __init__(self, now: float) -> None:
        self._last_tick = now

    def tick(self, now: float) -> bool:
        """Return True if the process was suspended since the last tick."""
        was_suspended = now - self._last_tick > _SUSPENDED_SECONDS
        self._last_tick = now
        return was_suspended
