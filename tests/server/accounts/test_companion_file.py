"""The companion of the users file: contents, errors, and how earlier servers read both files."""

import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat_server.accounts import file_reader
from chat_server.accounts.file_editor import (
    add_account,
    disable_account,
    enable_account,
    remove_account,
    rename_account,
    set_hash,
)
from chat_server.accounts.file_format import UsersFileError
from chat_server.accounts.file_reader import companion_path, read_accounts
from chat_server.accounts.password_hash import hash_password
from chat_server.wire.protocol import canonical_name
from tests.support.users_file import HASH

OTHER = hash_password("password456", cost=5)


def put(users_file: Path, accounts: dict[str, str], **tables: object) -> None:
    users_file.write_text(json.dumps(accounts))
    if tables:
        companion_path(users_file).write_text(json.dumps(tables))


def read_by_earlier_servers(users_file: Path) -> dict[str, str]:
    """Return the accounts that may log in, as servers read them that know only the users file."""
    parsed = json.loads(users_file.read_text("utf-8"))
    assert isinstance(parsed, dict)
    for name, hashed in parsed.items():
        assert canonical_name(name) == name
        assert isinstance(hashed, str)
        assert re.fullmatch(
            r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$"
            r"[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]",
            hashed,
        )
    return parsed


def read_error(users_file: Path) -> str:
    """Return the error of reading the files, without the path at its start."""
    with pytest.raises(UsersFileError) as caught:
        read_accounts(users_file)
    text = str(caught.value)
    assert text.isprintable()
    assert text.startswith(f"{companion_path(users_file)}: ")
    return text.removeprefix(f"{companion_path(users_file)}: ")


@pytest.mark.parametrize(
    ("name", "companion"),
    [
        ("users.json", "users.more.json"),
        ("accounts", "accounts.more"),
        ("a.b.json", "a.b.more.json"),
    ],
)
def test_companion_file_is_next_to_users_file(tmp_path: Path, name: str, companion: str) -> None:
    assert companion_path(tmp_path / name) == tmp_path / companion


def test_companion_file_is_next_to_symlink_target(tmp_path: Path) -> None:
    (tmp_path / "users.json").symlink_to(tmp_path / "elsewhere" / "accounts.json")
    assert companion_path(tmp_path / "users.json") == tmp_path / "elsewhere" / "accounts.more.json"


def test_disabled_accounts_are_read_from_companion_file(users_file: Path) -> None:
    put(
        users_file,
        {"alice": HASH},
        disabled={"e\u0301ric": OTHER},
        created={"alice": "2026-11-26T09:30:00Z"},
    )
    accounts = read_accounts(users_file)
    assert dict(accounts) == {"alice": HASH}
    assert accounts.disabled == {"\u00e9ric": OTHER}
    assert accounts.created == {"alice": "2026-11-26T09:30:00Z"}
    assert dict(accounts.all_hashes) == {"alice": HASH, "\u00e9ric": OTHER}
    assert accounts.highest_cost == 5, "a disabled account costs as much as an unknown one"


def test_account_in_both_files_is_disabled_with_hash_of_users_file(users_file: Path) -> None:
    put(users_file, {"alice": HASH, "eve": OTHER}, disabled={"eve": HASH})
    accounts = read_accounts(users_file)
    assert dict(accounts) == {"alice": HASH}
    assert accounts.disabled == {"eve": OTHER}


def test_next_change_removes_disabled_account_from_users_file(users_file: Path) -> None:
    put(users_file, {"alice": HASH, "eve": OTHER}, disabled={"eve": HASH})
    add_account(users_file, "bob", HASH)
    assert read_by_earlier_servers(users_file) == {"alice": HASH, "bob": HASH}
    assert read_accounts(users_file).disabled == {"eve": OTHER}


def test_missing_companion_file_removes_disabled_accounts(users_file: Path) -> None:
    put(users_file, {"alice": HASH}, disabled={"eve": HASH})
    companion_path(users_file).unlink()
    assert dict(read_accounts(users_file).all_hashes) == {"alice": HASH}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "is empty; delete it"),
        ("[]", "line 1 column 1: a list instead of an object {"),
        ("{", "line 1 column 2: not JSON"),
        ('{"enabled": {}}', '\'enabled\': is neither "disabled" nor "created"; remove it'),
        ('{"created": {}, "created": {}}', "'created': is there twice; remove it"),
        ('{"disabled": ["eve"]}', "'disabled': a list instead of an object; correct it"),
        (
            '{"disabled": {"eve": true}}',
            "account 'eve': true or false instead of its bcrypt hash; correct or remove that",
        ),
        ('{"disabled": {"a b": "x"}}', "account 'a b': a name is 1 to 32 letters"),
        ('{"disabled": {"eve": "x"}}', "account 'eve': its value is not a bcrypt hash"),
        ('{"created": {"eve": "yesterday"}}', "account 'eve': not a time such as"),
        ('{"created": {"eve": 2026}}', "account 'eve': not a time such as"),
    ],
)
def test_broken_companion_file_is_reported_with_position(
    users_file: Path, text: str, error: str
) -> None:
    put(users_file, {"alice": HASH})
    companion_path(users_file).write_text(text)
    assert read_error(users_file).startswith(error)


Step = Callable[[Path], object]
STEPS: dict[str, Step] = {
    "add": lambda users_file: add_account(users_file, "erin", HASH),
    "disable": lambda users_file: disable_account(users_file, "bob"),
    "enable": lambda users_file: enable_account(users_file, "eve"),
    "rename": lambda users_file: rename_account(users_file, "bob", "robert"),
    "rename disabled": lambda users_file: rename_account(users_file, "eve", "evelyn"),
    "passwd": lambda users_file: set_hash(users_file, "bob", OTHER),
    "passwd disabled": lambda users_file: set_hash(users_file, "eve", OTHER),
    "remove": lambda users_file: remove_account(users_file, "bob"),
    "remove disabled": lambda users_file: remove_account(users_file, "eve"),
}


@pytest.mark.parametrize("listed_too", [False, True], ids=["disabled", "in both files"])
@pytest.mark.parametrize("writes", [0, 1])
@pytest.mark.parametrize("step", STEPS)
def test_crash_between_file_writes_never_enables_account(
    users_file: Path, monkeypatch: pytest.MonkeyPatch, step: str, writes: int, listed_too: bool
) -> None:
    accounts = {"alice": HASH, "bob": HASH} | ({"eve": HASH} if listed_too else {})
    put(users_file, accounts, disabled={"eve": HASH}, created={"bob": "2026-11-26T09:30:00Z"})
    before = read_by_earlier_servers(users_file)
    replace, unlink = os.replace, Path.unlink
    left = writes

    def crash_after(change: Callable[..., object]) -> Callable[..., None]:
        def changed(*arguments: object, **named: object) -> None:
            nonlocal left
            if not left:
                raise KeyboardInterrupt
            left -= 1
            change(*arguments, **named)

        return changed

    monkeypatch.setattr(os, "replace", crash_after(replace))
    monkeypatch.setattr(Path, "unlink", crash_after(unlink))
    with suppress(KeyboardInterrupt):
        STEPS[step](users_file)
    monkeypatch.undo()
    now = read_accounts(users_file)
    assert "eve" not in now
    assert "evelyn" not in now
    assert set(now) <= {"alice", "bob", "erin", "robert"}
    if step != "enable":
        assert set(read_by_earlier_servers(users_file)) <= {*before, "erin", "robert"}
    assert "alice" in now
    if "disabled" in step or step in ("add", "enable"):
        assert now["bob"] == HASH, "other accounts do not change"


NAMES = ("ann", "ben", "cleo")


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "disable", "enable", "remove", "passwd", "rename"]),
            st.sampled_from(NAMES),
            st.sampled_from(NAMES),
        ),
        max_size=12,
    )
)
def test_earlier_servers_read_exactly_the_enabled_accounts(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str]]
) -> None:
    users_file = tmp_path_factory.mktemp("any") / "users.json"
    add_account(users_file, "alice", HASH)
    enabled, disabled = {"alice": HASH}, dict[str, str]()
    for step, name, other in steps:
        table = enabled if name in enabled else disabled if name in disabled else None
        if step == "add" and table is None:
            add_account(users_file, name, HASH)
            enabled[name] = HASH
        elif table is None:
            continue
        elif step == "disable" and disable_account(users_file, name):
            disabled[name] = enabled.pop(name)
        elif step == "enable" and enable_account(users_file, name):
            enabled[name] = disabled.pop(name)
        elif step == "remove":
            remove_account(users_file, name)
            del table[name]
        elif step == "passwd":
            set_hash(users_file, name, OTHER)
            table[name] = OTHER
        elif step == "rename" and other not in enabled | disabled:
            rename_account(users_file, name, other)
            table[other] = table.pop(name)
        accounts = read_accounts(users_file)
        assert dict(accounts) == read_by_earlier_servers(users_file) == enabled
        assert accounts.disabled == disabled
        assert set(accounts.created) == set(enabled | disabled)


def test_account_enabled_during_read_is_not_lost(
    users_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(users_file, {"alice": HASH}, disabled={"eve": HASH})
    read = file_reader._read

    def read_then_enable(path: Path) -> object:
        result = read(path)
        if path == users_file:
            monkeypatch.undo()
            enable_account(users_file, "eve")
        return result

    monkeypatch.setattr(file_reader, "_read", read_then_enable)
    assert dict(read_accounts(users_file)) == {"alice": HASH, "eve": HASH}
