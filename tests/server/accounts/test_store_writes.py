"""The running server changes the users file itself, while other programs may change it too."""

import json
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
from chat_server.accounts.password_hash import hash_password
from chat_server.accounts.store import AccountStore, ReloadResult
from chat_server.files import lock_folder

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


@pytest.fixture
def store(file: Path) -> AccountStore:
    put(file, "alice", "bob")
    return AccountStore(file)


def always() -> bool:
    return True


def test_change_hash_updates_file_and_store(file: Path, store: AccountStore) -> None:
    assert store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=5)
    assert store.hash_of("alice") == HASH_5
    assert store.highest_cost == 5
    assert dict(read_accounts(file)) == {"alice": HASH_5, "bob": HASH}


def test_own_write_is_not_reported_as_reload(store: AccountStore) -> None:
    store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=5)
    assert store.reload_if_changed() == ReloadResult()


def test_own_write_is_not_reported_by_concurrent_reload(
    file: Path, store: AccountStore, monkeypatch: pytest.MonkeyPatch
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
    file: Path, store: AccountStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(file, "alice", "bob", "carol")
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


def test_own_write_keeps_earlier_external_changes_pending(file: Path, store: AccountStore) -> None:
    remove_account(file, "bob")
    assert store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=5)
    assert store.is_active("bob"), "the next reload has to end the session"
    assert store.reload_if_changed() == ReloadResult(count=1, removed=frozenset({"bob"}))
    assert store.hash_of("alice") == HASH_5


def test_change_hash_keeps_hash_that_changed_meanwhile(file: Path, store: AccountStore) -> None:
    set_hash(file, "alice", HASH_5)
    assert not store.change_hash("alice", HASH, OTHER, still_wanted=always, lock_timeout=5)
    disable_account(file, "bob")
    assert not store.change_hash("bob", HASH, OTHER, still_wanted=always, lock_timeout=5)
    assert not store.change_hash("eve", HASH, OTHER, still_wanted=always, lock_timeout=5)
    assert dict(read_accounts(file).all_hashes) == {"alice": HASH_5, "bob": HASH}


def test_cancelled_change_hash_writes_nothing(file: Path, store: AccountStore) -> None:
    before = os.stat(file)
    assert not store.change_hash("alice", HASH, HASH_5, still_wanted=lambda: False, lock_timeout=5)
    assert os.stat(file) == before
    assert os.listdir(file.parent) == [file.name]
    assert store.hash_of("alice") == HASH


def test_change_hash_fails_if_file_lock_times_out(file: Path, store: AccountStore) -> None:
    with (
        lock_folder(file),
        pytest.raises(UsersFileConflictError, match="another program is changing"),
    ):
        store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=0.05)
    assert store.hash_of("alice") == HASH
    assert store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=0.05)


def test_change_hash_does_not_overwrite_concurrent_manual_edit(
    file: Path, store: AccountStore
) -> None:
    fsync = os.fsync

    def sync_and_change(handle: int) -> None:
        fsync(handle)
        put(file, "alice", "bob", "carol")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", sync_and_change)
        with pytest.raises(UsersFileConflictError, match="another program changed it"):
            store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=5)
    assert sorted(read_accounts(file)) == ["alice", "bob", "carol"]
    assert os.listdir(file.parent) == [file.name]


def test_manual_edit_right_after_own_write_is_detected(
    file: Path, store: AccountStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def replace_then_change(*arguments: Path) -> None:
        replace(*arguments)
        monkeypatch.undo()
        put(file, "alice", "bob", "carol")

    monkeypatch.setattr(os, "replace", replace_then_change)
    assert store.change_hash("alice", HASH, HASH_5, still_wanted=always, lock_timeout=5)
    assert store.reload_if_changed() == ReloadResult(count=3)
    assert store.hash_of("alice") == HASH
