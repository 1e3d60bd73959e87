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
from chat_server.accounts.edits import AccountExistsError, NoSuchAccountError
from chat_server.accounts.file_editor import (
    add_account,
    create_accounts,
    disable_account,
    remove_account,
)
from chat_server.accounts.file_format import UsersFileConflictError, UsersFileError
from chat_server.accounts.file_reader import companion_path, read_accounts
from tests.support.users_file import HASH

LOCK = ".users.json.lock"
"""The lock file of `users.json`. It stays."""


def mode(users_file: Path) -> int:
    return stat.S_IMODE(users_file.stat().st_mode)


def test_add_account_creates_file_with_mode_0600(users_file: Path) -> None:
    before = os.umask(0)
    try:
        add_account(users_file, "alice", HASH)
    finally:
        os.umask(before)
    assert dict(read_accounts(users_file)) == {"alice": HASH}
    assert mode(users_file) == 0o600


def test_add_and_remove_account_keep_other_accounts_in_order(users_file: Path) -> None:
    for name in ("zoe", "alice", "éric"):
        add_account(users_file, name, HASH)
    assert list(read_accounts(users_file)) == ["zoe", "alice", "éric"]
    remove_account(users_file, "alice")
    assert list(read_accounts(users_file)) == ["zoe", "éric"]
    assert "éric" in users_file.read_text("utf-8"), "people read this file"


def test_removing_last_account_leaves_valid_file(users_file: Path) -> None:
    add_account(users_file, "alice", HASH)
    remove_account(users_file, "alice")
    assert dict(read_accounts(users_file)) == {}


def test_duplicate_add_and_unknown_remove_are_rejected(users_file: Path) -> None:
    add_account(users_file, "alice", HASH)
    before = users_file.read_bytes()
    with pytest.raises(AccountExistsError, match="alice"):
        add_account(users_file, "alice", HASH)
    with pytest.raises(NoSuchAccountError, match="bob"):
        remove_account(users_file, "bob")
    assert users_file.read_bytes() == before


@pytest.mark.parametrize(
    ("before", "after"), [(0o600, 0o600), (0o400, 0o400), (0o640, 0o600), (0o664, 0o600)]
)
def test_changed_users_file_is_readable_only_by_owner(
    users_file: Path, before: int, after: int
) -> None:
    users_file.write_text("{}")
    users_file.chmod(before)
    add_account(users_file, "alice", HASH)
    assert mode(users_file) == after
    assert mode(companion_path(users_file)) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_changed_users_file_keeps_its_owner(users_file: Path) -> None:
    users_file.write_text("{}")
    os.chown(users_file, 12345, 54321)
    add_account(users_file, "alice", HASH)
    disable_account(users_file, "alice")
    for each in (users_file, companion_path(users_file)):
        assert (each.stat().st_uid, each.stat().st_gid) == (12345, 54321)
        assert mode(each) == 0o600


def test_changes_leave_no_temporary_files(users_file: Path) -> None:
    add_account(users_file, "alice", HASH)
    assert sorted(os.listdir(users_file.parent)) == [LOCK, "users.json", "users.more.json"]
    remove_account(users_file, "alice")
    assert sorted(os.listdir(users_file.parent)) == [LOCK, users_file.name]


def test_broken_users_file_is_not_overwritten(users_file: Path) -> None:
    users_file.write_text("{")
    with pytest.raises(UsersFileError, match="not JSON"):
        add_account(users_file, "alice", HASH)
    with pytest.raises(UsersFileError, match="not JSON"):
        remove_account(users_file, "alice")
    assert users_file.read_text() == "{"


def test_symlinked_users_file_changes_its_target(users_file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "accounts"
    users_file.symlink_to(target)
    add_account(users_file, "alice", HASH)
    add_account(users_file, "bob", HASH)
    assert users_file.is_symlink()
    assert list(read_accounts(target)) == ["alice", "bob"]
    assert sorted(os.listdir(target.parent)) == [".accounts.lock", "accounts", "accounts.more"]


@pytest.mark.parametrize("users_path", ["missing/users.json", "file/users.json"])
def test_missing_folder_of_users_file_is_reported(tmp_path: Path, users_path: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsersFileError) as caught:
        add_account(tmp_path / users_path, "alice", HASH)
    assert str(caught.value).startswith(f"{tmp_path / users_path}: its folder: ")
    assert str(caught.value).isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder_is_reported_and_file_unchanged(users_file: Path) -> None:
    add_account(users_file, "alice", HASH)
    users_file.parent.chmod(0o500)
    try:
        with pytest.raises(UsersFileError, match="not written: Permission denied; run this as"):
            add_account(users_file, "bob", HASH)
    finally:
        users_file.parent.chmod(0o700)
    assert list(read_accounts(users_file)) == ["alice"]


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
    users_file: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int, hint: str
) -> None:
    add_account(users_file, "alice", HASH)

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(UsersFileError, match=hint):
        add_account(users_file, "bob", HASH)
    assert list(read_accounts(users_file)) == ["alice"]
    assert sorted(os.listdir(users_file.parent)) == [LOCK, "users.json", "users.more.json"]


def test_interrupted_write_keeps_old_file_and_removes_temporary(
    users_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_account(users_file, "alice", HASH)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        add_account(users_file, "bob", HASH)
    assert sorted(os.listdir(users_file.parent)) == [LOCK, "users.json", "users.more.json"]


def test_held_lock_is_reported_after_timeout(
    users_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LOCK_TIMEOUT", 0.05)
    with files.lock_file(users_file), ThreadPoolExecutor(1) as other:
        change = other.submit(add_account, users_file, "alice", HASH)
        with pytest.raises(
            UsersFileConflictError, match="another program is changing the accounts"
        ):
            change.result(10)


@pytest.mark.parametrize("kind", [fcntl.LOCK_EX, fcntl.LOCK_SH])
def test_lock_on_the_folder_or_the_users_file_does_not_block_changes(
    users_file: Path, monkeypatch: pytest.MonkeyPatch, kind: int
) -> None:
    """Every user of the machine who may read them can hold such a lock for ever."""
    monkeypatch.setattr(files, "_LOCK_TIMEOUT", 0.05)
    add_account(users_file, "alice", HASH)
    for path in (users_file, users_file.parent):
        handle = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(handle, kind)
            add_account(users_file, f"b{path.is_dir()}", HASH)
        finally:
            os.close(handle)
    assert len(read_accounts(users_file)) == 3


def test_concurrent_add_account_keeps_all_accounts(users_file: Path) -> None:
    names = [f"user{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as threads:  # flock excludes threads too
        list(threads.map(lambda name: add_account(users_file, name, HASH), names))
    assert sorted(read_accounts(users_file)) == sorted(names)


def test_concurrent_create_accounts_succeeds_only_once(users_file: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        results = list(
            threads.map(
                lambda number: create_accounts(users_file, {f"user{number}": HASH}), range(8)
            )
        )
    assert results.count(True) == 1
    assert list(read_accounts(users_file)) == [f"user{results.index(True)}"]


def test_written_users_file_is_valid_utf8_json(users_file: Path) -> None:
    accounts = {"DPS": HASH, "日本": HASH}
    create_accounts(users_file, accounts)
    assert json.loads(users_file.read_text("utf-8")) == accounts
    assert users_file.read_bytes().endswith(b"}\n")
