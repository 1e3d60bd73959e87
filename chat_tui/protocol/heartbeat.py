"""When to ask for the rooms, and when a silent connection is a dead one."""

from __future__ import annotations

from typing import Final

REFRESH: Final = 15.0
"""Seconds between two looks at the rooms: presence does not tell other rooms' numbers."""

SOON: Final = 0.5
"""Seconds after a presence notice at which to look again: the notices of one move come together."""

NOT_BEFORE: Final = 2.0
"""Seconds at least between two looks, however many come and go: each takes from our allowance."""

SILENCE: Final = 20.0
"""Seconds without a byte after which the server is asked for a sign of life."""

PATIENCE: Final = 10.0
"""Seconds after which a server that gave none is dead."""


class Pulse:
    """The clock of a session that is signed in. Times are of one monotonic clock."""

    def __init__(self, now: float) -> None:
        self._heard_at = now
        self._heartbeat_at: float | None = None
        self._asked_at = now
        self._next_look = now + REFRESH

    def heard(self, now: float) -> None:
        """The newest byte came then, whatever it is."""
        if now > self._heard_at:
            self._heard_at = now
            self._heartbeat_at = None

    def looked(self, now: float) -> None:
        """The rooms are being asked for."""
        self._asked_at = now
        self._next_look = now + REFRESH

    def people_moved(self, now: float) -> None:
        """Somebody came or went: the numbers of members are no longer right."""
        self._next_look = min(self._next_look, max(now + SOON, self._asked_at + NOT_BEFORE))

    def look_due(self, now: float) -> bool:
        """Whether it is time to ask for the rooms again."""
        return now >= self._next_look

    def heartbeat_due(self, now: float) -> bool:
        """Whether it is time to ask for a sign of life; says so once a silence."""
        if self._heartbeat_at is not None or now - self._heard_at < SILENCE:
            return False
        self._heartbeat_at = now
        return True

    def is_dead(self, now: float) -> bool:
        """Whether the sign of life that was asked for did not come."""
        return self._heartbeat_at is not None and now - self._heartbeat_at >= PATIENCE
