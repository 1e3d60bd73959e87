"""Reconnector: when to reconnect after a lost connection, and the countdown in the model."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from chat_tui.events import ConnectionChanged, ConnectionState
from chat_tui.model import ChatModel
from chat_tui.transport import Backoff

_RESTORE_SECONDS: Final = 5.0
"""Seconds after signing in at which the session counts as online, even if it is not fully
restored."""


class Reconnector:
    """The reconnect delays of a session. Called by the screen's thread."""

    def __init__(self, model: ChatModel, clock: Callable[[], float], backoff: Backoff) -> None:
        self._model = model
        self._clock = clock
        self._backoff = backoff
        self._retry_at: float | None = None
        self._online_since = 0.0
        self.was_online = False
        """True once the client has signed in, until it gives up. Failures are then retried."""

    @property
    def is_waiting(self) -> bool:
        """True if a retry is scheduled."""
        return self._retry_at is not None

    @property
    def is_restore_overdue(self) -> bool:
        """True if the session counts as online even if it is not fully restored."""
        return self._clock() - self._online_since > _RESTORE_SECONDS

    def begin(self) -> None:
        """Reset the delays: the user signs in."""
        self._backoff.reset()

    def signed_in(self) -> None:
        """Record a successful login."""
        self.was_online = True
        self._online_since = self._clock()

    def lost(self, reason: str) -> None:
        """Schedule a retry after a lost connection."""
        self._backoff.session_ended(self._clock() - self._online_since)
        self.schedule_retry(reason)

    def schedule_retry(self, reason: str, min_delay: float = 0.0) -> None:
        """Schedule a retry with the next, longer delay, but at least `min_delay` seconds."""
        delay = max(self._backoff.next_delay(), min_delay)
        self._retry_at = self._clock() + delay
        self._model.apply(
            ConnectionChanged(ConnectionState.WAITING, reason, float(math.ceil(delay)))
        )

    def is_due(self, now: float) -> bool:
        """Return True if the delay has passed. Before that, update the countdown in the model."""
        if self._retry_at is None or now >= self._retry_at:
            return self._retry_at is not None
        shown = self._model.connection
        seconds = float(math.ceil(self._retry_at - now))
        if shown.retry_in != seconds:
            self._model.apply(ConnectionChanged(shown.state, shown.reason, seconds))
        return False

    def stop_waiting(self) -> None:
        """Cancel the scheduled retry: an attempt starts now."""
        self._retry_at = None

    def give_up(self) -> None:
        """Stop reconnecting."""
        self._retry_at = None
        self.was_online = False
