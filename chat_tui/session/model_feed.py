"""ModelFeed: apply events to the model, and keep the model over reconnects of the same user."""

from __future__ import annotations

from datetime import datetime

from chat_tui import events
from chat_tui.account import Account
from chat_tui.events import ConnectionChanged, ConnectionState, Event
from chat_tui.model import ChatModel


class ModelFeed:
    """The way of events into the model, over one connection after the other.

    If the same user comes back to the same server, the logs continue after a gap. Any other user
    gets an empty model. Called by the screen's thread.
    """

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self._identity: tuple[str, str] | None = None  # the user and server of the model
        self._is_signing_in = False
        self._queued: list[Event] = []  # received before the login succeeded
        self._disconnected_at: datetime | None = None

    def connected(self) -> None:
        """Hold back events from now on: it is not known yet which session they belong to."""
        self._is_signing_in = True

    def disconnected(self) -> None:
        """Apply events at once again: without a connection they belong to the model as it is.

        Events that are still held back belong to no session and are discarded.
        """
        self._is_signing_in = False
        self._queued.clear()

    def handle_event(self, event: Event) -> None:
        """Apply an event, or hold it back until the login has succeeded."""
        if self._is_signing_in:
            self._queued.append(event)
        else:
            self._model.apply(event)

    def signed_in(self, event: events.SignedIn, account: Account, server: str) -> None:
        """Start or continue the model's session. `server` is its real address, `host:port`."""
        if account.identity != self._identity:
            self._identity = account.identity
            self._disconnected_at = None
            self._model.begin(server, account.user)
            self._model.apply(ConnectionChanged(ConnectionState.CONNECTING))
        self._model.apply(event)
        if self._disconnected_at is not None:
            self._model.apply(events.HistoryGap(self._disconnected_at, self._model.now()))
            self._disconnected_at = None
        for early in self._queued:
            self._model.apply(early)
        self._queued.clear()
        self._is_signing_in = False

    def session_ended(self) -> None:
        """Record when the session ended: messages from now on are missing in the log."""
        self._disconnected_at = self._model.now()
