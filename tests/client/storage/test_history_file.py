"""The input histories on disk."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from datetime import datetime
from pathlib import Path

from chat_tui.model.chat_model import ChatModel
from chat_tui.model.history import MAX_ITEMS, InputHistory
from chat_tui.storage.history_file import HistoryFile, HistoryStore
from chat_tui.storage.problems import StorageProblems

FORMER = ("hello all", "/msg bob secret", "/join dev", "/announce down at noon", "/tell bob secret")
"""Texts in the file of former versions, which did not say where they were sent."""


def file_in(folder: Path, user: str = "alice", host: str = "127.0.0.1") -> HistoryFile:
    return HistoryFile(folder, host, 9000, user)


def opened_store(
    folder: Path, problems: StorageProblems | None = None, user: str = "alice"
) -> tuple[HistoryStore, ChatModel]:
    """Return a store for a user that has signed in, and its model."""
    model = ChatModel(lambda: datetime(2026, 11, 22, 21, 3))
    model.begin("127.0.0.1:9000", user)
    store = HistoryStore(folder, model, problems or StorageProblems())
    store.open("127.0.0.1", 9000, user)
    return store, model


def texts(history: InputHistory) -> list[str]:
    return [history[index] for index in range(len(history))]


def test_history_file_restores_order_and_is_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "lobby" / "state"
    one, other = file_in(folder), file_in(folder)
    assert one.append([("lobby", "first")])
    assert other.append([("dev", "in another window")])
    assert one.append([("lobby", "two\nlines \ud800 日本")])
    assert file_in(folder).read() == [
        ("lobby", "first"),
        ("dev", "in another window"),
        ("lobby", "two\nlines \ud800 日本"),
    ]
    assert stat.S_IMODE(one.path.stat().st_mode) == 0o600
    for made in (folder, one.path.parent):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_history_file_of_another_user_or_server_is_another_file(tmp_path: Path) -> None:
    assert file_in(tmp_path).append([("lobby", "of alice")])
    for other in (file_in(tmp_path, "bob"), file_in(tmp_path, host="example.org")):
        assert other.read() == []
    assert file_in(tmp_path).read() == [("lobby", "of alice")]


def test_history_file_skips_passwords_and_huge_texts(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    for text in ("/passwd old new", "LOGIN alice hunter2", "see\n /login x y", "x" * 5000):
        assert file.append([("lobby", text)])
    assert not file.path.exists()


def test_history_file_is_bounded_per_location_and_in_total(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    assert file.append([("lobby", f"item {number}") for number in range(2 * MAX_ITEMS + 1)])
    assert file.read() == [("lobby", f"item {number + MAX_ITEMS + 1}") for number in range(500)]
    assert file.path.read_text().count("\n") == MAX_ITEMS
    assert file.append([(f"r{number // 400}", str(number)) for number in range(12_000)])
    assert len(file.read()) == 5_000
    assert file.path.read_text().count("\n") == 5_000


def test_history_file_skips_broken_lines(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    file.path.parent.mkdir()
    good = b'["lobby", "good"]\n'
    broken = b'\xff\xfe\n[1]\n"text"\n["lobby", ""]\n["", "x"]\n["lobby", 1]\n' + b"[" * 100_000
    file.path.write_bytes(good + broken + b'\n["lobby", "torn')
    assert file.read() == [("lobby", "good")]
    assert file.append([("lobby", "next")])
    assert file.read() == [("lobby", "good"), ("lobby", "next")]


def test_input_history_continues_from_stored_items_and_reports_new_ones() -> None:
    history, reported = InputHistory(), list[str]()
    history.load(map(str, range(MAX_ITEMS + 5)), reported.append)
    for text in ("a", "a", "  ", "b"):
        history.add(text)
    assert reported == ["a", "b"]
    assert (len(history), history[0]) == (MAX_ITEMS, "7")


def test_history_store_restores_each_location(tmp_path: Path) -> None:
    _, model = opened_store(tmp_path)
    model.histories.add("for all", "lobby")
    model.histories.add("for dev", "dev")
    model.histories.add("/msg bob for bob", "dev")
    _, model = opened_store(tmp_path)
    found = {place: texts(model.histories.of(place)) for place in ("lobby", "dev", "@bob", "ops")}
    assert found == {"lobby": ["for all"], "dev": ["for dev"], "@bob": ["for bob"], "ops": []}


def test_history_store_separates_accounts_in_one_process(tmp_path: Path) -> None:
    store, model = opened_store(tmp_path)
    model.histories.add("of alice", "lobby")
    model.begin("127.0.0.1:9000", "bob")
    store.open("127.0.0.1", 9000, "bob")
    assert texts(model.history) == []
    model.histories.add("of bob", "lobby")
    assert [texts(opened_store(tmp_path, user=user)[1].history) for user in ("alice", "bob")] == [
        ["of alice"],
        ["of bob"],
    ]


def test_former_history_file_gives_no_text_to_any_location(tmp_path: Path) -> None:
    former = tmp_path / "sent.jsonl"
    content = "".join(f"{json.dumps(text)}\n" for text in FORMER)
    former.write_text(content)
    for _ in range(2):  # the second time, the account has a file
        _, model = opened_store(tmp_path)
        for place in ("lobby", "@bob", "ops"):
            assert texts(model.histories.of(place)) == ["/join dev"]
    assert former.read_text() == content, "nothing is lost: the user can still read it"


def test_history_waits_for_a_locked_folder_without_blocking(tmp_path: Path) -> None:
    store, model = opened_store(tmp_path)
    with open(tmp_path / "state.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        model.histories.add("while it is locked", "lobby")
        store.tick()
        assert file_in(tmp_path).read() == []
        assert texts(model.history) == ["while it is locked"]
    store.tick()
    assert file_in(tmp_path).read() == [("lobby", "while it is locked")]


def test_history_is_written_in_the_end_although_the_folder_stays_locked(tmp_path: Path) -> None:
    store, model = opened_store(tmp_path)
    with open(tmp_path / "state.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        model.histories.add("before the exit", "lobby")
        store.save()
    assert file_in(tmp_path).read() == [("lobby", "before the exit")]


def test_unwritable_history_is_reported_once_and_written_later(tmp_path: Path) -> None:
    problems = StorageProblems()
    (tmp_path / "history").write_text("")  # in the place of the folder
    store, model = opened_store(tmp_path, problems)
    model.histories.add("one", "lobby")
    store.tick()
    [text] = problems.take()
    assert text.startswith(f"The input history can't be written to {file_in(tmp_path).path}: ")
    assert text.endswith(". Up finds it until you quit.")
    (tmp_path / "history").unlink()
    store.tick()
    assert file_in(tmp_path).read() == [("lobby", "one")]
    assert problems.take() == []


def test_fifo_as_history_file_is_reported_and_left_alone(tmp_path: Path) -> None:
    path = file_in(tmp_path).path
    path.parent.mkdir()
    os.mkfifo(path)
    problems = StorageProblems()
    store, model = opened_store(tmp_path, problems)
    model.histories.add("one", "lobby")
    store.save()
    assert [text.partition(": ")[2] for text in problems.take()] == [
        "it is a FIFO, not a file. Up finds only what you send from now on."
    ]
    assert stat.S_ISFIFO(path.lstat().st_mode)
