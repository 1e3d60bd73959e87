"""The users file: valid files, and the error for each invalid one."""

import errno
import json
import os
import shlex
from pathlib import Path

import pytest

from chat_server.accounts.accounts import Accounts
from chat_server.accounts.file_reader import SIZE_LIMIT, read_accounts
from chat_server.accounts.store import UsersFileError
from tests.support.users_file import HASH, HASH_5


def read_error(users_file: Path) -> str:
    """Return the error of reading the file, without the path at its start."""
    with pytest.raises(UsersFileError) as caught:
        read_accounts(users_file)
    text = str(caught.value)
    assert text.isprintable(), "the error is one line without control characters"
    assert text.startswith(f"{users_file}: ")
    return text.removeprefix(f"{users_file}: ")


def test_users_file_maps_names_to_hashes(users_file: Path) -> None:
    users_file.write_text(json.dumps({"DPS": HASH, "alice": HASH_5}))
    accounts = read_accounts(users_file)
    assert dict(accounts) == {"DPS": HASH, "alice": HASH_5}
    assert accounts.highest_cost == 5


def test_highest_cost_without_accounts_is_default_cost() -> None:
    assert Accounts({}).highest_cost == 12


def test_users_file_names_are_normalized_to_nfc(users_file: Path) -> None:
    users_file.write_text(json.dumps({"e\u0301ric": HASH}), "utf-8")
    assert list(read_accounts(users_file)) == ["\u00e9ric"]


def test_missing_users_file_error_suggests_add(users_file: Path) -> None:
    assert read_error(users_file) == (
        "no such file; create an account with:"
        f" chat-server users add NAME --users {shlex.quote(str(users_file))}"
    )


def test_suggested_command_quotes_file_path(tmp_path: Path) -> None:
    assert f"--users '{tmp_path}/my users.json'" in read_error(tmp_path / "my users.json")


def test_users_file_rejects_folder(tmp_path: Path) -> None:
    assert read_error(tmp_path) == "is a folder; name a file in it"


def test_users_file_rejects_named_pipe_without_blocking(users_file: Path) -> None:
    os.mkfifo(users_file)
    assert read_error(users_file) == "is not a regular file; name one"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_users_file_is_reported(users_file: Path) -> None:
    users_file.write_text(json.dumps({"DPS": HASH}))
    users_file.chmod(0)
    assert read_error(users_file).startswith("permission denied; make it readable")


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.EACCES, "permission denied; make it readable for the user that runs this program"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_users_file_reports_read_error(
    users_file: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: str
) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(number, os.strerror(number))

    users_file.write_text("{}")
    monkeypatch.setattr(os, "read", fail)
    assert read_error(users_file) == error


def test_users_file_reports_parent_that_is_not_a_folder(users_file: Path) -> None:
    users_file.write_text("{}")
    assert read_error(users_file / "users.json") == "Not a directory"


def test_users_file_rejects_too_large_file(users_file: Path) -> None:
    with users_file.open("wb") as stream:
        stream.truncate(SIZE_LIMIT + 1)
    assert read_error(users_file).startswith(f"larger than {SIZE_LIMIT} bytes")


@pytest.mark.parametrize("text", ["", "\n", " \r\n\t"])
def test_users_file_rejects_empty_file(users_file: Path, text: str) -> None:
    users_file.write_text(text)
    assert read_error(users_file).startswith(
        "is empty; delete it, then create an account with: chat-server"
    )


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
        (b"[" * 100_000, 'not an object {"name": "bcrypt hash"}; is it the right file?'),
        (b"9" * 5000, 'not an object {"name": "bcrypt hash"}; is it the right file?'),
    ],
)
def test_invalid_json_error_names_position(users_file: Path, data: bytes, place: str) -> None:
    users_file.write_bytes(data)
    assert read_error(users_file).startswith(place)


@pytest.mark.parametrize("data", [b"[" * 5000, b'{"a":' * 5000])
def test_deeply_nested_json_is_rejected_before_parsing(
    users_file: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a thread with a stack of 256 KiB, as a client's, it would crash Python 3.13."""
    monkeypatch.setattr(json, "loads", pytest.fail)
    users_file.write_bytes(data)
    assert read_error(users_file) == 'not an object {"name": "bcrypt hash"}; is it the right file?'


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("[]", "a list"),
        ('"DPS"', "a string"),
        ("1", "a number"),
        ("NaN", "a number"),
        ("true", "true or false"),
        ("null", "null"),
    ],
)
def test_users_file_rejects_non_object_top_level(users_file: Path, text: str, kind: str) -> None:
    users_file.write_text(text)
    assert read_error(users_file) == (
        f'line 1 column 1: {kind} instead of an object {{"name": "bcrypt hash"}}'
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
def test_users_file_rejects_non_string_hash(users_file: Path, value: str, kind: str) -> None:
    users_file.write_text(f'{{"DPS": "{HASH}", "alice": {value}}}')
    assert read_error(users_file) == (
        f"account 'alice': {kind} instead of its bcrypt hash; remove the account from the file,"
        f" then: chat-server users add alice --users {shlex.quote(str(users_file))}"
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
        HASH[:-1] + "z",  # spare bits that are not 0
        HASH[:28] + "z" + HASH[29:],
        HASH[:-1] + "é",
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
    ],
)
def test_users_file_rejects_invalid_hash_without_showing_it(users_file: Path, value: str) -> None:
    users_file.write_text(json.dumps({"alice": value}))
    error = read_error(users_file)
    assert error.startswith("account 'alice': its value is not a bcrypt hash")
    assert "chat-server users add alice" in error
    assert not value or value not in error, "the error must not show the value"


@pytest.mark.parametrize("cost", [17, 31])
def test_users_file_rejects_hash_with_excessive_cost(users_file: Path, cost: int) -> None:
    """An unknown user costs as much as the most expensive hash. Two such logins fill two cores."""
    users_file.write_text(json.dumps({"DPS": HASH, "alice": f"$2b${cost}$" + HASH[7:]}))
    assert read_error(users_file) == (
        f"account 'alice': its hash has cost {cost}; the highest allowed is 16, so that one login"
        " cannot delay all others; remove the account from the file, then: chat-server users add"
        " alice"
        f" --users {shlex.quote(str(users_file))}"
    )


@pytest.mark.parametrize("prefix", ["$2a$04$", "$2b$16$", "$2y$10$"])
def test_users_file_accepts_bcrypt_prefixes_of_other_programs(
    users_file: Path, prefix: str
) -> None:
    users_file.write_text(json.dumps({"alice": prefix + HASH[7:]}))
    assert read_accounts(users_file)["alice"] == prefix + HASH[7:]


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
def test_users_file_rejects_invalid_name(users_file: Path, name: str, shown: str) -> None:
    users_file.write_text(json.dumps({"alice": HASH, name: HASH}))
    error = read_error(users_file)
    assert error.startswith(f"account {shown}: a name is 1 to 32 letters, marks, digits")
    assert error.endswith("; rename or remove it")


def test_users_file_rejects_duplicate_name(users_file: Path) -> None:
    users_file.write_text(f'{{"alice": "{HASH}", "bob": "{HASH}", "alice": "{HASH_5}"}}')
    assert read_error(users_file) == "account 'alice': is there twice; remove one of the two"


def test_users_file_rejects_names_equal_in_nfc(users_file: Path) -> None:
    users_file.write_text(json.dumps({"\u00e9ric": HASH, "e\u0301ric": HASH}))
    assert read_error(users_file) == (
        "account 'e\u0301ric': is the same name as another in Unicode's composed form (NFC),"
        " '\u00e9ric'; remove one of the two"
    )


def test_users_file_error_escapes_path(tmp_path: Path) -> None:
    with pytest.raises(UsersFileError) as caught:
        read_accounts(tmp_path / "\x1b[31mred\n")
    assert str(caught.value).isprintable()
