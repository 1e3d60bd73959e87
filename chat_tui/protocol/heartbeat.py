"""When to ask for the rooms, and when a silent connection is a dead one."""

from __future__ import annotations

from typing import Final

REFRESH_SECONDS: Final = 15.0
"""Seconds between two looks at the rooms: presence does not tell other rooms' numbers."""

PRESENCE_DELAY: Final = 0.5
"""Seconds after a presence notice at which to look again: the notices of one move come together."""

MIN_REFRESH_SECONDS: Final = 2.0
"""Seconds at least between two looks, however many come and go: each takes from our allowance."""

IDLE_TIMEOUT: Final = 20.0
"""Seconds without a byte after which the server is asked for a sign of life."""

HEARTBEAT_TIMEOUT: Final = 10.0
"""Seconds after which a server that gave none is dead."""


class Heartbeat:
    """The clock of a session that is signed in. Times are of one monotonic clock."""

    def __init__(self, now: float) -> None:
        self._received_at = now
        self._heartbeat_at: float | None = None
        self._refreshed_at = now
        self._next_refresh = now + REFRESH_SECONDS

    def bytes_received(self, now: float) -> None:
        """The newest byte came then, whatever it is."""
        if now > self._received_at:
            self._received_at = now
            self._heartbeat_at = None

    def refreshed(self, now: float) -> None:
        """The rooms are being asked for."""
        self._refreshed_at = now
        self._next_refresh = now + REFRESH_SECONDS

    def presence_changed(self, now: float) -> None:
        """Somebody came or went: the numbers of members are no longer right."""
        self._next_refresh = min(
            self._next_refresh, max(now + PRESENCE_DELAY, self._refreshed_at + MIN_REFRESH_SECONDS)
        )

    def refresh_due(self, now: float) -> bool:
        """Whether it is time to ask for the rooms again."""
        return now >= self._next_refresh

    def heartbeat_due(self, now: float) -> bool:
        """Whether it is time to ask for a sign of life; says so once a silence."""
        if self._heartbeat_at is not None or now - self._received_at < IDLE_TIMEOUT:
            return False
        self._heartbeat_at = now
        return True

    def is_dead(self, now: float) -> bool:
        """Whether the sign of life that was asked for did not come."""
        return self._heartbeat_at is not None and now - self._heartbeat_at >= HEARTBEAT_TIMEOUT
