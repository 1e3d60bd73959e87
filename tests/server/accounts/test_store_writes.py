"""The users file is changed by the running server itself, beside all others who change it."""

import json
import os
from pathlib import Path

import pytest

from chat_server.accounts import file_reader as users_file
from chat_server.accounts import store as users
from chat_server.accounts.file_editor import (
    disable_account,
    remove_account,
    set_hash,
)
from chat_server.accounts.file_format import FileBusyError
from chat_server.accounts.file_reader import Contents, read_accounts
from chat_server.accounts.hash_pool import hash_password
from chat_server.accounts.store import Change, UserStore
from chat_server.files import alone_in_folder

HASH = "$2b$04$SDalwpCOKmMz0N8ica5usexBu0DwEOy82qw3Ei/qvSoDik2iU34f."  # of "password123"
HASH_5 = hash_password("password123", cost=5)
OTHER = hash_password("password456", cost=4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.json"


def put(file: Path, *names: str) -> None:
    """Replace the file, as the command does, by one with these accounts."""
    draft = file.with_name("draft")
    draft.write_text(json.dumps(dict.fromkeys(names, HASH)))
    draft.replace(file)


@pytest.fixture
def store(file: Path) -> UserStore:
    put(file, "alice", "bob")
    return UserStore(file)


def always() -> bool:
    return True


def test_a_hash_is_changed_in_the_file_and_at_once_here(file: Path, store: UserStore) -> None:
    assert store.change_hash("alice", HASH, HASH_5, wanted=always, patience=5)
    assert store.hash_of("alice") == HASH_5
    assert store.highest_cost == 5
    assert dict(read_accounts(file)) == {"alice": HASH_5, "bob": HASH}


def test_the_own_change_is_no_news(store: UserStore) -> None:
    store.change_hash("alice", HASH, HASH_5, wanted=always, patience=5)
    assert store.look() == Change()


def test_the_own_change_is_no_news_to_a_look_in_its_midst(
    file: Path, store: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace
    looks = []

    def replace_then_look(*arguments: Path) -> None:
        replace(*arguments)
        looks.append(store.look())

    monkeypatch.setattr(os, "replace", replace_then_look)
    store.change_hash("alice", HASH, HASH_5, wanted=always, patience=5)
    assert looks == [Change()]
    assert store.hash_of("alice") == HASH_5
    assert store.look() == Change()


def test_what_a_look_had_read_before_the_own_change_does_not_undo_it(
    file: Path, store: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(file, "alice", "bob", "carol")
    loaded = users_file.load

    def load_then_change(path: Path) -> Contents:
        contents = loaded(path)
        monkeypatch.undo()
        assert store.change_hash("alice", HASH, HASH_5, wanted=always, patience=5)
        return contents

    monkeypatch.setattr(users, "load", load_then_change)
    assert store.look() == Change()
    assert store.hash_of("alice") == HASH_5
    assert store.look() == Change(count=3)
    assert store.hash_of("alice") == HASH_5


def test_what_others_changed_before_is_still_found(file: Path, store: UserStore) -> None:
    remove_account(file, "bob")
    assert store.change_hash("alice", HASH, HASH_5, wanted=always, patience=5)
    assert store.has("bob"), "whose session is still to be ended"
    assert store.look() == Change(count=1, removed=frozenset({"bob"}))
    assert store.hash_of("alice") == HASH_5


def test_a_hash_that_is_another_by_now_stays(file: Path, store: UserStore) -> None:
    set_hash(file, "alice", HASH_5)
    assert not store.change_hash("alice", HASH, OTHER, wanted=always, patience=5)
    disable_account(file, "bob")
    assert not store.change_hash("bob", HASH, OTHER, wanted=always, patience=5)
    assert not store.change_hash("nobody", HASH, OTHER, wanted=always, patience=5)
    assert dict(read_accounts(file).everyone) == {"alice": HASH_5, "bob": HASH}


def test_a_change_that_is_not_wanted_any_more_is_not_made(file: Path, store: UserStore) -> None:
    before = os.stat(file)
    assert not store.change_hash("alice", HASH, HASH_5, wanted=lambda: False, patience=5)
    assert os.stat(file) == before
    assert os.listdir(file.parent) == [file.name]
    assert store.hash_of("alice") == HASH


def test_whoever_waits_too_long_for_the_lock_changes_nothing(file: Path, store: UserStore) -> None:
    with alone_in_folder(file), pytest.raises(FileBusyError, match="another program is changing"):
        store.change_hash("alice", HASH, HASH_5, wanted=always, patience=0.05)
    assert store.hash_of("alice") == HASH
    assert store.change_hash("alice", HASH, HASH_5, wanted=always, patience=0.05)


def test_a_file_that_somebody_changes_by_hand_meanwhile_is_not_overwritten(
    file: Path, store: UserStore
) -> None:
    fsync = os.fsync

    def sync_and_change(handle: int) -> None:
        fsync(handle)
        put(file, "alice", "bob", "carol")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", sync_and_change)
        with pytest.raises(FileBusyError, match="somebody else changed it"):
            store.change_hash("alice", HASH, HASH_5, wanted=always, patience=5)
    assert sorted(read_accounts(file)) == ["alice", "bob", "carol"]
    assert os.listdir(file.parent) == [file.name]


def test_a_change_by_hand_right_after_the_own_one_is_found(
    file: Path, store: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def replace_then_change(*arguments: Path) -> None:
        replace(*arguments)
        monkeypatch.undo()
        put(file, "alice", "bob", "carol")

    monkeypatch.setattr(os, "replace", replace_then_change)
    assert store.change_hash("alice", HASH, HASH_5, wanted=always, patience=5)
    assert store.look() == Change(count=3)
    assert store.hash_of("alice") == HASH
