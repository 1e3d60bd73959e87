"""The input history on disk."""

from __future__ import annotations

import stat
from pathlib import Path

from chat_tui.model.history import MAX_ITEMS, InputHistory
from chat_tui.storage.history_file import HistoryFile


def test_history_file_restores_order_and_is_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "lobby" / "state"
    one, other = HistoryFile(folder), HistoryFile(folder)
    one.append("first")
    other.append("in another window")
    one.append("two\nlines \ud800 日本")
    assert HistoryFile(folder).read() == ["first", "in another window", "two\nlines \ud800 日本"]
    assert stat.S_IMODE((folder / "sent.jsonl").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_history_file_skips_passwords_and_huge_texts(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path)
    for text in ("/passwd old new", "LOGIN alice hunter2", "see\n /login x y", "x" * 5000):
        file.append(text)
    assert not (tmp_path / "sent.jsonl").exists()


def test_history_file_is_bounded(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path)
    for number in range(2 * MAX_ITEMS + 1):
        file.append(f"item {number}")
    assert len(file.read()) == MAX_ITEMS
    assert (tmp_path / "sent.jsonl").read_text().count("\n") == MAX_ITEMS


def test_history_file_skips_broken_lines(tmp_path: Path) -> None:
    path = tmp_path / "sent.jsonl"
    path.write_bytes(b'"good"\n\xff\xfe\n[1]\n""\n' + b"[" * 100_000 + b'\n"torn')
    file = HistoryFile(tmp_path)
    assert file.read() == ["good"]
    file.append("next")
    assert file.read() == ["good", "next"]
    (tmp_path / "file").write_text("")
    unusable = HistoryFile(tmp_path / "file")
    unusable.append("nothing happens")
    assert unusable.read() == []


def test_input_history_continues_from_stored_items_and_reports_new_ones() -> None:
    history, reported = InputHistory(), list[str]()
    history.load(map(str, range(MAX_ITEMS + 5)), reported.append)
    for text in ("a", "a", "  ", "b"):
        history.add(text)
    assert reported == ["a", "b"]
    assert (len(history), history[0]) == (MAX_ITEMS, "7")
