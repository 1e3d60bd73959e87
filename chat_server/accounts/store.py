"""The accounts that a running server uses: kept up with their files, and changed by itself.

What the files hold is told in `users_file`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from chat_server.accounts.accounts import Accounts
from chat_server.accounts.file_editor import replace_hash
from chat_server.accounts.file_format import UsersFileError, add_hint, enable_hint, format_path
from chat_server.accounts.file_reader import file_versions, insecure_files, load

__all__ = ["AccountStore", "ReloadResult", "UsersFileError"]


@dataclass(frozen=True, slots=True)
class ReloadResult:
    """What one look at the users file found."""

    count: int | None = None
    """How many accounts may log in now, where the file was read again and is in use; else None."""

    removed: frozenset[str] = frozenset()
    """The names that had an account before and have none now."""

    disabled: frozenset[str] = frozenset()
    """The names whose account could log in before and can't now, though it is there."""

    error: str | None = None
    """Why the file can't be used, told once; the accounts stay as they were. Where it was in order
    and yet not approved, those that are removed or disabled in it are so here as well."""


class AccountStore:
    """The accounts in use, kept up with their files.

    `accounts` is one reference that is swapped whole: any thread may read it without a lock.
    `reload_if_changed` belongs to one thread; `change_hash` may be called from any other. The lock
    is a leaf,
    held for a few steps in memory: never over a file.
    """

    def __init__(
        self, path: Path, find_problem: Callable[[Accounts], str | None] | None = None
    ) -> None:
        """Read the accounts for the first time. Raises `UsersFileError`, also where there are none.

        `vet` is asked about all accounts here and whenever they were read again, in the thread
        that looks: what it returns, a sentence, is why they can't be used.
        """
        self._path = path
        self._find_problem = find_problem
        contents = load(path)
        self._versions = contents.versions
        self._last_reported: str | None = None
        self._lock = threading.Lock()
        self._own_writes: set[tuple[str, str]] = set()
        """Names and hashes that this server is writing itself: no news to whoever looks."""
        self._swaps = 0
        """How often a hash was swapped here: what was read before a swap is old."""
        self.accounts = contents.accounts()
        """The accounts of the last files that were in order."""
        if not self.accounts:
            cure = enable_hint(path) if self.accounts.disabled else add_hint(path)
            raise UsersFileError(f"{format_path(path)}: has no account that may log in; {cure}")
        problem = self._problem(self.accounts)
        if problem is not None:
            raise UsersFileError(problem)

    @property
    def highest_cost(self) -> int:
        """The highest cost of any account's hash."""
        return self.accounts.highest_cost

    def is_active(self, name: str) -> bool:
        """Whether the canonical `name` has an account that may log in."""
        return name in self.accounts

    def exists(self, name: str) -> bool:
        """Whether the canonical `name` has an account, be it a disabled one."""
        accounts = self.accounts
        return name in accounts or name in accounts.disabled

    def hash_of(self, name: str) -> str | None:
        """The bcrypt hash of the canonical `name`, or None where it may not log in."""
        return self.accounts.get(name)

    def insecure_files(self) -> list[tuple[Path, int]]:
        """The files that others than their owner may read or write, with their modes."""
        return insecure_files(self._path, self._versions)

    def reload_if_changed(self) -> ReloadResult:
        """Read the files again if they have changed since the last look.

        Files that can't be used leave the accounts as they are and are told once. From accounts
        that are not approved of nobody is let in; but who is shut out by them is shut out.
        """
        swaps = self._swaps
        if file_versions(self._path) == self._versions:
            self._last_reported = None  # the next trouble is a new one, even in the same words
            return ReloadResult()
        try:
            contents = load(self._path)
        except UsersFileError as error:
            return self._report_once(str(error))  # may pass by itself: looked at again next time
        try:
            accounts = contents.accounts()
        except UsersFileError as error:
            self._versions = contents.versions
            return self._report_once(str(error))
        problem = self._problem(accounts)
        with self._lock:
            if self._swaps != swaps:
                return ReloadResult()  # what we have read may be older than what was swapped in
            before = self.accounts
            if problem is not None:
                accounts = before.restricted_to(accounts)
            self.accounts = accounts
            self._versions = contents.versions
            own_work = self._is_own_write(before, accounts)
        gone = frozenset(before) - frozenset(accounts)
        disabled = gone & frozenset(accounts.disabled)
        forgotten = frozenset(before.disabled) - frozenset(accounts.all_hashes)
        removed = (gone - disabled) | forgotten
        if problem is not None:
            return replace(self._report_once(problem), removed=removed, disabled=disabled)
        self._last_reported = None
        return ReloadResult() if own_work else ReloadResult(len(accounts), removed, disabled)

    def change_hash(
        self,
        name: str,
        expected: str,
        new: str,
        *,
        still_wanted: Callable[[], bool],
        lock_timeout: float,
    ) -> bool:
        """Give the canonical `name` the hash `new` in the file, and from then on here.

        Only where its hash is still `checked` there and, asked right before the file is replaced,
        it is still `wanted`; returns whether it was done. Raises `UsersFileError`, with nothing
        changed, where the file can't be written, or where others were changing it for `patience`
        seconds. Blocks on the disk.
        """
        with self._writing(name, new):
            replaced = replace_hash(
                self._path,
                name,
                expected,
                new,
                still_wanted=still_wanted,
                lock_timeout=lock_timeout,
            )
            if replaced is None:
                return False
            with self._lock:
                self._swaps += 1
                if self.accounts.get(name) == expected:  # else a look has found it already
                    self.accounts = self.accounts.with_hash(name, new)
                    if replaced.before == self._versions:  # else others' change is still unread
                        self._versions = replaced.after
        return True

    @contextmanager
    def _writing(self, name: str, new: str) -> Iterator[None]:
        with self._lock:
            self._own_writes.add((name, new))
        try:
            yield
        finally:
            with self._lock:
                self._own_writes.discard((name, new))

    def _is_own_write(self, before: Accounts, now: Accounts) -> bool:
        """Requires holding the lock."""
        changed = now.items() - before.items()
        return bool(changed) and (
            changed <= self._own_writes
            and now.keys() == before.keys()
            and now.disabled == before.disabled
            and now.created == before.created
        )

    def _problem(self, accounts: Accounts) -> str | None:
        """Why these accounts are not approved of, if so."""
        problem = self._find_problem(accounts) if self._find_problem is not None else None
        return None if problem is None else f"{format_path(self._path)}: {problem}"

    def _report_once(self, error: str) -> ReloadResult:
        if error == self._last_reported:
            return ReloadResult()
        self._last_reported = error
        return ReloadResult(error=error)
