"""The accounts of one reading of the users file, as values. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chat_server.accounts.password_hash import hash_cost
from chat_server.config import DEFAULT_COST


class Accounts(Mapping[str, str]):
    """The accounts of one reading: canonical name to hash, of those that may log in.

    The disabled ones stand apart, so that whoever looks a name up can't take one for an account
    that may log in. Never changes.
    """

    __slots__ = ("_hashes", "created", "disabled", "highest_cost", "listed_though_disabled")

    disabled: Mapping[str, str]
    """The names that may not log in, with the hashes that they had."""

    created: Mapping[str, str]
    """When an account was made, in ISO 8601, where that is known."""

    listed_though_disabled: frozenset[str]
    """The disabled ones that the users file lists as well: a change takes them out of it."""

    highest_cost: int
    """The highest bcrypt cost of any hash here: what an unknown user costs (section 2)."""

    def __init__(
        self,
        hashes: Mapping[str, str],
        disabled: Mapping[str, str] | None = None,
        created: Mapping[str, str] | None = None,
    ) -> None:
        """All have been checked: only what was read here or bcrypt made comes here.

        A name in `hashes` and in `disabled` is disabled.
        """
        self.disabled = dict(disabled or {})
        self.created = dict(created or {})
        self.listed_though_disabled = frozenset(self.disabled) & frozenset(hashes)
        self._hashes = {n: hashed for n, hashed in hashes.items() if n not in self.disabled}
        costs = [hash_cost(hashed) for hashed in (*self._hashes.values(), *self.disabled.values())]
        self.highest_cost = max(costs, default=DEFAULT_COST)

    def with_hash(self, name: str, hashed: str) -> Accounts:
        """The same accounts, but with another hash for one that may log in."""
        return Accounts({**self._hashes, name: hashed}, self.disabled, self.created)

    def restricted_to(self, newer: Accounts) -> Accounts:
        """The same accounts, but for those that may log in no more, or are gone, in `newer`."""
        hashes = {name: hashed for name, hashed in self._hashes.items() if name in newer}
        return Accounts(hashes, newer.disabled, newer.created)

    @property
    def all_hashes(self) -> Mapping[str, str]:
        """All that have an account, disabled or not, with their hashes."""
        return {**self._hashes, **self.disabled}

    def __getitem__(self, name: str) -> str:
        return self._hashes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._hashes)

    def __len__(self) -> int:
        return len(self._hashes)
