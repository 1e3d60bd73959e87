"""Notifies the users of this server when Redis has been away for a while, and when it is back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from chat_server.backplane.link_state import LinkState
from chat_server.core import Replica
from chat_server.tuning import Tuning


class OutageNotice:
    """One notice for each outage that is long enough, and one after it. Used by one thread."""

    def __init__(
        self,
        link: LinkState,
        tuning: Tuning,
        batch: Callable[[], AbstractContextManager[object]],
    ) -> None:
        """See `RedisBackplane` for `batch`."""
        self._link = link
        self._tuning = tuning
        self._batch = batch
        self._is_announced = False

    def update(self, replica: Replica) -> None:
        """Look at the link, and notify the users if it has changed."""
        away = self._link.away_seconds()
        if away >= self._tuning.redis_notice_seconds and not self._is_announced:
            self._notify(replica, is_connected=False)
        elif not away and self._is_announced:
            self._notify(replica, is_connected=True)

    def _notify(self, replica: Replica, *, is_connected: bool) -> None:
        self._is_announced = not is_connected
        with self._batch():  # otherwise an idle client would get the notice with its next line
            replica.set_connected(is_connected)
