"""The running server changes the users file itself, while other programs may change it too."""

import os
from pathlib import Path

import pytest

from chat_server.accounts import file_reader
from chat_server.accounts import store as store_module
from chat_server.accounts.file_editor import (
    disable_account,
    remove_account,
    set_hash,
)
from chat_server.accounts.file_format import UsersFileConflictError
from chat_server.accounts.file_reader import UsersFiles, read_accounts
from chat_server.accounts.store import AccountStore, ReloadResult
from chat_server.files import lock_file
from tests.support.users_file import HASH, HASH_5, OTHER_HASH, write_users


def always() -> bool:
    return True


def test_change_hash_updates_file_and_store(users_file: Path, store: AccountStore) -> None:
    assert store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=5)
    assert store.hash_of("alice") == HASH_5
    assert store.highest_cost == 5
    assert dict(read_accounts(users_file)) == {"alice": HASH_5, "bob": HASH}


def test_own_write_is_not_reported_as_reload(store: AccountStore) -> None:
    store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=5)
    assert store.reload_if_changed() == ReloadResult()


def test_own_write_is_not_reported_by_concurrent_reload(
    users_file: Path, store: AccountStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace
    reloads = []

    def replace_then_reload(*arguments: Path) -> None:
        replace(*arguments)
        reloads.append(store.reload_if_changed())

    monkeypatch.setattr(os, "replace", replace_then_reload)
    store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=5)
    assert reloads == [ReloadResult()]
    assert store.hash_of("alice") == HASH_5
    assert store.reload_if_changed() == ReloadResult()


def test_reload_with_stale_contents_does_not_undo_own_write(
    users_file: Path, store: AccountStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_users(users_file, "alice", "bob", "carol")
    original_load = file_reader.load

    def load_then_change(path: Path) -> UsersFiles:
        contents = original_load(path)
        monkeypatch.undo()
        assert store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=5)
        return contents

    monkeypatch.setattr(store_module, "load", load_then_change)
    assert store.reload_if_changed() == ReloadResult()
    assert store.hash_of("alice") == HASH_5
    assert store.reload_if_changed() == ReloadResult(count=3)
    assert store.hash_of("alice") == HASH_5


def test_own_write_keeps_earlier_external_changes_pending(
    users_file: Path, store: AccountStore
) -> None:
    remove_account(users_file, "bob")
    assert store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=5)
    assert store.is_active("bob"), "the next reload has to end the session"
    assert store.reload_if_changed() == ReloadResult(count=1, removed=frozenset({"bob"}))
    assert store.hash_of("alice") == HASH_5


def test_change_hash_keeps_hash_that_changed_meanwhile(
    users_file: Path, store: AccountStore
) -> None:
    set_hash(users_file, "alice", HASH_5)
    assert not store.change_hash("alice", HASH, OTHER_HASH, still_wanted=always, lock_timeout=5)
    disable_account(users_file, "bob")
    assert not store.change_hash("bob", HASH, OTHER_HASH, still_wanted=always, lock_timeout=5)
    assert not store.change_hash("eve", HASH, OTHER_HASH, still_wanted=always, lock_timeout=5)
    assert dict(read_accounts(users_file).all_hashes) == {"alice": HASH_5, "bob": HASH}


def test_cancelled_change_hash_writes_nothing(users_file: Path, store: AccountStore) -> None:
    before = os.stat(users_file)
    assert not store.change_hash("alice", HASH, HASH_5, still_wanted=lambda: False, lock_timeout=5)
    assert os.stat(users_file) == before
    assert sorted(os.listdir(users_file.parent)) == [".users.json.lock", users_file.name]
    assert store.hash_of("alice") == HASH


def test_change_hash_fails_if_file_lock_times_out(users_file: Path, store: AccountStore) -> None:
    with (
        lock_file(users_file),
        pytest.raises(UsersFileConflictError, match="another program is changing"),
    ):
        store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=0.05)
    assert store.hash_of("alice") == HASH
    assert store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=0.05)


def test_change_hash_does_not_overwrite_concurrent_manual_edit(
    users_file: Path, store: AccountStore
) -> None:
    fsync = os.fsync

    def sync_and_change(handle: int) -> None:
        fsync(handle)
        write_users(users_file, "alice", "bob", "carol")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", sync_and_change)
        with pytest.raises(UsersFileConflictError, match="another program changed it"):
            store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=5)
    assert sorted(read_accounts(users_file)) == ["alice", "bob", "carol"]
    assert sorted(os.listdir(users_file.parent)) == [".users.json.lock", users_file.name]


def test_manual_edit_right_after_own_write_is_detected(
    users_file: Path, store: AccountStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def replace_then_change(*arguments: Path) -> None:
        replace(*arguments)
        monkeypatch.undo()
        write_users(users_file, "alice", "bob", "carol")

    monkeypatch.setattr(os, "replace", replace_then_change)
    assert store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=5)
    assert store.reload_if_changed() == ReloadResult(count=3)
    assert store.hash_of("alice") == HASH
