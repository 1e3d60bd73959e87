"""Heartbeat: when to refresh the room list, and when a silent connection is dead."""

from __future__ import annotations

from typing import Final

REFRESH_SECONDS: Final = 15.0
"""Seconds between two requests for the rooms. Presence notices do not report the member counts of
other rooms."""

PRESENCE_DELAY: Final = 0.5
"""Seconds from a presence notice to the next refresh. A user who moves causes several notices."""

MIN_REFRESH_SECONDS: Final = 2.0
"""Minimum of seconds between two refreshes, however many users come and go. Each request counts
against the client's rate limit."""

IDLE_TIMEOUT: Final = 20.0
"""Seconds without a byte after which the client sends a heartbeat request."""

HEARTBEAT_TIMEOUT: Final = 10.0
"""Seconds without a byte after a heartbeat request, after which the server is dead."""


class Heartbeat:
    """The timers of a signed-in connection. Times are seconds of one monotonic clock."""

    def __init__(self, now: float) -> None:
        self._received_at = now
        self._heartbeat_at: float | None = None
        self._refreshed_at = now
        self._next_refresh = now + REFRESH_SECONDS

    def bytes_received(self, now: float) -> None:
        """Record the time of the newest byte, whatever it was part of."""
        if now > self._received_at:
            self._received_at = now
            self._heartbeat_at = None

    def refreshed(self, now: float) -> None:
        """Record that the rooms are being requested."""
        self._refreshed_at = now
        self._next_refresh = now + REFRESH_SECONDS

    def presence_changed(self, now: float) -> None:
        """Refresh soon: a user came or went, so the member counts are out of date."""
        self._next_refresh = min(
            self._next_refresh, max(now + PRESENCE_DELAY, self._refreshed_at + MIN_REFRESH_SECONDS)
        )

    def refresh_due(self, now: float) -> bool:
        """Return True if the rooms should be requested again."""
        return now >= self._next_refresh

    def heartbeat_due(self, now: float) -> bool:
        """Return True if a heartbeat request should be sent. True once for each silence."""
        if self._heartbeat_at is not None or now - self._received_at < IDLE_TIMEOUT:
            return False
        self._heartbeat_at = now
        return True

    def is_dead(self, now: float) -> bool:
        """Return True if the heartbeat request has timed out."""
        return self._heartbeat_at is not None and now - self._heartbeat_at >= HEARTBEAT_TIMEOUT
