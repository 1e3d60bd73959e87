"""The position in the log of several servers: stored with the records of each entry, or not."""

from contextlib import closing
from pathlib import Path

import pytest

from chat_server.core import Record
from chat_server.core.records import LogEntry, LogPosition, MessagesErased
from chat_server.core.values import PublishedMessages
from chat_server.history import Reader, Store
from chat_server.history.live_state import LiveState
from chat_server.history.record_queue import RecordQueue
from chat_server.history.sqlite import SqliteStore
from chat_server.history.store import MAX_LOG_NODES
from tests.support.history_records import room_stamps

ALICE = Reader("alice", "lobby", frozenset({"*"}))


def said(stamp: int, author: str = "bob", texts: int = 1) -> PublishedMessages:
    return PublishedMessages("lobby", author, ("hello",) * texts, stamp)


def entry(stamp: int, number: int, *records: Record, node: str = "one:1") -> LogEntry:
    return LogEntry(records or (said(stamp),), LogPosition(stamp, node, number))


def test_entry_is_stored_with_its_position(store: Store) -> None:
    store.apply([entry(10, 1), entry(20, 2), entry(30, 7, node="two:1")])
    saved = store.saved_state()
    assert (saved.log_position, saved.log_numbers) == (30, {"one:1": 2, "two:1": 7})
    assert room_stamps(store, ALICE) == [10, 20, 30]


def test_entry_of_a_script_moves_the_position_alone(store: Store) -> None:
    store.apply([entry(10, 1), LogPosition(40, "", 0)])
    saved = store.saved_state()
    assert (saved.log_position, saved.log_numbers) == (40, {"one:1": 1})


def test_store_without_a_log_has_no_position(store: Store) -> None:
    store.apply([said(10)])
    saved = store.saved_state()
    assert (saved.log_position, saved.log_numbers) == (0, {})


def test_numbers_never_go_back(store: Store) -> None:
    store.apply([entry(10, 5)])
    store.apply([LogPosition(20, "one:1", 3)])
    assert store.saved_state().log_numbers == {"one:1": 5}


def test_oldest_servers_are_forgotten(store: Store) -> None:
    store.apply([LogPosition(n, f"node:{n}", 1) for n in range(1, MAX_LOG_NODES + 3)])
    numbers = store.saved_state().log_numbers
    assert len(numbers) == MAX_LOG_NODES
    assert "node:2" not in numbers
    assert "node:3" in numbers


def test_position_outlives_a_restart(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "history.db")) as store:
        store.apply([entry(10, 1)])
    with closing(SqliteStore(tmp_path / "history.db")) as store:
        assert store.saved_state().log_numbers == {"one:1": 1}


def test_record_that_fails_takes_its_whole_entry_with_it(sqlite_store: SqliteStore) -> None:
    sqlite_store.apply([entry(10, 1)])
    with pytest.raises(KeyError):
        sqlite_store.apply([entry(20, 2, said(20), object())])  # type: ignore[arg-type]
    assert sqlite_store.saved_state().log_numbers == {"one:1": 1}
    assert room_stamps(sqlite_store, ALICE) == [10]


@pytest.mark.parametrize(
    ("erased", "left"),
    [
        (MessagesErased(10, user="bob"), [20, 21, 30]),
        (MessagesErased(10, user="carol"), [10, 20, 21, 30]),
        (MessagesErased(10, user="carol", is_operator=True), [20, 21, 30]),
        (MessagesErased(0, author="bob"), [20, 21, 30]),
        (MessagesErased(0, author="carol"), [10, 30]),
        (MessagesErased(99, user="carol", is_operator=True), [10, 20, 21, 30]),
    ],
)
def test_messages_are_erased_at_the_place_of_the_entry(
    store: Store, erased: MessagesErased, left: list[int]
) -> None:
    commit = store.apply(
        [entry(10, 1), entry(20, 2, said(20, "carol", 2)), entry(25, 3, erased), entry(30, 4)]
    )
    assert room_stamps(store, ALICE) == left
    assert commit.is_recount == (len(left) < 4)


def test_batch_never_ends_within_an_entry() -> None:
    queue = RecordQueue(10**9, lambda: None)
    first, second = entry(10, 1, said(10, texts=5)), entry(20, 2, said(20), said(21))
    queue.append(first)
    queue.append(second)
    assert [queue.take(3).records, queue.take(3).records] == [[first], [second]]


def test_queue_that_overflows_keeps_positions_and_counts_messages() -> None:
    queue = RecordQueue(10**9, lambda: None)
    for number in range(1, 4):
        queue.append(entry(number * 10, number, said(number * 10, texts=2)))
    queue.clear()
    batch = queue.take(100)
    assert [(hole.stamp, hole.count) for hole in batch.dropped] == [(31, 6)]
    assert batch.records == [LogPosition(30, "one:1", 3)]


def test_new_file_begins_with_the_position_of_the_lost_one() -> None:
    live = LiveState(log_position=10, log_numbers={"one:1": 1, "two:1": 4})
    live.apply(entry(20, 2))
    assert live.records() == [LogPosition(20, "one:1", 2), LogPosition(10, "two:1", 4)]
