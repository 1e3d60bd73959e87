"""Serialized edits of the users file and its companion, safe after a crash between the two writes.

`file_reader` says what people may change by hand, and why a change is safe at every moment between
the writes of the two files. Every function here reads the files while it holds the lock of all
programs on this machine that change them, so no change is lost. Names are canonical. If a function
raises, no account can newly log in; only an account being disabled may have lost access.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from chat_server.accounts import edits
from chat_server.accounts.accounts import Accounts
from chat_server.accounts.file_format import UsersFileError
from chat_server.accounts.file_reader import (
    FileVersions,
    UsersFiles,
    companion_path,
    load,
    load_or_empty,
)
from chat_server.accounts.file_writer import delete_users_file, users_file_lock, write_users_file


@dataclass(frozen=True, slots=True)
class HashReplaced:
    """The versions of the files before and after a hash was replaced.

    Both are the same if another program has changed the files again since.
    """

    before: FileVersions
    after: FileVersions


def add_account(path: Path, name: str, hashed: str) -> None:
    """Add an account. Create the file if there is none.

    Raises `AccountExistsError`, `ConfusableNameError` or `UsersFileError`.
    """
    with _transaction(path, load_or_empty) as change:
        change.commit(edits.add(change.accounts, name, hashed))


def remove_account(path: Path, name: str) -> None:
    """Remove an account, disabled or not. Raises `NoSuchAccountError` or `UsersFileError`."""
    with _transaction(path) as change:
        change.commit(edits.remove(change.accounts, name))


def rename_account(path: Path, old: str, new: str) -> None:
    """Rename an account. It keeps its place in the file, and stays disabled if it was.

    Raises `NoSuchAccountError`, `AccountExistsError`, `ConfusableNameError` or `UsersFileError`.
    """
    with _transaction(path) as change:
        change.commit(edits.rename(change.accounts, old, new))


def set_hash(path: Path, name: str, hashed: str) -> None:
    """Set the password hash of an account, disabled or not.

    Raises `NoSuchAccountError` or `UsersFileError`.
    """
    with _transaction(path) as change:
        change.commit(edits.set_hash(change.accounts, name, hashed))


def disable_account(path: Path, name: str) -> bool:
    """Disable an account. Return False if it was disabled already.

    Raises `NoSuchAccountError` or `UsersFileError`.
    """
    with _transaction(path) as change:
        return change.commit_if_changed(edits.disable(change.accounts, name))


def enable_account(path: Path, name: str) -> bool:
    """Enable a disabled account. Return False if it may log in already.

    Raises `NoSuchAccountError` or `UsersFileError`.
    """
    with _transaction(path) as change:
        return change.commit_if_changed(edits.enable(change.accounts, name))


def replace_hash(
    path: Path,
    name: str,
    expected: str,
    new: str,
    *,
    still_wanted: Callable[[], bool],
    lock_timeout: float,
) -> HashReplaced | None:
    """Replace the hash of `name` with `new`, if it is `expected` and the account may log in.

    `still_wanted` is called right before the file is replaced. Return None, with nothing changed,
    if the hash is a different one, if the account may not log in, or if `still_wanted` returns
    False. Wait at most `lock_timeout` seconds for other programs that change the file.

    Raises `UsersFileError`.
    """
    with _transaction(path, lock_timeout=lock_timeout) as change:
        now = change.accounts
        if now.get(name) != expected:
            return None
        changed = now.with_hash(name, new)
        if not change.commit(changed, still_wanted):
            return None
        before = after = change.contents.versions
        with suppress(UsersFileError):
            written = load(path)
            if written.users == _encode_json(changed):  # else it was edited by hand meanwhile
                after = written.versions
        return HashReplaced(before, after)


def create_accounts(path: Path, accounts: Mapping[str, str]) -> bool:
    """Create the file with these accounts. Return False, with nothing done, if there is a file.

    Raises `UsersFileError`.
    """
    with _transaction(path, load_or_empty) as change:
        if change.contents.versions[0] is not None:
            return False
        now = change.accounts
        change.commit(Accounts(accounts, now.disabled, now.created))
        return True


def write_new_files(path: Path, accounts: Accounts) -> bool:
    """Write all accounts to a new file, and what is not for it to a new companion.

    Return False, with nothing done, if one of the two exists. Raises `UsersFileError`.
    """
    with _transaction(path, load_or_empty) as change:
        if change.contents.versions != (None, None):
            return False
        change.commit(accounts)
        return True


@dataclass(slots=True)
class _FileTransaction:
    """The files as read under the lock, and their pending change."""

    contents: UsersFiles
    accounts: Accounts

    def commit_if_changed(self, new: Accounts) -> bool:
        """Commit, unless `new` are the accounts of before. Return True if they are not."""
        return new is not self.accounts and self.commit(new)

    def commit(self, new: Accounts, still_wanted: Callable[[], bool] = lambda: True) -> bool:
        """Write what has changed, in the order that is safe at every moment in between.

        Return False, with nothing written, if the users file has to change and `still_wanted`
        returns False. Raises `UsersFileError`.
        """
        now = self.accounts
        if set(new.disabled) & set(now):
            self._write_companion(new)
            return self._write_users(new, still_wanted)
        if not self._write_users(new, still_wanted):
            return False
        # The change is in force. A creation time that could not be stored does not make it fail.
        with suppress(UsersFileError) if new.disabled == now.disabled else nullcontext():
            self._write_companion(new)
        return True

    def _write_users(self, listed: Accounts, still_wanted: Callable[[], bool]) -> bool:
        contents, now = self.contents, self.accounts
        version = contents.versions[0]
        unchanged = dict(listed) == dict(now) and not now.listed_though_disabled
        if unchanged and version is not None:
            return True
        return write_users_file(
            contents.path, _encode_json(listed), version, still_wanted=still_wanted
        )

    def _write_companion(self, new: Accounts) -> None:
        contents, now = self.contents, self.accounts
        companion, version = companion_path(contents.path), contents.versions[1]
        disabled, created = new.disabled, new.created
        if disabled == now.disabled and created == now.created and not now.listed_though_disabled:
            return
        tables = {"disabled": disabled, "created": created}
        filled = {name: dict(table) for name, table in tables.items() if table}
        if filled:
            write_users_file(companion, _encode_json(filled), version, owner_like=contents.path)
        elif version is not None:
            delete_users_file(companion)


@contextmanager
def _transaction(
    path: Path, read: Callable[[Path], UsersFiles] = load, *, lock_timeout: float | None = None
) -> Iterator[_FileTransaction]:
    with users_file_lock(path, lock_timeout):
        contents = read(path)
        yield _FileTransaction(contents, contents.accounts())


def _encode_json(table: Mapping[str, object]) -> bytes:
    return (json.dumps(dict(table), indent=2, ensure_ascii=False) + "\n").encode()
