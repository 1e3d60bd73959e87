"""The accounts in use: detection of changed files, and the result of a reload."""

import errno
import json
import os
from pathlib import Path

import pytest

from chat_server.accounts.accounts import Accounts
from chat_server.accounts.file_editor import (
    disable_account,
    enable_account,
    remove_account,
    rename_account,
)
from chat_server.accounts.file_reader import companion_path
from chat_server.accounts.store import AccountStore, ReloadResult, UsersFileError
from tests.support.users_file import HASH, HASH_5, write_users


def put_more(users_file: Path, **tables: dict[str, str]) -> None:
    """Replace the companion by one with these tables."""
    draft = users_file.with_name("draft")
    draft.write_text(json.dumps(tables))
    draft.replace(companion_path(users_file))


def test_store_knows_accounts_and_highest_cost(store: AccountStore) -> None:
    assert store.is_active("alice")
    assert not store.is_active("eve")
    assert store.hash_of("alice") == HASH
    assert store.hash_of("eve") is None
    assert store.highest_cost == 4


def test_store_requires_file_with_usable_account(users_file: Path) -> None:
    with pytest.raises(UsersFileError, match="no such file"):
        AccountStore(users_file)
    users_file.write_text("{}")
    with pytest.raises(
        UsersFileError, match="no account may log in; create an account with: chat-server"
    ):
        AccountStore(users_file)


def test_reload_of_unchanged_file_reports_nothing(store: AccountStore) -> None:
    before = store.accounts
    assert store.reload_if_changed() == ReloadResult()
    assert store.accounts is before


def test_changed_file_is_reloaded(users_file: Path, store: AccountStore) -> None:
    write_users(users_file, "bob", "carol", "dave")
    assert store.reload_if_changed() == ReloadResult(count=3, removed=frozenset({"alice"}))
    assert sorted(store.accounts) == ["bob", "carol", "dave"]
    assert store.reload_if_changed() == ReloadResult()


def test_file_written_in_place_is_reloaded(users_file: Path, store: AccountStore) -> None:
    users_file.write_text(json.dumps({"alice": HASH_5}))
    assert store.reload_if_changed() == ReloadResult(count=1, removed=frozenset({"bob"}))
    assert store.highest_cost == 5


def test_reload_rejects_file_without_account_like_a_start(
    users_file: Path, store: AccountStore
) -> None:
    for _ in range(2):
        write_users(users_file)
        change = store.reload_if_changed()
        assert change == ReloadResult(error=change.error)
        assert (change.error or "").startswith(f"{users_file}: no account may log in; create an")
        assert store.reload_if_changed() == ReloadResult()
        assert sorted(store.accounts) == ["alice", "bob"]
        write_users(users_file, "alice", "bob")
        assert store.reload_if_changed() == ReloadResult(count=2)


def test_reload_without_active_account_still_disables_accounts(
    users_file: Path, store: AccountStore
) -> None:
    """`users disable` of the last accounts must end their sessions."""
    disable_account(users_file, "alice")
    store.reload_if_changed()
    disable_account(users_file, "bob")
    change = store.reload_if_changed()
    assert change.disabled == {"bob"}
    assert not change.removed
    assert "no account may log in; enable an account with" in (change.error or "")
    assert not store.accounts
    enable_account(users_file, "alice")
    assert store.reload_if_changed().count == 1
    assert list(store.accounts) == ["alice"]


def test_broken_file_keeps_accounts_and_is_reported_once(
    users_file: Path, store: AccountStore
) -> None:
    before = store.accounts
    users_file.write_text('{"alice": ')
    error = store.reload_if_changed().error
    assert error is not None
    assert error.startswith(f"{users_file}: line 1 column 11: not JSON")
    assert [store.reload_if_changed() for _ in range(3)] == [ReloadResult()] * 3
    assert store.accounts is before


def test_each_new_broken_file_is_reported(users_file: Path, store: AccountStore) -> None:
    users_file.write_text("")
    assert store.reload_if_changed().error
    assert store.reload_if_changed() == ReloadResult()
    users_file.write_text("\n")
    assert store.reload_if_changed().error


def test_missing_file_is_reported_once_and_reloaded_later(
    users_file: Path, store: AccountStore
) -> None:
    for _ in range(2):
        users_file.rename(users_file.with_name("away"))
        assert "no such file" in (store.reload_if_changed().error or "")
        assert store.reload_if_changed() == ReloadResult()
        assert store.is_active("alice")
        users_file.with_name("away").rename(users_file)
        store.reload_if_changed()
    write_users(users_file, "alice")
    assert store.reload_if_changed() == ReloadResult(count=1, removed=frozenset({"bob"}))


def test_temporary_read_error_is_retried(
    users_file: Path, store: AccountStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_users(users_file, "carol")
    opened = os.open

    def too_many_files(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", too_many_files)
    assert store.reload_if_changed() == ReloadResult(error=f"{users_file}: Too many open files")
    assert store.reload_if_changed() == ReloadResult()
    monkeypatch.setattr(os, "open", opened)
    assert store.reload_if_changed().count == 1


def test_changed_file_mode_triggers_reload(users_file: Path, store: AccountStore) -> None:
    users_file.chmod(0o400)
    assert store.reload_if_changed().error is None
    assert store.reload_if_changed() == ReloadResult()


def test_change_during_read_is_loaded_in_same_reload(
    users_file: Path, store: AccountStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.read

    def read_then_change(handle: int, size: int) -> bytes:
        data = read(handle, size)
        if not data:
            monkeypatch.undo()
            users_file.write_text(json.dumps({"dave": HASH}))
        return data

    write_users(users_file, "carol")
    monkeypatch.setattr(os, "read", read_then_change)
    assert store.reload_if_changed().count == 1
    assert list(store.accounts) == ["dave"]


def test_change_during_companion_read_is_loaded_by_next_reload(
    users_file: Path, store: AccountStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, readings = os.read, 0

    def read_then_change(handle: int, size: int) -> bytes:
        nonlocal readings
        data = read(handle, size)
        if not data:
            readings += 1
            if readings == 2:
                monkeypatch.undo()
                put_more(users_file, disabled={"carol": HASH})
        return data

    write_users(users_file, "carol", "dave")
    put_more(users_file, disabled={"eve": HASH})
    monkeypatch.setattr(os, "read", read_then_change)
    assert store.reload_if_changed() == ReloadResult(count=2, removed=frozenset({"alice", "bob"}))
    assert store.reload_if_changed() == ReloadResult(
        count=1, removed=frozenset({"eve"}), disabled=frozenset({"carol"})
    )


# Disabled accounts


def test_disabled_account_is_known_but_cannot_log_in(users_file: Path) -> None:
    write_users(users_file, "alice")
    put_more(users_file, disabled={"eve": HASH_5})
    store = AccountStore(users_file)
    assert not store.is_active("eve")
    assert store.hash_of("eve") is None
    assert store.exists("eve")
    assert store.exists("alice")
    assert not store.exists("mallory")
    assert store.highest_cost == 5


def test_reload_reports_disabling_and_enabling(users_file: Path, store: AccountStore) -> None:
    disable_account(users_file, "alice")
    assert store.reload_if_changed() == ReloadResult(count=1, disabled=frozenset({"alice"}))
    assert store.reload_if_changed() == ReloadResult()
    enable_account(users_file, "alice")
    assert store.reload_if_changed() == ReloadResult(count=2)
    assert store.hash_of("alice") == HASH


def test_changed_companion_file_triggers_reload(users_file: Path, store: AccountStore) -> None:
    put_more(users_file, disabled={"alice": HASH})
    assert store.reload_if_changed() == ReloadResult(count=1, disabled=frozenset({"alice"}))
    companion_path(users_file).unlink()
    assert store.reload_if_changed() == ReloadResult(count=2)


def test_reload_reports_removal_of_disabled_account(users_file: Path, store: AccountStore) -> None:
    disable_account(users_file, "alice")
    store.reload_if_changed()
    remove_account(users_file, "alice")
    assert store.reload_if_changed() == ReloadResult(count=1, removed=frozenset({"alice"}))


def test_reload_reports_rename_as_removal_of_old_name(
    users_file: Path, store: AccountStore
) -> None:
    rename_account(users_file, "alice", "alicia")
    assert store.reload_if_changed() == ReloadResult(count=2, removed=frozenset({"alice"}))
    assert store.hash_of("alicia") == HASH


def test_reload_recognizes_rename_by_hash_of_account(users_file: Path) -> None:
    write_users(users_file, "bob")
    users_file.write_text(json.dumps({"alice": HASH_5, "bob": HASH}))
    store = AccountStore(users_file)
    rename_account(users_file, "alice", "alicia")
    assert store.reload_if_changed() == ReloadResult(count=2, renamed={"alice": "alicia"})
    disable_account(users_file, "alicia")
    assert store.reload_if_changed().disabled == {"alicia"}
    rename_account(users_file, "alicia", "ally")
    assert store.reload_if_changed().renamed == {"alicia": "ally"}


def test_reload_reports_account_that_was_created_again_as_removed(
    users_file: Path,
) -> None:
    write_users(users_file, "alice", "bob")
    put_more(users_file, created={"alice": "2026-11-26T09:30:00Z"})
    store = AccountStore(users_file)
    put_more(users_file, created={"alice": "2026-11-27T09:30:00Z"})
    assert store.reload_if_changed() == ReloadResult(count=2, removed=frozenset({"alice"}))
    assert store.is_active("alice")


def test_broken_companion_keeps_accounts_disabled_and_is_reported_once(
    users_file: Path, store: AccountStore
) -> None:
    disable_account(users_file, "alice")
    store.reload_if_changed()
    companion_path(users_file).write_text("{")
    assert (store.reload_if_changed().error or "").startswith(
        f"{companion_path(users_file)}: line 1 column 2: not JSON"
    )
    assert store.reload_if_changed() == ReloadResult()
    assert not store.is_active("alice")


def test_store_with_only_disabled_accounts_suggests_enable(users_file: Path) -> None:
    write_users(users_file)
    put_more(users_file, disabled={"eve": HASH})
    with pytest.raises(UsersFileError, match="no account may log in; enable an account with"):
        AccountStore(users_file)


def test_store_lists_insecure_files(users_file: Path) -> None:
    write_users(users_file, "alice")
    put_more(users_file, disabled={"eve": HASH})
    users_file.chmod(0o600)
    companion_path(users_file).chmod(0o600)
    assert AccountStore(users_file).insecure_files() == []
    users_file.chmod(0o640)
    companion_path(users_file).chmod(0o602)
    assert AccountStore(users_file).insecure_files() == [
        (users_file, 0o640),
        (companion_path(users_file), 0o602),
    ]


# Valid accounts that `validate` rejects


def reject_eve(accounts: Accounts) -> str | None:
    return "has eve; remove her" if "eve" in accounts else None


def test_rejected_accounts_prevent_start(users_file: Path) -> None:
    write_users(users_file, "alice", "eve")
    with pytest.raises(UsersFileError) as caught:
        AccountStore(users_file, reject_eve)
    assert str(caught.value) == f"{users_file}: has eve; remove her"


def test_reload_with_rejected_accounts_is_rejected_and_reported_once(users_file: Path) -> None:
    write_users(users_file, "alice")
    store = AccountStore(users_file, reject_eve)
    write_users(users_file, "alice", "eve")
    assert store.reload_if_changed() == ReloadResult(error=f"{users_file}: has eve; remove her")
    assert store.reload_if_changed() == ReloadResult()
    assert not store.is_active("eve")
    write_users(users_file, "alice", "bob")
    assert store.reload_if_changed() == ReloadResult(count=2)
