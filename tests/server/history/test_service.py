"""The history of a running server: waits, bounds, faults, start and stop."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import pytest

from chat_server.config import Config
from chat_server.core.records import MessagesErased
from chat_server.core.values import PublishedMessages
from chat_server.history.history_file import HistoryInUseError
from chat_server.history.interface import Commit
from chat_server.history.opening import open_history
from chat_server.history.service import HistoryService
from chat_server.history.sqlite import SqliteStore
from chat_server.history.values import (
    MAX_STAMP,
    HistoryUnavailableError,
    PageRequest,
    PastMessage,
    Reader,
)
from chat_server.observability.event_log import EventLog
from chat_server.tuning import Tuning
from tests.server.history.pages import STAMP, UNAVAILABLE, page_once_available, read_page
from tests.support.running_server import StartServer
from tests.support.small_disk import MIB, MakeDisk
from tests.support.wait_until import WAIT_TIMEOUT, until

ALICE = Reader("alice", "lobby", frozenset({"*"}))

Open = Callable[..., HistoryService]


def run(stamp: int, *texts: str) -> PublishedMessages:
    return PublishedMessages("lobby", "bob", texts, stamp)


def texts(history: HistoryService, before: int = MAX_STAMP) -> list[str]:
    page = history.room_page(ALICE, PageRequest(limit=200, before=before))
    return [entry.text for entry in page.entries if isinstance(entry, PastMessage)]


@pytest.fixture
def accounts() -> dict[str, str | None]:
    return {"alice": None, "bob": None}


@pytest.fixture
def open_service(tmp_path: Path, accounts: Mapping[str, str | None]) -> Iterator[Open]:
    """Return a function that opens a history and starts it. All are stopped after the test."""
    opened: list[HistoryService] = []

    def open_one(*, log: EventLog | None = None, **tuning: float) -> HistoryService:
        config = Config(
            max_clients=10,
            history=tmp_path / "chat.db",
            history_days=0,
            tuning=Tuning(**tuning),  # type: ignore[arg-type]
        )
        history, problem = open_history(config, lambda: accounts, log or EventLog())
        assert problem is None
        assert history is not None
        history.start()
        opened.append(history)
        return history

    yield open_one
    for each in opened:
        each.stop()


def test_read_waits_until_everything_recorded_before_is_stored(open_service: Open) -> None:
    history = open_service(history_commit_seconds=1000.0)
    for number in range(1, 101):
        history.record(run(number * 10, f"text {number}"))
        assert texts(history)[-1] == f"text {number}"
    assert len(texts(history)) == 100


def test_page_waits_for_messages_right_behind_those_of_the_last_run(open_service: Open) -> None:
    """With a log, new stamps may follow the newest stored one at once."""
    history = open_service()
    history.record(run(1_000, "old"))
    history.stop()
    history = open_service(history_commit_seconds=1000.0)
    history.record(run(1_001, "new"))
    assert texts(history, before=2_000) == ["old", "new"]


def test_search_finds_everything_recorded_before_it(open_service: Open) -> None:
    history = open_service(history_commit_seconds=1000.0)
    for number in range(1, 31):
        history.record(run(number * 10, f"word{number}"))
        assert found(history, f"word{number}") == [f"word{number}"]


def test_search_finds_everything_of_a_flood(open_service: Open) -> None:
    history = open_service(history_wait_seconds=WAIT_TIMEOUT)
    done = threading.Event()

    def publish() -> None:
        stamp = 1_000_000
        while True:
            # A flood that the writer never stores has no end to wait for. This one is always there.
            if stamp - 1_000_000 < history.measure().stored + 4_000:
                history.record(run(stamp, *["flood"] * 500))
                stamp += 500
            if done.wait(0.01):
                return

    history.record(run(1, *["flood"] * 9_000, "old"))
    thread = threading.Thread(target=publish)
    thread.start()
    try:
        assert found(history, "old") == ["old"]
    finally:
        done.set()
        thread.join()


def test_messages_are_added_to_the_index_without_a_search(
    open_service: Open, tmp_path: Path
) -> None:
    history = open_service()
    history.record(run(10, *["word"] * 4_100))
    assert len(texts(history)) == 200
    with closing(sqlite3.connect(tmp_path / "chat.db")) as other:
        count = "SELECT count(*) FROM search_index WHERE search_index MATCH 'word'"
        until(lambda: other.execute(count).fetchone() == (4_100,))


def test_search_fails_while_new_messages_cannot_be_added_to_the_index(
    open_service: Open, tmp_path: Path
) -> None:
    history = open_service(history_wait_seconds=0.2)
    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as other:
        history.record(run(10, "word"))
        until(lambda: _available(history) == ["word"])
        other.execute("BEGIN IMMEDIATE")
        history.record(run(20, "word"))
        with pytest.raises(HistoryUnavailableError):
            found(history, "word")
        other.execute("ROLLBACK")
    until(lambda: _found(history, "word") == ["word", "word"])


def found(history: HistoryService, word: str) -> list[str]:
    page = history.search(ALICE, [word])
    return [entry.text for entry in page.entries if isinstance(entry, PastMessage)]


def _found(history: HistoryService, word: str) -> list[str]:
    with suppress(HistoryUnavailableError):
        return found(history, word)
    return []


def test_read_of_older_messages_does_not_wait(open_service: Open, tmp_path: Path) -> None:
    history = open_service(history_wait_seconds=0.2)
    history.record(run(10, "one", "two"))
    until(lambda: _available(history) == ["one", "two"])
    with closing(sqlite3.connect(tmp_path / "chat.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        history.record(run(20, "three"))
        with pytest.raises(HistoryUnavailableError):
            texts(history)
        assert texts(history, before=12) == ["one", "two"]
        other.execute("ROLLBACK")
    until(lambda: _available(history) == ["one", "two", "three"])


def _available(history: HistoryService) -> list[str]:
    with suppress(HistoryUnavailableError):
        return texts(history)
    return []


def test_wait_is_bounded_while_writer_is_stuck(open_service: Open) -> None:
    """Whatever the writer is stuck in, also something that is not an error of the disk."""
    history = open_service(history_wait_seconds=0.3)
    gate = threading.Event()
    stuck = threading.Event()

    def block(_: Commit) -> None:
        stuck.set()
        gate.wait()

    history.on_commit(block)
    history.record(run(10, "one"))
    try:
        assert stuck.wait(30)
        history.record(run(20, "two"))
        for ask in (
            lambda: texts(history),
            lambda: history.visited_rooms("alice"),
            lambda: history.erase_message(10, "bob", is_operator=False),
        ):
            with pytest.raises(HistoryUnavailableError):
                ask()
        assert texts(history, before=11) == ["one"]
        history.unread_in(ALICE, "lobby")
    finally:
        history.on_commit(lambda _: None)
        gate.set()
    until(lambda: _available(history) == ["one", "two"], "nothing that timed out is erased")


def test_stop_stores_everything_that_was_recorded(open_service: Open) -> None:
    history = open_service(history_commit_seconds=1000.0)
    for number in range(5000):
        history.record(run(1 + number, f"text {number}"))
    history.stop()
    again = open_service()
    assert texts(again)[-1] == "text 4999"
    with closing(sqlite3.connect(again._file.path)) as file:
        assert file.execute("SELECT count(*) FROM message").fetchone() == (5000,)


def test_bad_record_does_not_block_later_ones(open_service: Open, capsys: object) -> None:
    """A text that SQLite cannot store is a defect elsewhere, but one message must not end all."""
    history = open_service()
    history.record(run(10, "before"))
    history.record(run(20, "lone surrogate \ud800"))
    history.record(run(30, "after"))
    assert texts(history) == ["before", "after"]
    assert history.measure().dropped == 1
    assert history.measure().stored == 2


def erase_at_once(history: HistoryService) -> int:
    return history.erase_messages_by("bob")


def erase_by_record(history: HistoryService) -> int:
    record = MessagesErased(0, "bob")
    history.record(record)
    return history.erased(record).count


@pytest.mark.parametrize("erase", [erase_at_once, erase_by_record])
def test_messages_of_an_author_leave_the_file_between_batches(
    open_service: Open, tmp_path: Path, erase: Callable[[HistoryService], int]
) -> None:
    history = open_service(history_prune_seconds=1000.0)
    history.record(run(1, *(f"text {number}" for number in range(2500))))
    assert len(texts(history)) == 200
    commits: list[Commit] = []
    history.on_commit(commits.append)
    assert erase(history) == 2500
    history.record(run(5000, "meanwhile"))
    assert texts(history) == ["meanwhile"]
    with closing(sqlite3.connect(tmp_path / "chat.db")) as file:
        count = "SELECT count(*) FROM message"
        until(lambda: file.execute(count).fetchone() == (1,), "they have left the file")
    assert [commit.is_recount for commit in commits] == [True, False]
    assert texts(history) == ["meanwhile"]


def test_change_of_accounts_during_a_pause_is_stored_later(
    open_service: Open, accounts: dict[str, str | None], tmp_path: Path
) -> None:
    history = open_service(history_free_bytes=2**62)
    until(history.degradation, "the pause")
    accounts["carol"] = "2026-11-02T00:00:00Z"
    history.accounts_changed()
    with pytest.raises(HistoryUnavailableError):  # the pause fails what a client waits for
        texts(history)
    history.stop()
    with closing(sqlite3.connect(tmp_path / "chat.db")) as file:
        found = file.execute("SELECT created FROM account WHERE name = 'carol'").fetchall()
    assert found == [("2026-11-02T00:00:00Z",)]


def test_second_history_on_same_file_is_refused_until_first_stops(open_service: Open) -> None:
    first = open_service()
    with pytest.raises(HistoryInUseError, match="another server uses it"):
        open_service()
    first.stop()
    open_service()


def test_start_that_fails_behind_the_history_releases_the_file(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "chat.db"

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr("chat_server.accounts.hash_pool.HashPool.start", refuse)
        with pytest.raises(RuntimeError):
            start_server(history=file)
    start_server(history=file)


def test_full_disk_loses_no_message_that_fits_into_memory(
    start_server: StartServer, make_disk: MakeDisk
) -> None:
    disk = make_disk(8 * MIB)
    server = start_server(
        rate=0,
        history=disk.folder / "chat.db",
        history_free_bytes=0,
        history_wait_seconds=0.3,
    )
    alice, bob = server.log_in("alice"), server.log_in("bob", subscribe="alice")
    alice.send("before")
    bob.expect_message("alice", "before")
    assert read_page(bob) == ["alice: before"]
    disk.fill()
    for number in range(400):
        alice.send(f"{number} {'x' * 3000}")
        bob.expect_message("alice", f"{number} {'x' * 3000}")
    assert bob.request("/history") == UNAVAILABLE
    disk.clear()
    page = page_once_available(bob)
    assert page[-1].startswith("alice: 399 ")
    with closing(sqlite3.connect(disk.folder / "chat.db")) as file:
        assert file.execute("SELECT count(*) FROM message").fetchone() == (401,)


def test_messages_beyond_the_memory_are_a_hole_in_the_page(
    start_server: StartServer, make_disk: MakeDisk
) -> None:
    disk = make_disk(200 * MIB)
    server = start_server(
        rate=0, history=disk.folder / "chat.db", history_queue_bytes=300_000, outbox=64 * MIB
    )
    alice, bob = server.log_in("alice"), server.log_in("bob", subscribe="alice")
    alice.send("before")
    bob.expect_message("alice", "before")
    assert read_page(bob) == ["alice: before"]
    disk.fill(leave=100 * MIB)
    until(lambda: "History paused" in server.log.getvalue())
    count = 3000
    for number in range(count):
        alice.send(f"text {number}")
        bob.expect_message("alice", f"text {number}")
    disk.clear()
    page_once_available(bob)
    bob.send("/history after 2020-01-01 200")
    lines = []
    while not (line := bob.read_line() or "").startswith("[SERVER] End of history"):
        lines.append(re.sub(f"^{STAMP} ", "", line))
    assert lines[1] == "alice: before"
    match = re.fullmatch(r"\[SERVER\] Not kept: (\d+) messages", lines[2])
    assert match is not None, lines[:4]
    lost = int(match[1])
    assert 0 < lost < count
    assert lines[3] == f"alice: text {lost}"
    assert server.server.measure().history_dropped == lost
    assert f"History goes on: {lost} messages were not kept" in server.log.getvalue()
    metrics = server.server.measure()
    assert metrics.history_stored == 1 + count - lost
    assert metrics.history_degraded == 0


def test_retention_keeps_up_with_a_flood(start_server: StartServer, tmp_path: Path) -> None:
    file = tmp_path / "chat.db"
    server = start_server(rate=0, history=file, history_messages=1, history_prune_seconds=0)
    count = 30_000
    with server.log_in("alice") as alice:
        for _ in range(count // 1000):
            alice.send(*["x" * 400] * 1000)
        assert page_once_available(alice)[-1] == "alice: " + "x" * 400
    # The file never shrinks. With one step for each batch, half of the messages were in it at once.
    assert file.stat().st_size < count * 400 // 3


def test_unread_notices_follow_commits(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(rate=0, history=tmp_path / "chat.db")
    alice, bob = server.log_in("alice"), server.log_in("bob", subscribe="alice")
    assert bob.request("/unread on") == "[SERVER] Unread on"
    assert bob.request("/join dev") == "[SERVER] Joined room 'dev'"
    alice.send("hello bob")
    bob.expect("[SERVER] Unread: lobby (1 @1)")


def test_history_is_off_in_process_unless_configured(start_server: StartServer) -> None:
    server = start_server(rate=0)
    with server.log_in("alice") as alice:
        assert alice.request("/history") == "[ERROR] Unknown command: /history (try /help)"
    assert server.server.degradation() is None
    assert not list(server.config.users.parent.glob("*.db"))


def test_history_threads_end_with_the_server(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(rate=0, history=tmp_path / "chat.db")
    names = {thread.name for thread in threading.enumerate()}
    assert {"history", "unread"} <= names
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 5
    assert not {"history", "unread"} & {thread.name for thread in threading.enumerate()}
    assert not (tmp_path / "chat.db-wal").exists()


def test_file_is_private_and_needs_its_own_folder_only(tmp_path: Path) -> None:
    file = tmp_path / "missing" / "chat.db"
    config = Config(max_clients=10, history=file)
    history, problem = open_history(config, dict, EventLog())
    assert history is None
    assert problem == f"the history is off: {file}: No such file or directory"
    file.parent.mkdir()
    history, problem = open_history(config, dict, EventLog())
    assert history is not None
    history.stop()
    assert file.stat().st_mode & 0o777 == 0o600
    SqliteStore(file).close()
