"""Who addressed us, until somebody asks. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from chat_tui.model.entries import Entry

_MAX_ALERTS: Final = 16
"""Calls that wait for somebody who asks for them: more at once would be no more than noise."""


class Alert(NamedTuple):
    """Somebody addressed us just now, in this place: by name, or to us alone.

    An announcement is of no place: that is empty then.
    """

    place: str
    entry: Entry


class AlertQueue:
    """The newest ones."""

    def __init__(self) -> None:
        self._waiting: deque[Alert] = deque(maxlen=_MAX_ALERTS)

    def add(self, place: str, entry: Entry) -> None:
        """This addresses us."""
        self._waiting.append(Alert(place, entry))

    def take(self) -> list[Alert]:
        """Those since the last time."""
        calls = list(self._waiting)
        self._waiting.clear()
        return calls
