"""Owners and modes of the users file, the key and their folders."""

from __future__ import annotations

import grp
import os
import pwd
import struct
from pathlib import Path

import pytest

from chat_server.strict_modes import mode_problems

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")

UNKNOWN = 54321
"""A user and a group that no system has."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a private file in a private folder."""
    folder = tmp_path / "chat"
    folder.mkdir(mode=0o755)
    (folder / "users.json").touch(0o600)
    return folder / "users.json"


def problems(file: Path) -> list[str]:
    return [str(problem) for problem in mode_problems(file)]


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644, 0o444])
def test_file_that_only_its_owner_may_write_is_accepted(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert problems(file) == []


@pytest.mark.parametrize("mode", [0o602, 0o666, 0o646])
def test_file_that_every_user_may_write_is_reported_with_cure(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert problems(file) == [
        f"{file}: every user may write it (mode {mode:04o}); run: chmod go-w '{file}'"
    ]


@pytest.mark.parametrize("above", [1, 2])
def test_every_writable_folder_above_is_reported(file: Path, above: int) -> None:
    folder = file.parents[above - 1]
    folder.chmod(0o757)
    assert problems(file) == [
        f"{folder}: every user may write it (mode 0757); run: chmod go-w '{folder}'"
    ]


def test_sticky_folder_is_accepted(file: Path) -> None:
    file.parent.chmod(0o1777)
    assert problems(file) == []


def test_folders_of_symlink_and_of_its_target_are_checked(file: Path, tmp_path: Path) -> None:
    link_folder = tmp_path / "links"
    link_folder.mkdir()
    link = link_folder / "users.json"
    link.symlink_to(file)
    assert problems(link) == []
    link_folder.chmod(0o777)
    file.parent.chmod(0o777)
    assert [problem.path for problem in mode_problems(link)] == [file.parent, link_folder]


def test_folder_of_every_symlink_on_the_way_is_checked(file: Path, tmp_path: Path) -> None:
    """Another user could let the link in the middle lead to a file of the server elsewhere."""
    middle = tmp_path / "middle"
    middle.mkdir()
    (middle / "second").symlink_to("../chat")
    (tmp_path / "first").symlink_to(middle / "second")
    for path in (tmp_path / "first" / "users.json", tmp_path / "first"):
        middle.chmod(0o755)
        assert problems(path) == []
        middle.chmod(0o777)
        assert [problem.path for problem in mode_problems(path)] == [middle]


def test_symlinks_without_an_end_are_followed_for_some_time(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a/x/y")
    assert problems(tmp_path / "a" / "users.json") == []


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="this system has no such lists")
def test_access_control_list_that_lets_others_write_is_reported(file: Path) -> None:
    """It shows in the mode only as bits of the group, which is private."""

    def entry(tag: int, permissions: int, number: int = 0xFFFFFFFF) -> bytes:
        return struct.pack("<HHI", tag, permissions, number)

    def set_access_list(bound: int) -> None:
        entries = (entry(1, 6), entry(2, 6, UNKNOWN), entry(4, 0), entry(16, bound), entry(32, 0))
        data = struct.pack("<I", 2) + b"".join(entries)
        try:
            os.setxattr(file, "system.posix_acl_access", data)
        except OSError:
            pytest.skip("this file system has no such lists")

    set_access_list(4)
    assert problems(file) == []
    set_access_list(6)
    assert problems(file) == [
        f"{file}: its access control list lets others write it (mode 0660); run: chmod g-w '{file}'"
    ]
    file.chmod(0o640)
    assert problems(file) == []


def test_missing_file_has_no_problem_but_its_folder_may(file: Path) -> None:
    file.unlink()
    assert problems(file) == []
    file.parent.chmod(0o777)
    assert len(problems(file)) == 1


@pytest.mark.skipif(
    grp.getgrgid(os.getegid()).gr_name != pwd.getpwuid(os.geteuid()).pw_name,
    reason="this user has no private group",
)
def test_private_group_of_the_owner_may_write(file: Path) -> None:
    """As in a checkout that was made with umask 002."""
    os.chown(file, -1, os.getegid())
    os.chown(file.parent, -1, os.getegid())
    file.chmod(0o664)
    file.parent.chmod(0o775)
    assert problems(file) == []


@needs_root
def test_group_with_others_in_it_must_not_write(file: Path) -> None:
    shared = next(g for g in grp.getgrall() if g.gr_name != "root")
    os.chown(file, -1, shared.gr_gid)
    file.chmod(0o660)
    assert problems(file) == [
        f"{file}: its group {shared.gr_name} may write it (mode 0660); run: chmod g-w '{file}'"
    ]


@needs_root
def test_group_without_a_name_must_not_write_unless_it_is_ours(file: Path) -> None:
    os.chown(file, -1, UNKNOWN)
    file.chmod(0o660)
    assert len(problems(file)) == 1


@needs_root
def test_file_of_another_user_is_reported(file: Path) -> None:
    os.chown(file, UNKNOWN, -1)
    assert problems(file) == [
        f"{file}: belongs to user {UNKNOWN}, not to root;"
        f" run the server as that user, or run: chown root '{file}'"
    ]


@needs_root
def test_file_may_belong_to_root_or_to_the_user_of_the_server(file: Path) -> None:
    assert mode_problems(file, UNKNOWN) == []
    os.chown(file, UNKNOWN, -1)
    assert mode_problems(file, UNKNOWN) == []
    assert len(mode_problems(file, UNKNOWN + 1)) == 1
