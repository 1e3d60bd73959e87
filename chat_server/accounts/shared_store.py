"""The accounts that several servers share. They change only by entries of the log.

Every server holds all accounts in memory. The users file is read once, by the first server of all,
which writes its accounts to the log. Afterwards Redis holds the accounts, and every server writes
them back from memory if Redis loses them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chat_server.accounts.accounts import Accounts
from chat_server.accounts.accounts_in_use import AccountsInUse
from chat_server.accounts.file_format import UsersFileError
from chat_server.accounts.file_reader import file_versions
from chat_server.accounts.store import AccountStore
from chat_server.config import Config
from chat_server.core import BackplaneUnavailableError, requests
from chat_server.strict_modes import ModeProblem

ChangeInLog = Callable[[requests.ChangeAccount, requests.AccountRecord | None], bool]
"""Changes an account in Redis if it is this one, and waits until it is applied. Return False, with
nothing changed, if it is another one. Raises `BackplaneUnavailableError`."""


@dataclass(frozen=True, slots=True)
class EndedByChange:
    """A session of this server that ended because its account was changed."""

    user: str
    is_disabled: bool = False
    """The account was disabled. False: it was removed, or renamed."""


class SharedAccountStore(AccountsInUse):
    """The accounts of all servers, as of the newest entry of the log that was applied.

    The thread that applies entries calls `apply`, `export` and `load`. Any other may call the rest.
    """

    def __init__(
        self, users: Path, validate: Callable[[Accounts], str | None] | None = None
    ) -> None:
        """Read the users file, for the case that this server is the first one.

        It does not have to exist: see `records`. `validate`: as in `AccountStore`.
        """
        self._users = users
        self._file_versions = file_versions(users)
        self._seed_problem: UsersFileError | None = None
        self._change: ChangeInLog | None = None
        self._ended: deque[EndedByChange] = deque()
        self._has_session: Callable[[str], bool] = lambda user: False
        self.accounts = Accounts({})
        self.is_from_log = False
        """True if the accounts are from the log, not from the users file."""
        try:
            self.accounts = AccountStore(users, validate).accounts
        except UsersFileError as error:
            self._seed_problem = error

    def use_log(self, change: ChangeInLog) -> None:
        """Change hashes by this function from now on. Before any client's thread runs."""
        self._change = change

    # The replicated state

    def created(self, name: str) -> str | None:
        """Return when the account was created, if there is one and it is known."""
        return self.accounts.created.get(name)

    def apply(self, change: requests.ChangeAccount) -> None:
        """Apply an entry of the log."""
        accounts, name, account = self.accounts, change.name, change.account
        self._note_end(change)
        if change.renamed_from:
            accounts = accounts.without_account(change.renamed_from)
        self.accounts = (
            accounts.without_account(name)
            if account is None
            else accounts.with_account(
                name,
                account.password_hash,
                account.created,
                is_disabled=account.is_disabled,
            )
        )

    def _note_end(self, change: requests.ChangeAccount) -> None:
        """Note for the log of this server that a session ends with this change."""
        user, account = change.renamed_from or change.name, change.account
        if not self._has_session(user):
            return
        if change.renamed_from or account is None:
            self._ended.append(EndedByChange(user))
        elif account.is_disabled:
            self._ended.append(EndedByChange(user, is_disabled=True))
        elif (self.accounts.created.get(user) or account.created) != account.created:
            self._ended.append(EndedByChange(user))  # it was removed and created again

    def export(self) -> dict[str, Any]:
        """Return all accounts for a snapshot, as JSON holds them. Equal stores export the same.

        Raises like `records`.
        """
        return {
            name: [record.password_hash, record.is_disabled, record.created]
            for name, record in sorted(self.records().items())
        }

    def load(self, exported: Mapping[str, Any]) -> None:
        """Replace all accounts by those of a snapshot."""
        self.accounts = accounts_of_records(
            {name: requests.AccountRecord(*values) for name, values in exported.items()}
        )
        self.is_from_log = True

    def records(self) -> dict[str, requests.AccountRecord]:
        """Return all accounts, by canonical name.

        Raises `UsersFileError` if this server is the first one and its users file is not usable.
        """
        if self._seed_problem is not None and not self.is_from_log:
            raise self._seed_problem
        return records_of_accounts(self.accounts)

    # The server

    def report_sessions_of(self, has_session: Callable[[str], bool]) -> None:
        """Note which of these users lose their session. Called before `apply`; takes no lock."""
        self._has_session = has_session

    def take_ended(self) -> list[EndedByChange]:
        """Return the sessions that ended since the last call, in order. One thread calls it."""
        return [self._ended.popleft() for _ in range(len(self._ended))]

    def users_file_has_changed(self) -> bool:
        """Return True once after the users file was changed, which has no effect any more."""
        before, self._file_versions = self._file_versions, file_versions(self._users)
        return before != self._file_versions

    def change_hash(
        self,
        name: str,
        expected: str,
        new: str,
        *,
        still_wanted: Callable[[], bool],
        lock_timeout: float,
    ) -> bool:
        """Replace the hash in Redis, and wait until this server has applied it.

        If it raises, the change may still happen. See `AccountsInUse.change_hash`.
        """
        accounts = self.accounts
        if self._change is None or accounts.get(name) != expected or not still_wanted():
            return False
        created = accounts.created.get(name)
        before = requests.AccountRecord(expected, created=created)
        after = requests.AccountRecord(new, created=created)
        try:
            return self._change(requests.ChangeAccount(name, after), before)
        except BackplaneUnavailableError:
            raise UsersFileError("the servers cannot reach each other; try again later") from None

    def insecure_files(self) -> list[tuple[Path, int]]:
        """Return nothing: the accounts are in no file."""
        return []

    def mode_problems(self) -> list[ModeProblem]:
        """Return nothing: the accounts are in no file."""
        return []


def open_accounts(
    config: Config, validate: Callable[[Accounts], str | None] | None = None
) -> AccountsInUse:
    """Return the accounts of a server with this configuration. See the two stores.

    Raises `UsersFileError` if it is the only server and the users file cannot be used.
    """
    if config.redis is None:
        return AccountStore(config.users, validate)
    return SharedAccountStore(config.users, validate)


def records_of_accounts(accounts: Accounts) -> dict[str, requests.AccountRecord]:
    """Return accounts as records, by canonical name."""
    return {
        name: requests.AccountRecord(hashed, name in accounts.disabled, accounts.created.get(name))
        for name, hashed in accounts.all_hashes.items()
    }


def accounts_of_records(records: Mapping[str, requests.AccountRecord]) -> Accounts:
    """Return the accounts with these records."""
    hashes = {name: each.password_hash for name, each in records.items()}
    disabled = {name: each.password_hash for name, each in records.items() if each.is_disabled}
    created = {name: each.created for name, each in records.items() if each.created is not None}
    return Accounts({n: h for n, h in hashes.items() if n not in disabled}, disabled, created)


def changes_between(before: Accounts, after: Accounts) -> list[requests.ChangeAccount]:
    """Return what turns `before` into `after`, which differ by one edit."""
    old, new = records_of_accounts(before), records_of_accounts(after)
    gone = [name for name in old if name not in new]
    changed = [name for name, record in new.items() if old.get(name) != record]
    if len(gone) == 1 and len(changed) == 1 and changed[0] not in old:
        return [requests.ChangeAccount(changed[0], new[changed[0]], renamed_from=gone[0])]
    return [requests.ChangeAccount(name, None) for name in gone] + [
        requests.ChangeAccount(name, new[name]) for name in changed
    ]
