"""The interface between the hub and what puts the requests of sessions in order.

Without other servers that is `EmbeddedBackplane`: it applies a request at once, in the same hold of
the hub's lock. With other servers it is a log that all of them read, see `chat_server.backplane`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from chat_server.core.requests import ChangeAccount, Entry, Request, RestoreSession, Snapshot
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


class AccountTable(Protocol):
    """The accounts as a part of the replicated state. Called under the hub's lock: never blocks."""

    def is_active(self, name: str) -> bool:
        """Return whether the canonical `name` has an account that may log in."""

    def exists(self, name: str) -> bool:
        """Return whether the canonical `name` has an account, disabled or not."""

    def creation_times(self) -> Mapping[str, str | None]:
        """Return all accounts, with the text of their creation time if known."""

    def created(self, name: str) -> str | None:
        """Return the text of the creation time of one account, if there is one and it is known."""

    def apply(self, change: ChangeAccount) -> None:
        """Apply an entry of the log."""

    def export(self) -> Mapping[str, Any]:
        """Return the table for a snapshot. Equal tables export the same."""

    def load(self, exported: Mapping[str, Any]) -> None:
        """Replace the table by one of a snapshot."""


class BanInForce(Protocol):
    """A ban at one moment."""

    @property
    def seconds(self) -> float | None:
        """Seconds until it ends. None: it has no end."""


class BanTable(Protocol):
    """The bans as a part of the replicated state. Called under the hub's lock: never blocks.

    `now` is the time of the log in seconds since the epoch. None: the table has its own clock, as
    without a shared log.
    """

    def ban_account(self, user: str, seconds: float | None, now: float | None = None) -> bool:
        """Ban an account. `seconds` None: without an end. Return False if there are too many."""

    def ban_address(self, address: str, seconds: float | None, now: float | None = None) -> bool:
        """Ban an address, for IPv6 its whole /64. Otherwise like `ban_account`."""

    def unban_account(self, user: str, now: float | None = None) -> bool:
        """End the ban of an account. Return False if there was none."""

    def unban_address(self, address: str, now: float | None = None) -> bool:
        """End the ban of an address. Return False if there was none."""

    def covers(self, address: str, host: str) -> bool:
        """Return whether a ban of `address` covers `host`."""

    def account_ban(self, user: str, now: float | None = None) -> BanInForce | None:
        """Return the ban of an account, or None."""

    def address_ban(self, address: str, now: float | None = None) -> BanInForce | None:
        """Return the ban of an address, or None."""

    def export(self, now: float) -> Mapping[str, Any]:
        """Return the bans in force for a snapshot. Equal tables export the same."""

    def load(self, exported: Mapping[str, Any]) -> None:
        """Replace the table by one of a snapshot."""


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
