"""Edits of accounts, as pure functions: the accounts before, the accounts after, and what is wrong.

`file_editor` applies them to the users file. `chat-server users --redis` applies them to the
accounts that several servers share. Names are canonical.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from chat_server.accounts.accounts import Accounts
from chat_server.confusables import find_confusable, has_visible_character


class AccountExistsError(Exception):
    """The name already has an account."""


class ConfusableNameError(Exception):
    """The name could be mistaken for that of `account`."""

    def __init__(self, name: str, account: str) -> None:
        super().__init__(f"{name} looks like {account}")
        self.name = name
        self.account = account


class InvisibleNameError(Exception):
    """The name has no visible character."""


class NoSuchAccountError(Exception):
    """The name has no account."""


def check_new_name(name: str, accounts: Accounts, renamed_from: str | None = None) -> None:
    """Check that a new account may have the name.

    Raises `AccountExistsError`, `ConfusableNameError` or `InvisibleNameError`.

    `renamed_from`: the old name of the account, which the new one may resemble. Existing accounts
    that look alike are not rejected, so no user is locked out.
    """
    if not has_visible_character(name):
        raise InvisibleNameError(name)
    everyone = accounts.all_hashes
    if name in everyone:
        raise AccountExistsError(name)
    other = find_confusable(name, (other for other in everyone if other != renamed_from))
    if other is not None:
        raise ConfusableNameError(name, other)


def add(now: Accounts, name: str, hashed: str) -> Accounts:
    """Add an account. Raises like `check_new_name`."""
    check_new_name(name, now)
    time = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return now.with_account(name, hashed, time)


def remove(now: Accounts, name: str) -> Accounts:
    """Remove an account, disabled or not. Raises `NoSuchAccountError`."""
    require_account(name, now)
    return now.without_account(name)


def rename(now: Accounts, old: str, new: str) -> Accounts:
    """Rename an account. It keeps its place, and stays disabled if it was.

    Raises `NoSuchAccountError`, or like `check_new_name`.
    """
    require_account(old, now)
    check_new_name(new, now, renamed_from=old)

    def renamed(table: Mapping[str, str]) -> dict[str, str]:
        return {new if name == old else name: value for name, value in table.items()}

    # A time for `new` belongs to an earlier account that was removed by hand.
    created = {name: time for name, time in now.created.items() if name != new}
    return Accounts(renamed(now), renamed(now.disabled), renamed(created))


def set_hash(now: Accounts, name: str, hashed: str) -> Accounts:
    """Set the password hash of an account, disabled or not. Raises `NoSuchAccountError`."""
    require_account(name, now)
    return now.with_account(name, hashed, now.created.get(name), is_disabled=name in now.disabled)


def disable(now: Accounts, name: str) -> Accounts:
    """Disable an account. Return `now` if it was disabled already. Raises `NoSuchAccountError`."""
    require_account(name, now)
    if name in now.disabled:
        return now
    return now.with_account(name, now[name], now.created.get(name), is_disabled=True)


def enable(now: Accounts, name: str) -> Accounts:
    """Enable an account. Return `now` if it may log in already. Raises `NoSuchAccountError`."""
    require_account(name, now)
    if name not in now.disabled:
        return now
    return now.with_account(name, now.disabled[name], now.created.get(name))


def require_account(name: str, accounts: Accounts) -> None:
    """Raise `NoSuchAccountError` if the name has no account."""
    if name not in accounts.all_hashes:
        raise NoSuchAccountError(name)
