"""Where `chat-server users` changes accounts: in a users file, or in the Redis of several servers.

Both have the same checks, which are in `accounts.edits`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from chat_server.accounts import (
    Accounts,
    accounts_of_records,
    add_account,
    changes_between,
    disable_account,
    edits,
    enable_account,
    load_or_empty,
    read_accounts,
    remove_account,
    rename_account,
    set_hash,
)
from chat_server.core import requests
from chat_server.escape import one_line

if TYPE_CHECKING:
    from chat_server.backplane import AccountEditor


class AccountsPlace(Protocol):
    """A place for accounts. Names are canonical.

    Every method raises the errors of `accounts.edits`, and `UsersFileError` or `BackplaneError`.
    """

    shown: str
    """Its name in reports."""
    option: str
    """The option that names it, for advice."""

    def read(self) -> Accounts:
        """Return all accounts."""

    def read_or_empty(self) -> Accounts:
        """Return all accounts, also if the place would be created by the first one."""

    def add(self, name: str, hashed: str) -> None:
        """Add an account."""

    def remove(self, name: str) -> None:
        """Remove an account."""

    def rename(self, old: str, new: str) -> None:
        """Rename an account."""

    def set_hash(self, name: str, hashed: str) -> None:
        """Set the password hash of an account."""

    def disable(self, name: str) -> bool:
        """Disable an account. Return False if it was disabled already."""

    def enable(self, name: str) -> bool:
        """Enable an account. Return False if it may log in already."""


class FileAccounts:
    """The accounts of one server, in its users file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shown = one_line(str(path))
        self.option = one_line(f"--users {shlex.quote(str(path))}")
        self.add = partial(add_account, path)
        self.remove = partial(remove_account, path)
        self.rename = partial(rename_account, path)
        self.set_hash = partial(set_hash, path)
        self.disable = partial(disable_account, path)
        self.enable = partial(enable_account, path)

    def read(self) -> Accounts:
        """Return all accounts."""
        return read_accounts(self.path)

    def read_or_empty(self) -> Accounts:
        """Return all accounts. A missing file has none."""
        return load_or_empty(self.path).accounts()


class RedisAccounts:
    """The accounts of several servers."""

    def __init__(self, editor: AccountEditor, url: str) -> None:
        self._editor = editor
        self.shown = url
        self.option = f"--redis {shlex.quote(url)}"

    def read(self) -> Accounts:
        """Return all accounts."""
        return accounts_of_records(self._editor.read())

    def read_or_empty(self) -> Accounts:
        """Return all accounts. The first server creates them, so there are some."""
        return self.read()

    def add(self, name: str, hashed: str) -> None:
        """Add an account."""
        self._edit(lambda now: edits.add(now, name, hashed))

    def remove(self, name: str) -> None:
        """Remove an account."""
        self._edit(lambda now: edits.remove(now, name))

    def rename(self, old: str, new: str) -> None:
        """Rename an account."""
        self._edit(lambda now: edits.rename(now, old, new))

    def set_hash(self, name: str, hashed: str) -> None:
        """Set the password hash of an account."""
        self._edit(lambda now: edits.set_hash(now, name, hashed))

    def disable(self, name: str) -> bool:
        """Disable an account. Return False if it was disabled already."""
        return self._edit(lambda now: edits.disable(now, name))

    def enable(self, name: str) -> bool:
        """Enable an account. Return False if it may log in already."""
        return self._edit(lambda now: edits.enable(now, name))

    def _edit(self, edit: Callable[[Accounts], Accounts]) -> bool:
        def decide(records: Mapping[str, requests.AccountRecord]) -> requests.ChangeAccount | None:
            now = accounts_of_records(records)
            changes = changes_between(now, edit(now))
            return changes[0] if changes else None

        return self._editor.edit(decide)
