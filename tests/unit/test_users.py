"""The users file: what is a good one, what each broken one says, and how a change is noticed."""

import errno
import json
import os
from pathlib import Path

import pytest

from chat_server import users, users_file
from chat_server.accounts import Accounts
from chat_server.passwords import hash_password
from chat_server.users import Change, UsersFileError, UserStore
from chat_server.users_file import SIZE_LIMIT, Contents, companion, read_accounts
from chat_server.users_file_changes import (
    disable_account,
    enable_account,
    remove_account,
    rename_account,
    set_hash,
)
from chat_server.users_file_form import FileBusyError
from chat_server.whole_files import alone_in_folder

HASH = "$2b$04$SDalwpCOKmMz0N8ica5usexBu0DwEOy82qw3Ei/qvSoDik2iU34f."  # of "password123"
HASH_5 = hash_password("password123", cost=5)
OTHER = hash_password("password456", cost=4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.json"


def complaint(file: Path) -> str:
    """What the reading says, without the file's name at its start."""
    with pytest.raises(UsersFileError) as caught:
        read_accounts(file)
    text = str(caught.value)
    assert text.isprintable(), "it has to be one harmless line"
    assert text.startswith(f"{file}: ")
    return text.removeprefix(f"{file}: ")


def test_a_good_file_is_a_mapping_of_names_to_hashes(file: Path) -> None:
    file.write_text(json.dumps({"DPS": HASH, "alice": HASH_5}))
    accounts = read_accounts(file)
    assert dict(accounts) == {"DPS": HASH, "alice": HASH_5}
    assert accounts.highest_cost == 5


def test_without_accounts_an_unknown_user_costs_what_a_new_hash_costs() -> None:
    assert Accounts({}).highest_cost == 12


def test_names_are_brought_to_nfc(file: Path) -> None:
    file.write_text(json.dumps({"e\u0301ric": HASH}), "utf-8")
    assert list(read_accounts(file)) == ["\u00e9ric"]


def test_no_file_says_how_to_make_one(file: Path) -> None:
    assert complaint(file) == (
        f"no such file; make an account with: chat-server users add NAME --users {file}"
    )


def test_the_command_that_helps_can_be_pasted(tmp_path: Path) -> None:
    assert f"--users '{tmp_path}/my users.json'" in complaint(tmp_path / "my users.json")


def test_a_folder(tmp_path: Path) -> None:
    assert complaint(tmp_path) == "is a folder; name a file in it"


def test_a_pipe_does_not_hang(file: Path) -> None:
    os.mkfifo(file)
    assert complaint(file) == "is no regular file; name one"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(file: Path) -> None:
    file.write_text(json.dumps({"DPS": HASH}))
    file.chmod(0)
    assert complaint(file).startswith("permission denied; make it readable")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "permission denied; make it readable for the user that runs this program"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_an_error_of_the_disk_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(number, os.strerror(number))

    file.write_text("{}")
    monkeypatch.setattr(os, "read", fail)
    assert complaint(file) == words


def test_a_file_in_what_is_no_folder(file: Path) -> None:
    file.write_text("{}")
    assert complaint(file / "users.json") == "Not a directory"


def test_a_file_too_large(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(SIZE_LIMIT + 1)
    assert complaint(file).startswith(f"larger than {SIZE_LIMIT} bytes")


@pytest.mark.parametrize("text", ["", "\n", " \r\n\t"])
def test_an_empty_file(file: Path, text: str) -> None:
    file.write_text(text)
    assert complaint(file).startswith("is empty; delete it, then make an account with: chat-server")


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b'{"DPS": \n "\xff"}', "line 2, byte 3: not UTF-8; save the file as UTF-8"),
        (b"\x80", "line 1, byte 1: not UTF-8; save the file as UTF-8"),
        (b"\xef\xbb\xbf{}", "line 1 column 1: a byte order mark; save the file as UTF-8 without"),
        (b'{"DPS": \n  oops}', "line 2 column 3: not JSON: Expecting value"),
        (b'{"DPS": "x",}', "line 1 column 1"),
        (b"{", "line 1 column 2: not JSON: Expecting property name"),
        (b"{} {}", "line 1 column 4: not JSON: Extra data"),
        (b"[" * 100_000, 'no object {"name": "bcrypt hash"}; is it the right file?'),
        (b"9" * 5000, 'no object {"name": "bcrypt hash"}; is it the right file?'),
    ],
)
def test_no_json_names_the_place(file: Path, data: bytes, place: str) -> None:
    file.write_bytes(data)
    assert complaint(file).startswith(place)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[]", "a list"),
        ('"DPS"', "a text"),
        ("1", "a number"),
        ("NaN", "a number"),
        ("true", "true or false"),
        ("null", "null"),
    ],
)
def test_no_object_at_the_top(file: Path, text: str, kind: str) -> None:
    file.write_text(text)
    assert complaint(file) == (
        f'line 1 column 1: {kind} where an object {{"name": "bcrypt hash"}} belongs'
    )


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("1", "a number"),
        ("1.5", "a number"),
        ("false", "true or false"),
        ("null", "null"),
        ("[]", "a list"),
        ('{"hash": "x"}', "an object"),
    ],
)
def test_no_text_where_a_hash_belongs(file: Path, value: str, kind: str) -> None:
    file.write_text(f'{{"DPS": "{HASH}", "alice": {value}}}')
    assert complaint(file) == (
        f"account 'alice': {kind} where its bcrypt hash belongs; take the account out of the file,"
        f" then: chat-server users add alice --users {file}"
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        "password123",
        HASH[:-1],
        HASH + "a",
        HASH + "\n",
        "$2x$" + HASH[4:],
        "$2$" + HASH[4:],
        "$2b$03$" + HASH[7:],
        "$2b$32$" + HASH[7:],
        "$2b$4$" + HASH[7:],
        HASH[:-1] + "z",  # bits to spare that are not 0
        HASH[:28] + "z" + HASH[29:],
        HASH[:-1] + "é",
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
    ],
)
def test_a_hash_that_is_none(file: Path, value: str) -> None:
    file.write_text(json.dumps({"alice": value}))
    said = complaint(file)
    assert said.startswith("account 'alice': its value is no bcrypt hash")
    assert "chat-server users add alice" in said
    assert not value or value not in said, "a hash, or a password in its place, is nobody's affair"


@pytest.mark.parametrize("prefix", ["$2a$04$", "$2b$31$", "$2y$10$"])
def test_hashes_of_other_programs(file: Path, prefix: str) -> None:
    file.write_text(json.dumps({"alice": prefix + HASH[7:]}))
    assert read_accounts(file)["alice"] == prefix + HASH[7:]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "''"),
        ("a b", "'a b'"),
        ("x" * 33, f"'{'x' * 33}'"),
        ("none", "'none'"),
        ("SERVER", "'SERVER'"),
        ("Error", "'Error'"),
        ("*", "'*'"),
        ("esc\x1b[31m", "'esc\\x1b[31m'"),
        ("it's", "'it\\'s'"),
        ("\ud800", "'\\ud800'"),
        ("x" * 5000, f"'{'x' * 64}...'"),
    ],
)
def test_an_impossible_name(file: Path, name: str, shown: str) -> None:
    file.write_text(json.dumps({"alice": HASH, name: HASH}))
    said = complaint(file)
    assert said.startswith(f"account {shown}: a name is 1 to 32 letters, marks, digits")
    assert said.endswith("; rename or remove it")


def test_a_key_that_is_there_twice(file: Path) -> None:
    file.write_text(f'{{"alice": "{HASH}", "bob": "{HASH}", "alice": "{HASH_5}"}}')
    assert complaint(file) == "account 'alice': is there twice; remove one of the two"


def test_keys_that_become_equal_in_nfc(file: Path) -> None:
    file.write_text(json.dumps({"\u00e9ric": HASH, "e\u0301ric": HASH}))
    assert complaint(file) == (
        "account 'e\u0301ric': is the same name as another in Unicode's composed form (NFC),"
        " '\u00e9ric'; remove one of the two"
    )


def test_a_file_name_that_would_colour_the_terminal_is_escaped(tmp_path: Path) -> None:
    with pytest.raises(UsersFileError) as caught:
        read_accounts(tmp_path / "\x1b[31mred\n")
    assert str(caught.value).isprintable()


# The store


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


# Changes by the server itself


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
