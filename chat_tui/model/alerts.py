"""Alerts: messages addressed to the user that wait for the notifier. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from chat_tui.model.entries import Entry

_MAX_ALERTS: Final = 16
"""Most alerts in the queue. More at once would not help the user."""


class Alert(NamedTuple):
    """A new message that is addressed to the user: by name, or in a private conversation."""

    location: str
    """Empty for an announcement, which does not belong to a location."""
    entry: Entry | None
    """None: the server reported that it has such a message; the client does not have it yet."""


class AlertQueue:
    """The newest alerts, oldest first. When the queue is full, the oldest is dropped."""

    def __init__(self) -> None:
        self._waiting: deque[Alert] = deque(maxlen=_MAX_ALERTS)

    def add(self, location: str, entry: Entry | None) -> None:
        """Add an alert."""
        self._waiting.append(Alert(location, entry))

    def take(self) -> list[Alert]:
        """Return the alerts since the last call and clear the queue."""
        alerts = list(self._waiting)
        self._waiting.clear()
        return alerts
