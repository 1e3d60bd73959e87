"""The accounts from one read of the users file and its companion, as an immutable value. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chat_server.accounts.password_hash import hash_cost
from chat_server.config import DEFAULT_COST


def _highest_cost(*tables: Mapping[str, str]) -> int:
    costs = [hash_cost(hashed) for table in tables for hashed in table.values()]
    return max(costs, default=DEFAULT_COST)


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
        self.highest_cost = _highest_cost(self._hashes, self.disabled)

    def with_hash(self, name: str, hashed: str) -> Accounts:
        """Return the same accounts with another hash for one that may log in."""
        return Accounts({**self._hashes, name: hashed}, self.disabled, self.created)

    def with_account(
        self, name: str, hashed: str, created: str | None = None, *, is_disabled: bool = False
    ) -> Accounts:
        """Return these accounts with one more, or with this account in another state."""
        hashes, disabled, times = dict(self._hashes), dict(self.disabled), dict(self.created)
        used, unused = (disabled, hashes) if is_disabled else (hashes, disabled)
        before = unused.pop(name, None) or used.get(name)
        used[name] = hashed
        if created is None:
            times.pop(name, None)
        else:
            times[name] = created
        return self._copy(hashes, disabled, times, before, hashed)

    def without_account(self, name: str) -> Accounts:
        """Return these accounts without this one, disabled or not."""
        hashes, disabled, times = dict(self._hashes), dict(self.disabled), dict(self.created)
        before = hashes.pop(name, None) or disabled.pop(name, None)
        times.pop(name, None)
        return self._copy(hashes, disabled, times, before, None)

    def _copy(
        self,
        hashes: dict[str, str],
        disabled: Mapping[str, str],
        created: Mapping[str, str],
        before: str | None,
        after: str | None,
    ) -> Accounts:
        """Return accounts with these tables, which differ in one hash: `before` and `after`.

        Does not look at each account, unless one with the highest cost is gone: the hub calls it
        under its lock.
        """
        new = object.__new__(Accounts)
        new._hashes, new.disabled, new.created = hashes, disabled, created
        new.listed_though_disabled = frozenset()
        cost = 0 if after is None else hash_cost(after)
        old_cost = 0 if before is None else hash_cost(before)
        if not self._hashes and not self.disabled:
            new.highest_cost = cost or DEFAULT_COST
        elif cost >= self.highest_cost or old_cost < self.highest_cost:
            new.highest_cost = max(cost, self.highest_cost)
        else:
            new.highest_cost = _highest_cost(hashes, disabled)
        return new

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
