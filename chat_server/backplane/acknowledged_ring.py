"""The newest entries that the log has taken, which are sent again if a failover loses them."""

from __future__ import annotations

from collections import deque

from chat_server.backplane.last_settings import LastSettings
from chat_server.backplane.pending import Pending
from chat_server.tuning import Tuning


class AcknowledgedRing:
    """The ring of `Outgoing`, guarded by its lock. Numbers rise along it.

    Bounded by `redis_ring_seconds` and `redis_ring_bytes`. What has left it cannot be sent again,
    except what `LastSettings` keeps.
    """

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._entries: deque[Pending] = deque()
        self._size = 0
        self._settings = LastSettings()
        self.base = 0
        """The last number that has left the ring."""

    def add(self, pending: Pending, now: float) -> None:
        """Add an entry that the log has taken. `now`: in seconds of the monotonic clock."""
        pending.acknowledged_at = now
        self._entries.append(pending)
        self._size += pending.size

    def shorten(self, now: float) -> None:
        """Remove what is too old or too much."""
        oldest = now - self._tuning.redis_ring_seconds
        entries = self._entries
        while entries and (
            entries[0].acknowledged_at < oldest or self._size > self._tuning.redis_ring_bytes
        ):
            pending = entries.popleft()
            self._size -= pending.size
            self.base = max(self.base, pending.number)
            self._settings.note(pending)

    def take_after(self, number: int) -> list[Pending]:
        """Remove the entries with later numbers, which the log has lost. Return them in order."""
        lost: deque[Pending] = deque()
        while self._entries and self._entries[-1].number > number:
            pending = self._entries.pop()
            self._size -= pending.size
            lost.appendleft(pending)
        found = [*self._settings.take_after(number), *lost]
        for pending in found:
            pending.acknowledged_at = 0.0
        return found
