"""The accounts that several servers share: changed by the log alone, and equal on all of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chat_server.accounts import SharedAccountStore, UsersFileError
from chat_server.accounts.accounts import Accounts
from chat_server.accounts.edits import add, disable, enable, remove, rename, set_hash
from chat_server.accounts.shared_store import (
    accounts_of_records,
    changes_between,
    records_of_accounts,
)
from chat_server.core import BackplaneUnavailableError
from chat_server.core.requests import AccountRecord, ChangeAccount
from tests.support.users_file import HASH, HASH_5, OTHER_HASH, write_users

ALICE = AccountRecord(HASH, created="2026-11-26T09:30:00Z")


def tables(accounts: Accounts) -> tuple[object, ...]:
    return (
        dict(accounts),
        dict(accounts.disabled),
        dict(accounts.created),
        accounts.highest_cost,
        accounts.listed_though_disabled,
    )


@pytest.fixture
def store(users_file: Path) -> SharedAccountStore:
    write_users(users_file, "alice", "bob")
    return SharedAccountStore(users_file)


def test_changes_of_the_log_are_applied(store: SharedAccountStore) -> None:
    store.apply(ChangeAccount("carol", AccountRecord(HASH_5, created="2026-11-26T09:30:00Z")))
    assert store.is_active("carol")
    assert store.highest_cost == 5
    store.apply(ChangeAccount("carol", AccountRecord(HASH_5, is_disabled=True)))
    assert (store.is_active("carol"), store.exists("carol"), store.hash_of("carol")) == (
        False,
        True,
        None,
    )
    store.apply(ChangeAccount("dave", AccountRecord(HASH_5), renamed_from="carol"))
    assert not store.exists("carol")
    assert store.is_active("dave")
    store.apply(ChangeAccount("dave", None))
    assert list(store.accounts) == ["alice", "bob"]
    assert store.highest_cost == 4


def test_sessions_that_end_with_their_account_are_noted_once(store: SharedAccountStore) -> None:
    store.apply(ChangeAccount("bob", None))
    assert store.take_ended() == []
    store.report_sessions_of(lambda user: user != "bob")
    store.apply(ChangeAccount("alice", ALICE))
    store.apply(ChangeAccount("alice", replace(ALICE, password_hash=OTHER_HASH)))
    store.apply(ChangeAccount("bob", ALICE))
    assert store.take_ended() == []
    store.apply(ChangeAccount("alice", replace(ALICE, created="2026-11-27T09:30:00Z")))
    store.apply(ChangeAccount("alice", AccountRecord(HASH, is_disabled=True)))
    store.apply(ChangeAccount("carol", AccountRecord(HASH), renamed_from="alice"))
    store.apply(ChangeAccount("carol", None))
    assert [(ended.user, ended.is_disabled) for ended in store.take_ended()] == [
        ("alice", False),
        ("alice", True),
        ("alice", False),
        ("carol", False),
    ]
    assert store.take_ended() == []


def test_exported_accounts_are_equal_whatever_their_history(
    store: SharedAccountStore, tmp_path: Path
) -> None:
    store.apply(ChangeAccount("zoe", AccountRecord(OTHER_HASH, is_disabled=True)))
    other = SharedAccountStore(tmp_path / "missing.json")
    other.load(json.loads(json.dumps(store.export())))
    assert tables(other.accounts) == tables(store.accounts)
    for each in (store, other):
        each.apply(ChangeAccount("bob", None))
        each.apply(ChangeAccount("bob", ALICE))
    assert json.dumps(other.export()) == json.dumps(store.export())


def test_users_file_is_needed_only_by_the_first_server(tmp_path: Path, users_file: Path) -> None:
    store = SharedAccountStore(tmp_path / "missing.json")
    with pytest.raises(UsersFileError, match="no such file"):
        store.export()
    write_users(users_file, "alice")
    seed = SharedAccountStore(users_file)
    assert not seed.is_from_log
    store.load(seed.export())
    assert store.is_from_log
    assert list(store.export()) == ["alice"]


def test_rejected_users_file_is_no_seed(users_file: Path) -> None:
    write_users(users_file, "alice")
    store = SharedAccountStore(users_file, lambda accounts: "is exposed")
    with pytest.raises(UsersFileError, match="is exposed"):
        store.records()


def test_change_of_users_file_is_reported_once(store: SharedAccountStore, users_file: Path) -> None:
    assert not store.users_file_has_changed()
    write_users(users_file, "alice", "bob", "carol")
    assert store.users_file_has_changed()
    assert not store.users_file_has_changed()
    assert not store.exists("carol")


def test_hash_is_changed_by_the_log_if_it_is_the_expected_one(store: SharedAccountStore) -> None:
    asked: list[tuple[ChangeAccount, AccountRecord | None]] = []

    def change(request: ChangeAccount, expected: AccountRecord | None) -> bool:
        asked.append((request, expected))
        store.apply(request)
        return True

    def change_hash(expected: str, *, still_wanted: bool = True) -> bool:
        return store.change_hash(
            "alice", expected, OTHER_HASH, still_wanted=lambda: still_wanted, lock_timeout=0
        )

    store.use_log(change)
    store.apply(ChangeAccount("alice", ALICE))
    assert not change_hash(HASH_5)
    assert not change_hash(HASH, still_wanted=False)
    assert not asked
    assert change_hash(HASH)
    assert asked == [
        (ChangeAccount("alice", AccountRecord(OTHER_HASH, created=ALICE.created)), ALICE)
    ]
    assert store.hash_of("alice") == OTHER_HASH


def test_hash_is_not_changed_while_the_servers_cannot_reach_each_other(
    store: SharedAccountStore,
) -> None:
    def change(request: ChangeAccount, expected: AccountRecord | None) -> bool:
        raise BackplaneUnavailableError

    store.use_log(change)
    with pytest.raises(UsersFileError, match="cannot reach each other"):
        store.change_hash("alice", HASH, OTHER_HASH, still_wanted=lambda: True, lock_timeout=0)


def test_each_edit_is_one_change_of_the_log() -> None:
    now = Accounts({"alice": HASH, "bob": HASH})
    for edited, expected in (
        (add(now, "carol", HASH_5), ["carol"]),
        (remove(now, "bob"), ["bob"]),
        (rename(now, "bob", "bobby"), ["bobby"]),
        (set_hash(now, "bob", OTHER_HASH), ["bob"]),
        (disable(now, "bob"), ["bob"]),
        (enable(now, "bob"), []),
    ):
        changes = changes_between(now, edited)
        assert [change.name for change in changes] == expected
        store = SharedAccountStore(Path("missing.json"))
        store.accounts = now
        for change in changes:
            store.apply(change)
        assert records_of_accounts(store.accounts) == records_of_accounts(edited)
        assert tables(accounts_of_records(records_of_accounts(edited))) == tables(edited)
