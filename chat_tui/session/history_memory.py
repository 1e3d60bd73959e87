"""HistoryMemory: what the client has of the history, over connections and restarts."""

from __future__ import annotations

from chat_tui.account import Account
from chat_tui.input import parse_outgoing
from chat_tui.model import ChatModel
from chat_tui.protocol import Timelines, Unconfirmed
from chat_tui.storage import StampStore


class HistoryMemory:
    """The timelines of the user whose logs the model has. Called by the screen's thread."""

    def __init__(self, model: ChatModel, store: StampStore | None) -> None:
        """`store`: None keeps nothing over restarts."""
        self._model = model
        self._store = store
        self._identity: tuple[str, str] | None = None
        self._timelines = Timelines()
        self._next = self._timelines  # of the account that signs in

    def connecting(self, account: Account) -> Timelines:
        """Return the timelines for a connection that begins. The login may still fail."""
        if account.identity == self._identity:
            self._next = self._timelines
        else:
            read = {} if self._store is None else self._store.read(account.identity)
            # Until the login has succeeded, the model may hold the messages of another user.
            timelines = Timelines(
                read, lambda: self._unconfirmed() if self._timelines is timelines else []
            )
            self._next = timelines
        return self._next

    def signed_in(self, account: Account) -> None:
        """Use the timelines of the account: the model has its logs now."""
        is_new = account.identity != self._identity
        self._identity, self._timelines = account.identity, self._next
        if self._store is None:
            return
        self._store.open(account.identity)
        if is_new and self._model.capabilities.history:
            for place, numbers in self._store.unread.items():
                self._model.unread.restore(place, numbers)

    def tick(self) -> None:
        """Store up to where the user has read, and how much is unread."""
        if self._store is not None:
            self._record()
            self._store.tick()

    def save(self) -> None:
        """Store up to where the user has read, now."""
        if self._store is not None:
            self._record()
            self._store.save()

    def _record(self) -> None:
        if self._store is None or self._identity is None:
            return
        for place in self._timelines.take_started_over():
            self._store.start_over(place)
        unread = self._model.unread
        self._store.read_up_to(
            {
                place: stamp
                for place, stamp in self._timelines.newest().items()
                if unread.count(place) == 0
            }
        )
        if self._model.capabilities.history:
            unseen = unread.unseen()
            for place, stamp in self._timelines.first().items():
                if place in unseen and not self._store.has(place):
                    self._store.read_up_to({place: stamp})
            self._store.keep_unread(unseen)

    def _unconfirmed(self) -> list[Unconfirmed]:
        return [
            Unconfirmed(own_id, message.location, *parse_outgoing(message.typed), message.proof)
            for own_id, message in self._model.unresolved()
        ]
