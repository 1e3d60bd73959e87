"""The accounts from one read of the users file and its companion, as an immutable value. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chat_server.accounts.password_hash import hash_cost
from chat_server.config import DEFAULT_COST


class Accounts(Mapping[str, str]):
    """The accounts that may log in: canonical name to hash. Never changes.

    Disabled accounts are kept apart, so a look-up by name cannot return one of them by mistake.
    """

    __slots__ = ("_hashes", "created", "disabled", "highest_cost", "listed_though_disabled")

    disabled: Mapping[str, str]
    """Accounts that may not log in, with the hashes that they had."""

    created: Mapping[str, str]
    """Creation times in ISO 8601, for accounts whose time is known."""

    listed_though_disabled: frozenset[str]
    """Disabled accounts that the users file lists too. The next change removes them from it."""

    highest_cost: int
    """Highest bcrypt cost of any hash here: the cost of a login as an unknown user.

    Protocol section 2.
    """

    def __init__(
        self,
        hashes: Mapping[str, str],
        disabled: Mapping[str, str] | None = None,
        created: Mapping[str, str] | None = None,
    ) -> None:
        """Names and hashes must be valid: they come from the checked files or from bcrypt.

        A name that is in both `hashes` and `disabled` is disabled.
        """
        self.disabled = dict(disabled or {})
        self.created = dict(created or {})
        self.listed_though_disabled = frozenset(self.disabled) & frozenset(hashes)
        self._hashes = {n: hashed for n, hashed in hashes.items() if n not in self.disabled}
        costs = [hash_cost(hashed) for hashed in (*self._hashes.values(), *self.disabled.values())]
        self.highest_cost = max(costs, default=DEFAULT_COST)

    def with_hash(self, name: str, hashed: str) -> Accounts:
        """Return the same accounts with another hash for one that may log in."""
        return Accounts({**self._hashes, name: hashed}, self.disabled, self.created)

    def restricted_to(self, newer: Accounts) -> Accounts:
        """Return these accounts without those that are disabled or missing in `newer`."""
        hashes = {name: hashed for name, hashed in self._hashes.items() if name in newer}
        return Accounts(hashes, newer.disabled, newer.created)

    def without(self, disabled: Mapping[str, str]) -> Accounts:
        """Return these accounts with further ones disabled."""
        return Accounts(self._hashes, {**self.disabled, **disabled}, self.created)

    @property
    def all_hashes(self) -> Mapping[str, str]:
        """All accounts, disabled or not, with their hashes."""
        return {**self._hashes, **self.disabled}

    def __getitem__(self, name: str) -> str:
        return self._hashes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._hashes)

    def __len__(self) -> int:
        return len(self._hashes)
