"""The interface between the hub and what puts the requests of sessions in order.

Without other servers that is `EmbeddedBackplane`: it applies a request at once, in the same hold of
the hub's lock. With other servers it is a log that all of them read, see `chat_server.backplane`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from chat_server.core.requests import Entry, Request, RestoreSession, Snapshot
from chat_server.core.rooms import Session
from chat_server.core.values import ReceiverT


class BackplaneUnavailableError(Exception):
    """The servers cannot reach each other, and the request has waited too long."""


class Backplane(Protocol[ReceiverT]):
    """Puts requests in order. The hub passes on what it is asked; any thread, no lock is held."""

    def publish(
        self, session: Session[ReceiverT], texts: Sequence[str], is_action: bool
    ) -> tuple[ReceiverT, ...]:
        """Publish texts in the session's room. Return the recipients that this server knows of.

        Does not wait until the messages are delivered. Waits while too much is on its way already.
        """

    def submit(self, request: Request, session: Session[ReceiverT] | None = None) -> Any:
        """Give a request its place in the order. Return what `Replica.apply` returned for it.

        Waits for that. Returns None if the session ends meanwhile. Raises
        `BackplaneUnavailableError` if a login waits too long.
        """

    def settle(self, session: Session[ReceiverT]) -> None:
        """Wait until everything that the session has published is applied, or the session ends."""

    def catch_up(self) -> None:
        """Wait until everything is applied that any server has put in order before this call.

        So what a client has read from another server is true here. Raises
        `BackplaneUnavailableError` if that takes as long as a login may wait.
        """


class Replica(Protocol):
    """What a log needs of the hub. One thread, the reader of the log, calls all methods.

    Only this thread changes the replicated state, so it may read that without the hub's lock.
    """

    def apply(self, entry: Entry, *, is_silent: bool = False) -> Any:
        """Decide and apply an entry, emit its outputs to this server's sessions, record it.

        Return the result for the client's thread that asked. `is_silent`: change the state alone.
        Its outputs were emitted, and it was recorded, before the log lost it.

        The state knows the highest number of each server that it contains (`applied`, part of the
        snapshot). An entry up to it changes nothing again. The caller knows up to which number the
        outputs were emitted: `is_silent` is its decision.
        """

    def snapshot(self, stamp: int) -> Snapshot:
        """Return the replicated state. `stamp`: of the last entry that was applied."""

    def restore(self, snapshot: Snapshot) -> None:
        """Replace the replicated state. This server's own sessions stay attached to their clients.

        A session that is not in the snapshot is kept apart, until an entry starts or restores it.
        """

    def local_sessions(self) -> list[tuple[int, RestoreSession]]:
        """Return how to restore each session of this server's clients, with its generation.

        Also of those that the state does not contain at the moment. Takes the hub's lock.
        """

    def set_connected(self, is_connected: bool) -> None:
        """Notify this server's sessions that the other servers are unreachable, or no longer."""
