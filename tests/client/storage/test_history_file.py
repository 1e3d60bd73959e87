"""What was sent, kept from one time to the next."""

from __future__ import annotations

import stat
from pathlib import Path

from chat_tui.model.history import NEWEST_KEPT, History
from chat_tui.storage.history_file import HistoryFile


def test_it_is_there_again_in_order_for_nobody_elses_eyes(tmp_path: Path) -> None:
    folder = tmp_path / "lobby" / "state"
    one, other = HistoryFile(folder), HistoryFile(folder)
    one.keep("first")
    other.keep("in another window")
    one.keep("two\nlines \ud800 日本")
    assert HistoryFile(folder).read() == ["first", "in another window", "two\nlines \ud800 日本"]
    assert stat.S_IMODE((folder / "sent.jsonl").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_no_password_and_nothing_huge_is_written(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path)
    for text in ("/passwd old new", "LOGIN alice hunter2", "see\n /login x y", "x" * 5000):
        file.keep(text)
    assert not (tmp_path / "sent.jsonl").exists()


def test_it_does_not_grow_without_end(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path)
    for number in range(2 * NEWEST_KEPT + 1):
        file.keep(f"item {number}")
    assert len(file.read()) == NEWEST_KEPT
    assert (tmp_path / "sent.jsonl").read_text().count("\n") == NEWEST_KEPT


def test_a_broken_file_costs_no_more_than_its_broken_lines(tmp_path: Path) -> None:
    path = tmp_path / "sent.jsonl"
    path.write_bytes(b'"good"\n\xff\xfe\n[1]\n""\n' + b"[" * 100_000 + b'\n"torn')
    file = HistoryFile(tmp_path)
    assert file.read() == ["good"]
    file.keep("next")
    assert file.read() == ["good", "next"]
    (tmp_path / "file").write_text("")
    unusable = HistoryFile(tmp_path / "file")
    unusable.keep("nothing happens")
    assert unusable.read() == []


def test_a_history_goes_on_from_what_was_and_tells_what_comes() -> None:
    history, told = History(), list[str]()
    history.go_on_from(map(str, range(NEWEST_KEPT + 5)), told.append)
    for text in ("a", "a", "  ", "b"):
        history.add(text)
    assert told == ["a", "b"]
    assert (len(history), history[0]) == (NEWEST_KEPT, "7")
