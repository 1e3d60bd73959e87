"""Continuity: what one session leaves in the model for the next, and what a new one brings."""

from __future__ import annotations

from datetime import datetime

from chat_tui import events
from chat_tui.account import Account
from chat_tui.events import ConnectionChanged, ConnectionState, Event
from chat_tui.model import ChatModel


class ModelFeed:
    """The same user who comes back to the same server goes on in the same log, behind a gap.

    Anybody else gets an empty one. The screen's thread calls it.
    """

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self._identity: tuple[str, str] | None = None  # whose model it is
        self._in_session = False
        self._queued: list[Event] = []  # learned before the session began
        self._disconnected_at: datetime | None = None

    def connected(self) -> None:
        """There is a connection. What is learned belongs to no session so far."""
        self._in_session = False
        self._queued.clear()

    def handle_event(self, event: Event) -> None:
        """Take it into the model, as soon as it is known whose model that is."""
        if self._in_session:
            self._model.apply(event)
        else:
            self._queued.append(event)

    def signed_in(self, event: events.SignedIn, account: Account, server: str) -> None:
        """A session began, for this account; `server`: where that really is."""
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
        self._in_session = True

    def session_ended(self) -> None:
        """From now on nothing is heard."""
        self._disconnected_at = self._model.now()
