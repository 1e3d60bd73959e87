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
from chat_server.accounts.password_hash import hash_password
from chat_server.accounts.store import AccountStore, ReloadResult, UsersFileError

HASH = "$2b$04$SDalwpCOKmMz0N8ica5usexBu0DwEOy82qw3Ei/qvSoDik2iU34f."  # of "password123"
HASH_5 = hash_password("password123", cost=5)
OTHER = hash_password("password456", cost=4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.json"


def put(file: Path, *names: str) -> None:
    """Replace the file by one with these accounts, as `chat-server users` does."""
    draft = file.with_name("draft")
    draft.write_text(json.dumps(dict.fromkeys(names, HASH)))
    draft.replace(file)


def put_more(file: Path, **tables: dict[str, str]) -> None:
    """Replace the companion by one with these tables."""
    draft = file.with_name("draft")
    draft.write_text(json.dumps(tables))
    draft.replace(companion_path(file))


@pytest.fixture
def store(file: Path) -> AccountStore:
    put(file, "alice", "bob")
    return AccountStore(file)


def test_store_knows_accounts_and_highest_cost(store: AccountStore) -> None:
    assert store.is_active("alice")
    assert not store.is_active("eve")
    assert store.hash_of("alice") == HASH
    assert store.hash_of("eve") is None
    assert store.highest_cost == 4


def test_store_requires_file_with_usable_account(file: Path) -> None:
    with pytest.raises(UsersFileError, match="no such file"):
        AccountStore(file)
    file.write_text("{}")
    with pytest.raises(
        UsersFileError, match="no account may log in; create an account with: chat-server"
    ):
        AccountStore(file)


def test_reload_of_unchanged_file_reports_nothing(store: AccountStore) -> None:
    before = store.accounts
    assert store.reload_if_changed() == ReloadResult()
    assert store.accounts is before


def test_changed_file_is_reloaded(file: Path, store: AccountStore) -> None:
    put(file, "bob", "carol", "dave")
    assert store.reload_if_changed() == ReloadResult(count=3, removed=frozenset({"alice"}))
    assert sorted(store.accounts) == ["bob", "carol", "dave"]
    assert store.reload_if_changed() == ReloadResult()


def test_file_written_in_place_is_reloaded(file: Path, store: AccountStore) -> None:
    file.write_text(json.dumps({"alice": HASH_5}))
    assert store.reload_if_changed() == ReloadResult(count=1, removed=frozenset({"bob"}))
    assert store.highest_cost == 5


def test_reload_reports_removal_of_last_account(file: Path, store: AccountStore) -> None:
    put(file)
    assert store.reload_if_changed() == ReloadResult(count=0, removed=frozenset({"alice", "bob"}))


def test_broken_file_keeps_accounts_and_is_reported_once(file: Path, store: AccountStore) -> None:
    before = store.accounts
    file.write_text('{"alice": ')
    error = store.reload_if_changed().error
    assert error is not None
    assert error.startswith(f"{file}: line 1 column 11: not JSON")
    assert [store.reload_if_changed() for _ in range(3)] == [ReloadResult()] * 3
    assert store.accounts is before


def test_each_new_broken_file_is_reported(file: Path, store: AccountStore) -> None:
    file.write_text("")
    assert store.reload_if_changed().error
    assert store.reload_if_changed() == ReloadResult()
    file.write_text("\n")
    assert store.reload_if_changed().error


def test_missing_file_is_reported_once_and_reloaded_later(file: Path, store: AccountStore) -> None:
    for _ in range(2):
        file.rename(file.with_name("away"))
        assert "no such file" in (store.reload_if_changed().error or "")
        assert store.reload_if_changed() == ReloadResult()
        assert store.is_active("alice")
        file.with_name("away").rename(file)
        store.reload_if_changed()
    put(file, "alice")
    assert store.reload_if_changed() == ReloadResult(count=1, removed=frozenset({"bob"}))


def test_temporary_read_error_is_retried(
    file: Path, store: AccountStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(file, "carol")
    opened = os.open

    def too_many_files(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", too_many_files)
    assert store.reload_if_changed() == ReloadResult(error=f"{file}: Too many open files")
    assert store.reload_if_changed() == ReloadResult()
    monkeypatch.setattr(os, "open", opened)
    assert store.reload_if_changed().count == 1


def test_changed_file_mode_triggers_reload(file: Path, store: AccountStore) -> None:
    file.chmod(0o400)
    assert store.reload_if_changed().error is None
    assert store.reload_if_changed() == ReloadResult()


def test_change_during_read_is_loaded_in_same_reload(
    file: Path, store: AccountStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.read

    def read_then_change(handle: int, size: int) -> bytes:
        data = read(handle, size)
        if not data:
            monkeypatch.undo()
            file.write_text(json.dumps({"dave": HASH}))
        return data

    put(file, "carol")
    monkeypatch.setattr(os, "read", read_then_change)
    assert store.reload_if_changed().count == 1
    assert list(store.accounts) == ["dave"]


def test_change_during_companion_read_is_loaded_by_next_reload(
    file: Path, store: AccountStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, readings = os.read, 0

    def read_then_change(handle: int, size: int) -> bytes:
        nonlocal readings
        data = read(handle, size)
        if not data:
            readings += 1
            if readings == 2:
                monkeypatch.undo()
                put_more(file, disabled={"carol": HASH})
        return data

    put(file, "carol", "dave")
    put_more(file, disabled={"eve": HASH})
    monkeypatch.setattr(os, "read", read_then_change)
    assert store.reload_if_changed() == ReloadResult(count=2, removed=frozenset({"alice", "bob"}))
    assert store.reload_if_changed() == ReloadResult(
        count=1, removed=frozenset({"eve"}), disabled=frozenset({"carol"})
    )


# Disabled accounts


def test_disabled_account_is_known_but_cannot_log_in(file: Path) -> None:
    put(file, "alice")
    put_more(file, disabled={"eve": HASH_5})
    store = AccountStore(file)
    assert not store.is_active("eve")
    assert store.hash_of("eve") is None
    assert store.exists("eve")
    assert store.exists("alice")
    assert not store.exists("mallory")
    assert store.highest_cost == 5


def test_reload_reports_disabling_and_enabling(file: Path, store: AccountStore) -> None:
    disable_account(file, "alice")
    assert store.reload_if_changed() == ReloadResult(count=1, disabled=frozenset({"alice"}))
    assert store.reload_if_changed() == ReloadResult()
    enable_account(file, "alice")
    assert store.reload_if_changed() == ReloadResult(count=2)
    assert store.hash_of("alice") == HASH


def test_changed_companion_file_triggers_reload(file: Path, store: AccountStore) -> None:
    put_more(file, disabled={"alice": HASH})
    assert store.reload_if_changed() == ReloadResult(count=1, disabled=frozenset({"alice"}))
    companion_path(file).unlink()
    assert store.reload_if_changed() == ReloadResult(count=2)


def test_reload_reports_removal_of_disabled_account(file: Path, store: AccountStore) -> None:
    disable_account(file, "alice")
    store.reload_if_changed()
    remove_account(file, "alice")
    assert store.reload_if_changed() == ReloadResult(count=1, removed=frozenset({"alice"}))


def test_reload_reports_rename_as_removal_of_old_name(file: Path, store: AccountStore) -> None:
    rename_account(file, "alice", "alicia")
    assert store.reload_if_changed() == ReloadResult(count=2, removed=frozenset({"alice"}))
    assert store.hash_of("alicia") == HASH


def test_broken_companion_keeps_accounts_disabled_and_is_reported_once(
    file: Path, store: AccountStore
) -> None:
    disable_account(file, "alice")
    store.reload_if_changed()
    companion_path(file).write_text("{")
    assert (store.reload_if_changed().error or "").startswith(
        f"{companion_path(file)}: line 1 column 2: not JSON"
    )
    assert store.reload_if_changed() == ReloadResult()
    assert not store.is_active("alice")


def test_store_with_only_disabled_accounts_suggests_enable(file: Path) -> None:
    put(file)
    put_more(file, disabled={"eve": HASH})
    with pytest.raises(UsersFileError, match="no account may log in; enable an account with"):
        AccountStore(file)


def test_store_lists_insecure_files(file: Path) -> None:
    put(file, "alice")
    put_more(file, disabled={"eve": HASH})
    file.chmod(0o600)
    companion_path(file).chmod(0o600)
    assert AccountStore(file).insecure_files() == []
    file.chmod(0o640)
    companion_path(file).chmod(0o602)
    assert AccountStore(file).insecure_files() == [(file, 0o640), (companion_path(file), 0o602)]


# Valid accounts that `find_problem` rejects


def no_eve(accounts: Accounts) -> str | None:
    return "has eve; remove her" if "eve" in accounts else None


def test_rejected_accounts_prevent_start(file: Path) -> None:
    put(file, "alice", "eve")
    with pytest.raises(UsersFileError) as caught:
        AccountStore(file, no_eve)
    assert str(caught.value) == f"{file}: has eve; remove her"


def test_reload_with_rejected_accounts_is_rejected_and_reported_once(file: Path) -> None:
    put(file, "alice")
    store = AccountStore(file, no_eve)
    put(file, "alice", "eve")
    assert store.reload_if_changed() == ReloadResult(error=f"{file}: has eve; remove her")
    assert store.reload_if_changed() == ReloadResult()
    assert not store.is_active("eve")
    put(file, "alice", "bob")
    assert store.reload_if_changed() == ReloadResult(count=2)
