"""The accounts and the bans, as far as the hub reads and changes them.

With a shared log they are parts of the replicated state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from chat_server.core.requests import ChangeAccount, Place
from chat_server.core.values import LoginBan


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


@dataclass(frozen=True, slots=True)
class Tables:
    """What a decision may read besides the state. See `Hub`."""

    has_account: Callable[[str], bool]
    may_be_followed: Callable[[str], bool]
    accounts: AccountTable | None
    bans: BanTable | None

    def ban_of(self, user: str, host: str, place: Place) -> LoginBan | None:
        """Return the ban of the account at this place, or else of the address."""
        if self.bans is None:
            return None
        if ban := self.bans.account_ban(user, place.seconds):
            return LoginBan(ban.seconds)
        if ban := self.bans.address_ban(host, place.seconds):
            return LoginBan(ban.seconds, is_of_address=True)
        return None

    def export(self, now: float) -> dict[str, Any]:
        """Return the tables for a snapshot. `now`: the time of the log in seconds."""
        tables: dict[str, Any] = {}
        if self.accounts is not None:
            tables["accounts"] = self.accounts.export()
        if self.bans is not None:
            tables["bans"] = self.bans.export(now)
        return tables

    def load(self, exported: Mapping[str, Any]) -> None:
        """Replace the tables by those of a snapshot, as far as it contains them."""
        if self.accounts is not None and "accounts" in exported:
            self.accounts.load(exported["accounts"])
        if self.bans is not None and "bans" in exported:
            self.bans.load(exported["bans"])
