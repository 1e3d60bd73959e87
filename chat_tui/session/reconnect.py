"""Reconnecting: when a session that was lost is tried again, and what is told meanwhile."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from chat_tui.events import ConnectionChanged, ConnectionState
from chat_tui.model import ChatModel
from chat_tui.transport import Backoff

_RESTORE_SECONDS: Final = 5.0
"""Seconds after signing in at which we are there, though not all may be as it was before."""


class Reconnector:
    """The pauses of one session, and its countdown in the model. The screen's thread calls it."""

    def __init__(self, model: ChatModel, clock: Callable[[], float], backoff: Backoff) -> None:
        self._model = model
        self._clock = clock
        self._backoff = backoff
        self._retry_at: float | None = None
        self._online_since = 0.0
        self.was_online = False
        """Whether a session was lost that is to come back: what is tried is tried on."""

    @property
    def is_waiting(self) -> bool:
        """Whether a pause is under way."""
        return self._retry_at is not None

    @property
    def is_restore_overdue(self) -> bool:
        """Whether whoever signed in last has to be there by now, if not all is as it was before."""
        return self._clock() - self._online_since > _RESTORE_SECONDS

    def begin(self) -> None:
        """Somebody wants to sign in."""
        self._backoff.reset()

    def signed_in(self) -> None:
        """It worked."""
        self.was_online = True
        self._online_since = self._clock()

    def lost(self, reason: str) -> None:
        """The connection broke: try again after a pause."""
        self._backoff.session_ended(self._clock() - self._online_since)
        self.schedule_retry(reason)

    def schedule_retry(self, reason: str, min_delay: float = 0.0) -> None:
        """A try came to nothing, too: the next pause is longer, `at_least` so many seconds."""
        pause = max(self._backoff.next_delay(), min_delay)
        self._retry_at = self._clock() + pause
        self._model.apply(
            ConnectionChanged(ConnectionState.WAITING, reason, float(math.ceil(pause)))
        )

    def is_due(self, now: float) -> bool:
        """Whether the pause is over; while it is not, tell how long it still takes."""
        if self._retry_at is None or now >= self._retry_at:
            return self._retry_at is not None
        shown = self._model.connection
        seconds = float(math.ceil(self._retry_at - now))
        if shown.retry_in != seconds:
            self._model.apply(ConnectionChanged(shown.state, shown.reason, seconds))
        return False

    def stop_waiting(self) -> None:
        """Something is tried now."""
        self._retry_at = None

    def give_up(self) -> None:
        """Nothing is to come back."""
        self._retry_at = None
        self.was_online = False
