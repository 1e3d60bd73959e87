"""The accounts that a running server uses, as every other part sees them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from chat_server.accounts.accounts import Accounts
from chat_server.strict_modes import ModeProblem


class AccountsInUse(ABC):
    """The look-up of accounts, and the change of a hash. Any thread may call both.

    `accounts` is one reference that is swapped whole: any thread may read it without a lock.
    """

    accounts: Accounts
    """The accounts at this moment."""

    @property
    def highest_cost(self) -> int:
        """The highest cost of any account's hash."""
        return self.accounts.highest_cost

    def is_active(self, name: str) -> bool:
        """Return True if the canonical `name` has an account that may log in."""
        return name in self.accounts

    def exists(self, name: str) -> bool:
        """Return True if the canonical `name` has an account, disabled or not."""
        accounts = self.accounts
        return name in accounts or name in accounts.disabled

    def hash_of(self, name: str) -> str | None:
        """Return the bcrypt hash of the canonical `name`, or None if it may not log in."""
        return self.accounts.get(name)

    def creation_times(self) -> dict[str, str | None]:
        """Return all accounts, disabled or not, with the text of their creation time if known."""
        accounts = self.accounts
        return {name: accounts.created.get(name) for name in accounts.all_hashes}

    @abstractmethod
    def change_hash(
        self,
        name: str,
        expected: str,
        new: str,
        *,
        still_wanted: Callable[[], bool],
        lock_timeout: float,
    ) -> bool:
        """Replace the hash of the canonical `name` with `new`, where it is kept and in memory.

        Return False, with nothing changed, if the hash is not `expected` any more, or if
        `still_wanted` returns False right before the change. Raises `UsersFileError` if the hash
        cannot be stored, or if other programs kept it locked for `lock_timeout` seconds. Blocks.
        """

    @abstractmethod
    def insecure_files(self) -> list[tuple[Path, int]]:
        """Return the files that users other than the owner may read or write, with their modes."""

    @abstractmethod
    def mode_problems(self) -> list[ModeProblem]:
        """Return why others may write the files of the accounts or their folders."""
