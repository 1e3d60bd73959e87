"""The own messages of a headless job that may not have arrived, and those that turned out to."""

from __future__ import annotations

from chat_tui import events
from chat_tui.events import Event


class UnconfirmedFeed:
    """The unconfirmed messages of a session, by its events."""

    def __init__(self) -> None:
        self._pending: dict[int, str] = {}
        self._unconfirmed: dict[int, str] = {}
        self._arrived: list[str] = []

    def __len__(self) -> int:
        return len(self._unconfirmed)

    def handle(self, event: Event) -> None:
        """Take an event of the session, before the model."""
        match event:
            case events.MessagePending(own_id, _, text):
                self._pending[own_id] = text
            case events.MessageUnconfirmed(own_id):
                self._unconfirmed[own_id] = self._pending.pop(own_id, "")
            case events.MessageSent(own_id) | events.MessageKept(own_id):
                self._pending.pop(own_id, None)
                if (arrived := self._unconfirmed.pop(own_id, None)) is not None:
                    self._arrived.append(arrived)
            case events.MessageRejected(own_id) | events.MessageResent(own_id):
                self._pending.pop(own_id, None)
                self._unconfirmed.pop(own_id, None)

    def take_arrived(self) -> list[str]:
        """Return the texts that have arrived since the last call after being unconfirmed."""
        arrived, self._arrived = self._arrived, []
        return arrived
