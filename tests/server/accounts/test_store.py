"""The accounts in use: how a change of the files is noticed, and what is made of it."""

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
from chat_server.accounts.file_reader import companion
from chat_server.accounts.hash_pool import hash_password
from chat_server.accounts.store import Change, UsersFileError, UserStore

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


def put_more(file: Path, **tables: dict[str, str]) -> None:
    """Replace the companion by one with these tables."""
    draft = file.with_name("draft")
    draft.write_text(json.dumps(tables))
    draft.replace(companion(file))


@pytest.fixture
def store(file: Path) -> UserStore:
    put(file, "alice", "bob")
    return UserStore(file)


def test_the_store_knows_who_has_an_account(store: UserStore) -> None:
    assert store.has("alice")
    assert not store.has("eve")
    assert store.hash_of("alice") == HASH
    assert store.hash_of("eve") is None
    assert store.highest_cost == 4


def test_a_store_needs_a_good_file_with_an_account_in_it(file: Path) -> None:
    with pytest.raises(UsersFileError, match="no such file"):
        UserStore(file)
    file.write_text("{}")
    with pytest.raises(
        UsersFileError, match="has no account that may log in; make an account with: chat-server"
    ):
        UserStore(file)


def test_a_look_at_an_unchanged_file_finds_nothing(store: UserStore) -> None:
    before = store.accounts
    assert store.look() == Change()
    assert store.accounts is before


def test_a_changed_file_is_read_again(file: Path, store: UserStore) -> None:
    put(file, "bob", "carol", "dave")
    assert store.look() == Change(count=3, removed=frozenset({"alice"}))
    assert sorted(store.accounts) == ["bob", "carol", "dave"]
    assert store.look() == Change()


def test_a_file_written_in_place_is_read_again(file: Path, store: UserStore) -> None:
    file.write_text(json.dumps({"alice": HASH_5}))
    assert store.look() == Change(count=1, removed=frozenset({"bob"}))
    assert store.highest_cost == 5


def test_removing_the_last_account_removes_it(file: Path, store: UserStore) -> None:
    put(file)
    assert store.look() == Change(count=0, removed=frozenset({"alice", "bob"}))


def test_a_broken_change_keeps_the_accounts_and_is_told_once(file: Path, store: UserStore) -> None:
    before = store.accounts
    file.write_text('{"alice": ')
    error = store.look().error
    assert error is not None
    assert error.startswith(f"{file}: line 1 column 11: not JSON")
    assert [store.look() for _ in range(3)] == [Change()] * 3
    assert store.accounts is before


def test_every_broken_change_is_told(file: Path, store: UserStore) -> None:
    file.write_text("")
    assert store.look().error
    assert store.look() == Change()
    file.write_text("\n")
    assert store.look().error


def test_a_file_that_vanished_is_told_once_and_found_again(file: Path, store: UserStore) -> None:
    for _ in range(2):
        file.rename(file.with_name("away"))
        assert "no such file" in (store.look().error or "")
        assert store.look() == Change()
        assert store.has("alice")
        file.with_name("away").rename(file)
        store.look()
    put(file, "alice")
    assert store.look() == Change(count=1, removed=frozenset({"bob"}))


def test_a_trouble_that_passes_by_itself_is_looked_at_again(
    file: Path, store: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(file, "carol")
    opened = os.open

    def too_many_files(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", too_many_files)
    assert store.look() == Change(error=f"{file}: Too many open files")
    assert store.look() == Change()
    monkeypatch.setattr(os, "open", opened)
    assert store.look().count == 1


def test_a_change_of_the_mode_alone_is_noticed(file: Path, store: UserStore) -> None:
    file.chmod(0o400)
    assert store.look().error is None
    assert store.look() == Change()


def test_a_change_during_the_reading_is_found_at_once(
    file: Path, store: UserStore, monkeypatch: pytest.MonkeyPatch
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
    assert store.look().count == 1
    assert list(store.accounts) == ["dave"]


def test_a_change_during_the_reading_of_the_companion_is_found_by_the_next_look(
    file: Path, store: UserStore, monkeypatch: pytest.MonkeyPatch
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
    assert store.look() == Change(count=2, removed=frozenset({"alice", "bob"}))
    assert store.look() == Change(
        count=1, removed=frozenset({"eve"}), disabled=frozenset({"carol"})
    )


# Disabled accounts


def test_a_disabled_account_is_known_and_can_not_log_in(file: Path) -> None:
    put(file, "alice")
    put_more(file, disabled={"eve": HASH_5})
    store = UserStore(file)
    assert not store.has("eve")
    assert store.hash_of("eve") is None
    assert store.knows("eve")
    assert store.knows("alice")
    assert not store.knows("nobody")
    assert store.highest_cost == 5


def test_disabling_and_enabling_are_noticed_and_are_no_removal(
    file: Path, store: UserStore
) -> None:
    disable_account(file, "alice")
    assert store.look() == Change(count=1, disabled=frozenset({"alice"}))
    assert store.look() == Change()
    enable_account(file, "alice")
    assert store.look() == Change(count=2)
    assert store.hash_of("alice") == HASH


def test_a_change_of_the_companion_alone_is_noticed(file: Path, store: UserStore) -> None:
    put_more(file, disabled={"alice": HASH})
    assert store.look() == Change(count=1, disabled=frozenset({"alice"}))
    companion(file).unlink()
    assert store.look() == Change(count=2)


def test_removing_a_disabled_account_is_a_removal(file: Path, store: UserStore) -> None:
    disable_account(file, "alice")
    store.look()
    remove_account(file, "alice")
    assert store.look() == Change(count=1, removed=frozenset({"alice"}))


def test_a_rename_removes_the_old_name(file: Path, store: UserStore) -> None:
    rename_account(file, "alice", "alicia")
    assert store.look() == Change(count=2, removed=frozenset({"alice"}))
    assert store.hash_of("alicia") == HASH


def test_a_broken_companion_enables_nobody_and_is_told_once(file: Path, store: UserStore) -> None:
    disable_account(file, "alice")
    store.look()
    companion(file).write_text("{")
    assert (store.look().error or "").startswith(f"{companion(file)}: line 1 column 2: not JSON")
    assert store.look() == Change()
    assert not store.has("alice")


def test_a_store_where_all_are_disabled_says_how_to_enable(file: Path) -> None:
    put(file)
    put_more(file, disabled={"eve": HASH})
    with pytest.raises(UsersFileError, match="no account that may log in; enable an account with"):
        UserStore(file)


def test_files_that_others_may_read_are_named(file: Path) -> None:
    put(file, "alice")
    put_more(file, disabled={"eve": HASH})
    file.chmod(0o600)
    companion(file).chmod(0o600)
    assert UserStore(file).exposed() == []
    file.chmod(0o640)
    companion(file).chmod(0o602)
    assert UserStore(file).exposed() == [(file, 0o640), (companion(file), 0o602)]


# What the accounts have to be, besides well written


def no_eve(accounts: Accounts) -> str | None:
    return "has eve; remove her" if "eve" in accounts else None


def test_accounts_that_are_not_approved_stop_the_start(file: Path) -> None:
    put(file, "alice", "eve")
    with pytest.raises(UsersFileError) as caught:
        UserStore(file, no_eve)
    assert str(caught.value) == f"{file}: has eve; remove her"


def test_accounts_that_are_not_approved_later_are_not_used_and_told_once(file: Path) -> None:
    put(file, "alice")
    store = UserStore(file, no_eve)
    put(file, "alice", "eve")
    assert store.look() == Change(error=f"{file}: has eve; remove her")
    assert store.look() == Change()
    assert not store.has("eve")
    put(file, "alice", "bob")
    assert store.look() == Change(count=2)
