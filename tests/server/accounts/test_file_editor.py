"""Changes of the users file: atomic, serialized, with strict modes, and without leftovers."""

import errno
import fcntl
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chat_server import files
from chat_server.accounts.file_editor import (
    AccountExistsError,
    NoSuchAccountError,
    add_account,
    create_accounts,
    disable_account,
    remove_account,
)
from chat_server.accounts.file_format import UsersFileConflictError, UsersFileError
from chat_server.accounts.file_reader import companion_path, read_accounts
from chat_server.accounts.password_hash import hash_password

HASH = hash_password("password123", cost=4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.json"


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_add_account_creates_file_with_mode_0600(file: Path) -> None:
    before = os.umask(0)
    try:
        add_account(file, "alice", HASH)
    finally:
        os.umask(before)
    assert dict(read_accounts(file)) == {"alice": HASH}
    assert mode(file) == 0o600


def test_add_and_remove_account_keep_other_accounts_in_order(file: Path) -> None:
    for name in ("zoe", "alice", "éric"):
        add_account(file, name, HASH)
    assert list(read_accounts(file)) == ["zoe", "alice", "éric"]
    remove_account(file, "alice")
    assert list(read_accounts(file)) == ["zoe", "éric"]
    assert "éric" in file.read_text("utf-8"), "people read this file"


def test_removing_last_account_leaves_valid_file(file: Path) -> None:
    add_account(file, "alice", HASH)
    remove_account(file, "alice")
    assert dict(read_accounts(file)) == {}


def test_duplicate_add_and_unknown_remove_are_rejected(file: Path) -> None:
    add_account(file, "alice", HASH)
    before = file.read_bytes()
    with pytest.raises(AccountExistsError, match="alice"):
        add_account(file, "alice", HASH)
    with pytest.raises(NoSuchAccountError, match="bob"):
        remove_account(file, "bob")
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("before", "after"), [(0o600, 0o600), (0o400, 0o400), (0o640, 0o600), (0o664, 0o600)]
)
def test_changed_users_file_is_readable_only_by_owner(file: Path, before: int, after: int) -> None:
    file.write_text("{}")
    file.chmod(before)
    add_account(file, "alice", HASH)
    assert mode(file) == after
    assert mode(companion_path(file)) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_changed_users_file_keeps_its_owner(file: Path) -> None:
    file.write_text("{}")
    os.chown(file, 12345, 54321)
    add_account(file, "alice", HASH)
    disable_account(file, "alice")
    for each in (file, companion_path(file)):
        assert (each.stat().st_uid, each.stat().st_gid) == (12345, 54321)
        assert mode(each) == 0o600


def test_changes_leave_no_temporary_files(file: Path) -> None:
    add_account(file, "alice", HASH)
    assert sorted(os.listdir(file.parent)) == ["users.json", "users.more.json"]
    remove_account(file, "alice")
    assert os.listdir(file.parent) == [file.name]


def test_broken_users_file_is_not_overwritten(file: Path) -> None:
    file.write_text("{")
    with pytest.raises(UsersFileError, match="not JSON"):
        add_account(file, "alice", HASH)
    with pytest.raises(UsersFileError, match="not JSON"):
        remove_account(file, "alice")
    assert file.read_text() == "{"


def test_symlinked_users_file_changes_its_target(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "accounts"
    file.symlink_to(target)
    add_account(file, "alice", HASH)
    add_account(file, "bob", HASH)
    assert file.is_symlink()
    assert list(read_accounts(target)) == ["alice", "bob"]
    assert sorted(os.listdir(target.parent)) == ["accounts", "accounts.more"]


@pytest.mark.parametrize("users_path", ["missing/users.json", "file/users.json"])
def test_missing_folder_of_users_file_is_reported(tmp_path: Path, users_path: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsersFileError) as caught:
        add_account(tmp_path / users_path, "alice", HASH)
    assert str(caught.value).startswith(f"{tmp_path / users_path}: its folder: ")
    assert str(caught.value).isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder_is_reported_and_file_unchanged(file: Path) -> None:
    add_account(file, "alice", HASH)
    file.parent.chmod(0o500)
    try:
        with pytest.raises(UsersFileError, match="not written: Permission denied; run this as"):
            add_account(file, "bob", HASH)
    finally:
        file.parent.chmod(0o700)
    assert list(read_accounts(file)) == ["alice"]


@pytest.mark.parametrize(
    ("step", "number", "hint"),
    [
        ("fsync", errno.ENOSPC, "No space left on device; free some disk space"),
        (
            "replace",
            errno.EBUSY,
            "Device or resource busy; the file is a mount point: mount its folder",
        ),
    ],
)
def test_failed_write_keeps_old_file_and_removes_temporary(
    file: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, hint: str
) -> None:
    add_account(file, "alice", HASH)

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(UsersFileError, match=hint):
        add_account(file, "bob", HASH)
    assert list(read_accounts(file)) == ["alice"]
    assert sorted(os.listdir(file.parent)) == ["users.json", "users.more.json"]


def test_interrupted_write_keeps_old_file_and_removes_temporary(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_account(file, "alice", HASH)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        add_account(file, "bob", HASH)
    assert sorted(os.listdir(file.parent)) == ["users.json", "users.more.json"]


def test_held_folder_lock_is_reported_after_timeout(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any user that may read the folder can hold its lock."""
    monkeypatch.setattr(files, "_LOCK_TIMEOUT", 0.05)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        with ThreadPoolExecutor(1) as other:
            change = other.submit(add_account, file, "alice", HASH)
            try:
                with pytest.raises(
                    UsersFileConflictError, match="another program is changing the accounts"
                ):
                    change.result(10)
            finally:
                fcntl.flock(folder, fcntl.LOCK_UN)  # else both would wait forever
    finally:
        os.close(folder)


def test_concurrent_add_account_keeps_all_accounts(file: Path) -> None:
    names = [f"user{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as threads:  # flock excludes threads too
        list(threads.map(lambda name: add_account(file, name, HASH), names))
    assert sorted(read_accounts(file)) == sorted(names)


def test_concurrent_create_accounts_succeeds_only_once(file: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        results = list(
            threads.map(lambda number: create_accounts(file, {f"user{number}": HASH}), range(8))
        )
    assert results.count(True) == 1
    assert list(read_accounts(file)) == [f"user{results.index(True)}"]


def test_written_users_file_is_valid_utf8_json(file: Path) -> None:
    accounts = {"DPS": HASH, "日本": HASH}
    create_accounts(file, accounts)
    assert json.loads(file.read_text("utf-8")) == accounts
    assert file.read_bytes().endswith(b"}\n")
