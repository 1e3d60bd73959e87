"""The health of the history: failing, paused or degraded. What /healthz and the log say of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from chat_server.observability import EventLog

_QUIET_SECONDS: Final = 5.0
"""A failure that is over within this time is not reported: another program held the lock."""

_LOG_SECONDS: Final = 60.0
"""Least time between two lines of the log about a failure that lasts."""

_DEGRADED_SECONDS: Final = 3600.0
"""How long /healthz reports that a file was set aside or has vanished."""

_RETRY_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Pauses after failed attempts to store; the last one repeats. Another process holds the write lock
for a moment, so the first ones are short."""


class Health:
    """The health of one history. The writer changes it; any thread may read it."""

    def __init__(self, log: EventLog, dropped: Callable[[], int]) -> None:
        """`dropped`: returns how many messages were dropped since the start."""
        self._log = log
        self._dropped = dropped
        self.attempts = 0
        """Failed attempts to store since the last success."""
        self._failure = ""
        self._failing_since = 0.0
        self._logged_at = 0.0
        self._pause = ""
        self._degradation = ""
        self._degraded_until = 0.0
        self._dropped_before = 0

    @property
    def is_failing(self) -> bool:
        """True since an attempt to store failed, until one succeeds."""
        return bool(self._failure)

    @property
    def is_paused(self) -> bool:
        """True while the disk is nearly full."""
        return bool(self._pause)

    @property
    def retry_seconds(self) -> float:
        """How long to wait before the next attempt to store."""
        step = min(self.attempts, len(_RETRY_SECONDS))
        return _RETRY_SECONDS[max(0, step - 1)]

    def degradation(self) -> str | None:
        """Return why the history does not work as it should, or None. Takes no lock."""
        if self._pause:
            return self._pause
        failure = self._failure
        if failure and time.monotonic() - self._failing_since > _QUIET_SECONDS:
            return f"the history is not stored: {failure}"
        if time.monotonic() < self._degraded_until:
            return self._degradation
        return None

    def fail(self, why: str) -> None:
        """Note a failed attempt to store. Log it if that has lasted."""
        if not self._failure:
            self._failing_since = time.monotonic()
        self.attempts += 1
        self._failure = why or "unknown error"
        if time.monotonic() - self._failing_since > _QUIET_SECONDS:
            self.log_failure(self._failure)

    def log_failure(self, why: str) -> None:
        """Log why something cannot be stored, at most once a minute."""
        now = time.monotonic()
        if not self._logged_at or now - self._logged_at > _LOG_SECONDS:
            self._logged_at = now
            self._log.history_failed(why)

    def recover(self) -> None:
        """Note a successful attempt to store."""
        if self._failure:
            was_logged = self._logged_at > self._failing_since
            self._failure = ""
            if was_logged:
                self._log_resumed()
        self.attempts = 0
        self._dropped_before = self._dropped()

    def set_free_space(self, path: str, free: int, needed: int) -> None:
        """Pause or go on, depending on the free bytes of the disk."""
        if free < needed and not self._pause:
            self._pause = (
                f"the history is paused: {free >> 20} MiB are free on its disk, and it needs"
                f" {needed >> 20}"
            )
            self._log.history_paused(path, free >> 20, needed >> 20)
        elif free >= needed and self._pause:
            self._pause = ""
            self._log_resumed()

    def degrade(self, why: str) -> None:
        """Let /healthz report for an hour what happened to the file."""
        self._degradation = why
        self._degraded_until = time.monotonic() + _DEGRADED_SECONDS

    def _log_resumed(self) -> None:
        self._log.history_resumed(self._dropped() - self._dropped_before)
