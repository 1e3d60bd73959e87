"""Private files: names, modes and atomic writes."""

from __future__ import annotations

import os
import stat
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat_tui.storage.private_files import file_stem, write_private

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
