"""Private files: names, modes and atomic writes."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat_tui.storage.private_files import append_private, file_stem, read_regular, write_private

ODD_NAMES = ("..", ".", "", "CON", "Dev", "dev", "a/b", "@bob", "日本語", "x" * 4_000, "e\u0301")


@given(st.text())
@example("..")
@example("CON")
@example("x" * 4_000)
def test_file_stem_is_short_plain_ascii(name: str) -> None:
    stem = file_stem(name)
    assert stem.isascii()
    assert 16 <= len(stem) <= 64
    assert set(stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not stem.startswith("-")


def test_file_stems_stay_unique_on_case_insensitive_file_systems() -> None:
    names = {*ODD_NAMES, unicodedata.normalize("NFC", "e\u0301"), "con", "\ud800"}
    assert len({file_stem(name).casefold() for name in names}) == len(names)


def test_file_stem_contains_readable_part_of_name() -> None:
    assert file_stem("Release-Team").startswith("release-team-")


def test_private_file_and_created_folders_are_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "one" / "two" / "file.json"
    write_private(path, "\ud800 or\n\r not")
    assert path.read_bytes().decode("utf-8", "surrogatepass") == "\ud800 or\n\r not"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_failed_private_write_keeps_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.json"
    write_private(path, "old")

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        write_private(path, "new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


@pytest.fixture(params=["folder", "fifo", "socket", "device"])
def odd_file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A path at which there is something else than a file, also behind a symbolic link."""
    path = tmp_path / "odd"
    with socket.socket(socket.AF_UNIX) as listener:
        match request.param:
            case "folder":
                path.mkdir()
            case "fifo":
                os.mkfifo(path)
            case "socket":
                (tmp_path / "s").mkdir()
                path.symlink_to(tmp_path / "s" / "s")
                with contextlib.chdir(tmp_path / "s"):
                    listener.bind("s")
            case _:
                path.symlink_to("/dev/zero")
        yield path


def test_anything_else_than_a_file_is_rejected_at_once(odd_file: Path) -> None:
    for use in (
        lambda: read_regular(odd_file, 100),
        lambda: append_private(odd_file, b"x"),
        lambda: write_private(odd_file, "x"),
    ):
        with pytest.raises(OSError, match=r"it is a (folder|FIFO|socket|device), not a file"):
            use()
    assert not odd_file.is_file()


def test_fifo_with_another_end_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    other = os.open(path, os.O_RDWR)
    try:
        with pytest.raises(OSError, match="it is a FIFO"):
            read_regular(path, 100)
        with pytest.raises(OSError, match="it is a FIFO"):
            append_private(path, b"x")
    finally:
        os.close(other)


def test_file_above_the_limit_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * (1 << 20))
    assert len(read_regular(path, 1 << 20)) == 1 << 20
    with path.open("ab") as file:
        file.truncate(1 << 40)  # sparse
    with pytest.raises(OSError, match="it is larger than 1 MiB"):
        read_regular(path, 1 << 20)


def test_append_leaves_no_part_of_a_line_on_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    append_private(path, b"one\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            append_private(path, b"two\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"one\n"
