"""Changes of the users file: one at a time on this machine, each whole or not at all.

What may be changed by hand, and why a change is safe at every moment between the writing of the two
files, is told in `users_file`. Every function here reads the files under the lock of all who change
them, so nobody's change is lost. Names are canonical. Where `UsersFileError` or another error is
raised, nobody who could not log in can now, and nobody but one whose account was being disabled can
no more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chat_server.accounts.accounts import Accounts
from chat_server.accounts.confusables import find_confusable
from chat_server.accounts.file_format import UsersFileError
from chat_server.accounts.file_reader import (
    FileVersions,
    UsersFiles,
    companion_path,
    load,
    load_or_empty,
)
from chat_server.accounts.file_writer import delete_users_file, users_file_lock, write_users_file


class AccountExistsError(Exception):
    """The name has an account already."""


class ConfusableNameError(Exception):
    """The name could be taken for that of an account, which is `account`."""

    def __init__(self, name: str, account: str) -> None:
        super().__init__(f"{name} looks like {account}")
        self.name = name
        self.account = account


class NoSuchAccountError(Exception):
    """The name has no account."""


@dataclass(frozen=True, slots=True)
class HashReplaced:
    """The files before and after a hash was replaced; the same where others changed them after."""

    before: FileVersions
    after: FileVersions


def add_account(path: Path, name: str, hashed: str) -> None:
    """Add an account; makes the file where there is none.

    Raises `AccountExistsError`, `ConfusableNameError` or `UsersFileError`.
    """
    with _transaction(path, load_or_empty) as change:
        now = change.accounts
        check_new_name(name, now)
        made = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        change.commit({**now, name: hashed}, now.disabled, {**now.created, name: made})


def check_new_name(name: str, accounts: Accounts, renamed_from: str | None = None) -> None:
    """Raise `AccountExistsError` or `ConfusableNameError` where `name` can't be a new account's.

    `instead_of`: whose name it is to replace, and may resemble. Two that look alike and are there
    already are let be: nobody is locked out.
    """
    everyone = accounts.all_hashes
    if name in everyone:
        raise AccountExistsError(name)
    twin = find_confusable(name, (other for other in everyone if other != renamed_from))
    if twin is not None:
        raise ConfusableNameError(name, twin)


def remove_account(path: Path, name: str) -> None:
    """Remove an account, disabled or not. Raises `NoSuchAccountError` or `UsersFileError`."""
    with _transaction(path) as change:
        now = change.accounts
        _require_account(name, now)
        change.commit(
            _without(now, name), _without(now.disabled, name), _without(now.created, name)
        )


def rename_account(path: Path, old: str, new: str) -> None:
    """Give an account another name; it stays where it is in the file, and disabled where it is.

    Raises `NoSuchAccountError`, `AccountExistsError`, `ConfusableNameError` or `UsersFileError`.
    """
    with _transaction(path) as change:
        now = change.accounts
        _require_account(old, now)
        check_new_name(new, now, renamed_from=old)

        def renamed(table: Mapping[str, str]) -> dict[str, str]:
            return {new if name == old else name: value for name, value in table.items()}

        # Whoever made `new` once and left it to itself has nothing to do with this one.
        created = _without(now.created, new)
        change.commit(renamed(now), renamed(now.disabled), renamed(created))


def set_hash(path: Path, name: str, hashed: str) -> None:
    """Give an account, disabled or not, another password's hash.

    Raises `NoSuchAccountError` or `UsersFileError`.
    """
    with _transaction(path) as change:
        now = change.accounts
        _require_account(name, now)
        if name in now.disabled:
            change.commit(now, {**now.disabled, name: hashed}, now.created)
        else:
            change.commit({**now, name: hashed}, now.disabled, now.created)


def disable_account(path: Path, name: str) -> bool:
    """Let an account log in no more; False where that is so already.

    Raises `NoSuchAccountError` or `UsersFileError`.
    """
    with _transaction(path) as change:
        now = change.accounts
        _require_account(name, now)
        if name in now.disabled:
            return False
        change.commit(_without(now, name), {**now.disabled, name: now[name]}, now.created)
        return True


def enable_account(path: Path, name: str) -> bool:
    """Let a disabled account log in again; False where it may already.

    Raises `NoSuchAccountError` or `UsersFileError`.
    """
    with _transaction(path) as change:
        now = change.accounts
        _require_account(name, now)
        if name not in now.disabled:
            return False
        change.commit({**now, name: now.disabled[name]}, _without(now.disabled, name), now.created)
        return True


def replace_hash(
    path: Path,
    name: str,
    expected: str,
    new: str,
    *,
    still_wanted: Callable[[], bool],
    lock_timeout: float,
) -> HashReplaced | None:
    """Give an account that may log in the hash `new` where it still has the hash `checked`.

    `wanted` is asked right before the file is replaced. Returns None, and nothing has changed,
    where the hash is another by now, where the account may not log in, or where it is not wanted.
    Waits at most `patience` seconds for others who change the file. Raises `UsersFileError`.
    """
    with _transaction(path, lock_timeout=lock_timeout) as change:
        now = change.accounts
        if now.get(name) != expected:
            return None
        listed = {**now, name: new}
        if not change.commit(listed, now.disabled, now.created, still_wanted):
            return None
        before = after = change.contents.versions
        with suppress(UsersFileError):
            written = load(path)
            if written.users == _encode_json(listed):  # and not by hand changed again by now
                after = written.versions
        return HashReplaced(before, after)


def make_accounts(path: Path, accounts: Mapping[str, str]) -> bool:
    """Make the file with these accounts; False, and nothing done, where there is one by now.

    Raises `UsersFileError`.
    """
    with _transaction(path, load_or_empty) as change:
        if change.contents.versions[0] is not None:
            return False
        change.commit(accounts, change.accounts.disabled, change.accounts.created)
        return True


@dataclass(slots=True)
class _FileTransaction:
    """The files as they are, read under the lock, and the way to change them."""

    contents: UsersFiles
    accounts: Accounts

    def commit(
        self,
        listed: Mapping[str, str],
        disabled: Mapping[str, str],
        created: Mapping[str, str],
        still_wanted: Callable[[], bool] = lambda: True,
    ) -> bool:
        """Write what has changed, in the order that is safe at every moment in between.

        False, and nothing is written, where the users file was to change and is not `wanted`.
        Raises `UsersFileError`.
        """
        now = self.accounts
        if set(disabled) & set(now):
            self._write_companion(disabled, created)
            return self._write_users(listed, still_wanted)
        if not self._write_users(listed, still_wanted):
            return False
        # When an account was made is no reason to call a change failed that is in force.
        with suppress(UsersFileError) if disabled == now.disabled else nullcontext():
            self._write_companion(disabled, created)
        return True

    def _write_users(self, listed: Mapping[str, str], still_wanted: Callable[[], bool]) -> bool:
        contents, now = self.contents, self.accounts
        before = contents.versions[0]
        unchanged = dict(listed) == dict(now) and not now.listed_though_disabled
        if unchanged and before is not None:
            return True
        return write_users_file(
            contents.path, _encode_json(listed), before, still_wanted=still_wanted
        )

    def _write_companion(self, disabled: Mapping[str, str], created: Mapping[str, str]) -> None:
        contents, now = self.contents, self.accounts
        beside, before = companion_path(contents.path), contents.versions[1]
        if disabled == now.disabled and created == now.created and not now.listed_though_disabled:
            return
        tables = {"disabled": disabled, "created": created}
        filled = {name: dict(table) for name, table in tables.items() if table}
        if filled:
            write_users_file(beside, _encode_json(filled), before, owner_like=contents.path)
        elif before is not None:
            delete_users_file(beside)


@contextmanager
def _transaction(
    path: Path, read: Callable[[Path], UsersFiles] = load, *, lock_timeout: float | None = None
) -> Iterator[_FileTransaction]:
    with users_file_lock(path, lock_timeout):
        contents = read(path)
        yield _FileTransaction(contents, contents.accounts())


def _require_account(name: str, accounts: Accounts) -> None:
    if name not in accounts.all_hashes:
        raise NoSuchAccountError(name)


def _without(table: Mapping[str, str], name: str) -> dict[str, str]:
    return {other: value for other, value in table.items() if other != name}


def _encode_json(table: Mapping[str, object]) -> bytes:
    return (json.dumps(dict(table), indent=2, ensure_ascii=False) + "\n").encode()
