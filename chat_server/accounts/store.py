"""The accounts that a running server uses: reloaded from the files, and changed by the server.

`file_reader` describes the files.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from chat_server.accounts.accounts import Accounts
from chat_server.accounts.accounts_in_use import AccountsInUse
from chat_server.accounts.exposure import users_file_mode_problems
from chat_server.accounts.file_editor import replace_hash
from chat_server.accounts.file_format import UsersFileError, add_hint, enable_hint, format_path
from chat_server.accounts.file_reader import file_versions, insecure_files, load
from chat_server.strict_modes import ModeProblem

__all__ = ["AccountStore", "ReloadResult", "UsersFileError"]


@dataclass(frozen=True, slots=True)
class ReloadResult:
    """The result of one check of the users file for changes."""

    count: int | None = None
    """Number of accounts that may log in, if the file was read again and is in use; else None."""

    removed: frozenset[str] = frozenset()
    """Names that had an account before and have none now, or another one: an account that was
    removed and created again has another creation time. Without renamed accounts."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    """The new names of accounts that have another name now, by the old ones. They have the same
    hash, whose salt is random."""

    disabled: frozenset[str] = frozenset()
    """Names of accounts that could log in before and are disabled now."""

    error: str | None = None
    """Why the files cannot be used. Reported once. The old accounts stay in use. If the files are
    valid but `validate` rejects them, `removed` and `disabled` take effect all the same."""


class AccountStore(AccountsInUse):
    """The accounts in use, kept up to date with their files.

    One thread calls `reload_if_changed`; any other may call `change_hash`. The lock is a leaf and
    is held for a few steps in memory, never while a file is read or written.
    """

    def __init__(
        self, path: Path, validate: Callable[[Accounts], str | None] | None = None
    ) -> None:
        """Read the accounts for the first time.

        `validate` is called with all accounts, here and after each reload, in the thread that
        reloads. It returns a sentence that says why the accounts must not be used, or None. Raises
        `UsersFileError`, also if no account may log in.
        """
        self._path = path
        self._validate = validate
        contents = load(path)
        self._versions = contents.versions
        self._last_reported: str | None = None
        self._is_rejected = False
        """True if the files of `_versions` were rejected. The reason may be outside of them, such
        as a writable folder, so each reload tries them again."""
        self._lock = threading.Lock()
        self._own_writes: set[tuple[str, str]] = set()
        """Names and hashes that this server is writing. A reload does not report them."""
        self._hash_replacements = 0
        """Number of hashes replaced in memory. Files read before one may be out of date."""
        self.accounts = contents.accounts()
        """The accounts from the last valid files."""
        if not self.accounts:
            raise UsersFileError(self._nobody_may_log_in(self.accounts))
        problem = self._problem(self.accounts)
        if problem is not None:
            raise UsersFileError(problem)

    def insecure_files(self) -> list[tuple[Path, int]]:
        """Return the files that users other than the owner may read or write, with their modes."""
        return insecure_files(self._path, self._versions)

    def mode_problems(self) -> list[ModeProblem]:
        """Return why others may write the users file, its companion or their folders."""
        return users_file_mode_problems(self._path)

    def reload_if_changed(self) -> ReloadResult:
        """Read the files again if they have changed since the last call.

        If the files cannot be used, keep the accounts and report that once. If no account may log
        in any more, report that, disable accounts as the companion requires and keep the others.
        If `validate` rejects the new accounts, add none of them, but remove and disable accounts
        as the files require.
        """
        replacements = self._hash_replacements
        if file_versions(self._path) == self._versions and not self._is_rejected:
            self._last_reported = None  # report the next problem even if its text is the same
            return ReloadResult()
        try:
            contents = load(self._path)
        except UsersFileError as error:
            return self._report_once(str(error))  # may be temporary: the next call tries again
        try:
            accounts = contents.accounts()
        except UsersFileError as error:
            self._versions = contents.versions
            return self._report_once(str(error))
        problem = self._problem(accounts) if accounts else self._nobody_may_log_in(accounts)
        with self._lock:
            if self._hash_replacements != replacements:
                return ReloadResult()  # the files may have been read before the replacement
            before = self.accounts
            if not accounts:
                # More likely a mistake than the wish to end every session. But an account that the
                # companion lists as disabled was disabled on purpose.
                accounts = before.without(accounts.disabled)
            elif problem is not None:
                accounts = before.restricted_to(accounts)
            self.accounts = accounts
            self._versions = contents.versions
            self._is_rejected = problem is not None
            is_own_write = self._is_own_write(before, accounts)
        gone = frozenset(before) - frozenset(accounts)
        disabled = gone & frozenset(accounts.disabled)
        removed_disabled = frozenset(before.disabled) - frozenset(accounts.all_hashes)
        removed = (gone - disabled) | removed_disabled
        renamed = _renamed(before, accounts, removed)
        removed = (removed - renamed.keys()) | _created_again(before, accounts)
        if problem is not None:
            return replace(
                self._report_once(problem), removed=removed, renamed=renamed, disabled=disabled
            )
        self._last_reported = None
        if is_own_write:
            return ReloadResult()
        return ReloadResult(len(accounts), removed, renamed, disabled)

    def change_hash(
        self,
        name: str,
        expected: str,
        new: str,
        *,
        still_wanted: Callable[[], bool],
        lock_timeout: float,
    ) -> bool:
        """Replace the hash in the file and then in memory. Blocks on the disk.

        If it raises, nothing has changed. See `AccountsInUse.change_hash`.
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
                self._hash_replacements += 1
                if self.accounts.get(name) == expected:  # else a reload has seen it already
                    self.accounts = self.accounts.with_hash(name, new)
                    if replaced.before == self._versions:  # else a change by others is still unread
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
        """Return True if this server made all changes. The caller holds the lock."""
        changed = now.items() - before.items()
        return bool(changed) and (
            changed <= self._own_writes
            and now.keys() == before.keys()
            and now.disabled == before.disabled
            and now.created == before.created
        )

    def _problem(self, accounts: Accounts) -> str | None:
        """Return why these accounts must not be used, with the path, or None."""
        problem = self._validate(accounts) if self._validate is not None else None
        return None if problem is None else f"{format_path(self._path)}: {problem}"

    def _nobody_may_log_in(self, accounts: Accounts) -> str:
        hint = enable_hint(self._path) if accounts.disabled else add_hint(self._path)
        return f"{format_path(self._path)}: no account may log in; {hint}"

    def _report_once(self, error: str) -> ReloadResult:
        if error == self._last_reported:
            return ReloadResult()
        self._last_reported = error
        return ReloadResult(error=error)


def _renamed(before: Accounts, now: Accounts, gone: frozenset[str]) -> dict[str, str]:
    """Return the new names of those of the `gone` accounts whose hash has another name now.

    A hash that several accounts have was copied by hand, and says nothing.
    """
    if not gone:
        return {}
    old, new = before.all_hashes, now.all_hashes
    owners = Counter([*old.values(), *(new[name] for name in new.keys() - old.keys())])
    names = {hashed: name for name, hashed in new.items() if name not in old}
    return {
        name: names[old[name]]
        for name in sorted(gone)
        if old[name] in names and owners[old[name]] == 2
    }


def _created_again(before: Accounts, now: Accounts) -> frozenset[str]:
    """Return the names whose account was created at another time than before."""
    return frozenset(
        name
        for name, created in before.created.items()
        if now.created.get(name, created) != created
    )
