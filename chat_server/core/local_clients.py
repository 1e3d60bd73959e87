"""The sessions whose clients are connected to this server of several. Changed under the hub's lock.

The replicated state may be replaced, or may lose a session for a time, while the client stays
connected. So these sessions are kept here, and the state takes the same objects again.
"""

from __future__ import annotations

from typing import Generic

from chat_server.core.rooms import Session, is_subscribed_to
from chat_server.core.values import PublishedMessages, ReceiverT


class LocalClients(Generic[ReceiverT]):
    """The sessions of this server's clients. Empty without a shared log."""

    __slots__ = ("detached", "sessions")

    def __init__(self) -> None:
        self.sessions: dict[tuple[str, int], Session[ReceiverT]] = {}
        """By user and generation, until they end here."""
        self.detached: dict[str, Session[ReceiverT]] = {}
        """Those that the replicated state does not contain at the moment, by user. They still
        receive the messages of their rooms."""

    def detach(self, session: Session[ReceiverT]) -> None:
        """Keep a session that the state does not contain any more."""
        self.detached[session.user] = session

    def forget(self, session: Session[ReceiverT]) -> None:
        """Forget a session that has ended."""
        user = session.user
        self.sessions.pop((user, session.generation), None)
        if self.detached.get(user) is session:
            del self.detached[user]

    def detached_recipients(self, run: PublishedMessages) -> list[Session[ReceiverT]]:
        """Return the detached sessions that receive a run."""
        return [
            each
            for each in self.detached.values()
            if each.room.name == run.room and is_subscribed_to(each, run.author)
        ]
