"""The cost of reading from the store on disk: query plans, instructions, and bytes a message."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chat_server.config import HistoryFrom
from chat_server.core import Record
from chat_server.history import PageRequest, Retention
from chat_server.history.reader_pool import _READERS as MAX_READERS
from chat_server.history.sqlite import SqliteStore, pages, search, unread
from chat_server.history.sqlite.connections import open_reader, open_writer
from tests.support.history_records import entered, followed, index, reads, said, sent

START = HistoryFrom.START
Read = Callable[[sqlite3.Connection], object]

READS: dict[str, Read] = {
    "page of everyone": lambda c: pages.room_page(c, reads("bob", "*"), PageRequest(100), START),
    "page of one author": lambda c: pages.room_page(
        c, reads("bob", "alice"), PageRequest(100), START
    ),
    "oldest page": lambda c: pages.room_page(
        c, reads("bob", "*"), PageRequest(100, after=500, newest=False), START
    ),
    "page of a silent author": lambda c: pages.room_page(
        c, reads("bob", "silent"), PageRequest(100), START
    ),
    "private page": lambda c: pages.private_page(c, "bob", "alice", PageRequest(100)),
    "search": lambda c: search.search(c, reads("bob", "*"), ["word"], START),
    "search in small room": lambda c: search.search(
        c, reads("bob", "*", room="small"), ["word"], START
    ),
    "search by one author": lambda c: search.search(c, reads("bob", "carol"), ["word"], START),
    "unread": lambda c: unread.unread_in(c, reads("bob", "*"), "lobby", 0, START),
    "private unread": lambda c: unread.unread_private(c, reads("bob", "*")),
    "marker": lambda c: unread.read_marker(c, "bob", "lobby"),
    "private marker": lambda c: unread.private_read_marker(c, "bob", "alice"),
}


def fill(path: Path, messages: int) -> Path:
    batch: list[Record] = [
        *(entered("bob", 1), followed("bob", "alice")),
        said("carol", 2, "word by carol"),
        said("alice", 3, "word", room="small"),
        *(sent("alice", "bob", stamp, is_kept=stamp % 2 == 0) for stamp in range(4, 400)),
    ]
    with closing(SqliteStore(path)) as store:
        store.apply(batch)
        # In small batches: the index of words has as many parts as after hours.
        for stamp in range(500, messages + 500, 500):
            store.apply([said("alice", stamp, *["word in every message"] * 500)])
            index(store)
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("small") / "history.db", 2_000)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("large") / "history.db", 20_000)


def instructions(path: Path, read: Read) -> int:
    """Return the instructions of SQLite for a read, in tens."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    with closing(open_reader(path, 0)) as connection:
        connection.set_progress_handler(step, 10)
        read(connection)
    return count


@pytest.mark.parametrize("name", sorted(set(READS) - {"page of a silent author"}))
def test_cost_of_read_does_not_grow_with_the_file(small: Path, large: Path, name: str) -> None:
    before, after = instructions(small, READS[name]), instructions(large, READS[name])
    assert before > 0
    # The index of words has a few more parts.
    limit = 1.5 if "search" in name else 1.1
    assert after <= before * limit + 2


def test_page_of_silent_author_reads_a_bounded_part_of_the_index(large: Path) -> None:
    assert instructions(large, READS["page of a silent author"]) < 20_000


@pytest.mark.parametrize("name", sorted(READS))
def test_read_uses_indexes_and_sorts_nothing(large: Path, name: str) -> None:
    statements: list[str] = []
    with closing(open_reader(large, 0)) as connection:
        connection.set_trace_callback(statements.append)
        READS[name](connection)
        connection.set_trace_callback(None)
        plans = [
            detail
            for statement in statements
            if statement.startswith("SELECT")
            for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
    assert plans
    for plan in plans:
        allowed = ("search_index", "chosen", "(subquery-", "CO-ROUTINE", "CONSTANT ROW")
        is_scan = plan.startswith("SCAN") and not any(word in plan for word in allowed)
        assert not is_scan, plans
        # Only the few counts by author are sorted.
        assert "TEMP B-TREE" not in plan or name == "private unread", plans


def test_message_of_a_hundred_bytes_takes_at_most_250(tmp_path: Path) -> None:
    chance = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(chance.choices(letters, k=chance.randint(3, 8))) for _ in range(5_000)]
    stamp = 1_790_000_000_000_000
    with closing(SqliteStore(tmp_path / "history.db")) as store:
        empty = store.used_bytes()
        for _ in range(10):
            batch = []
            for _ in range(1_000):
                stamp += chance.randint(1, 1_000_000)
                text = " ".join(chance.choices(words, k=20))[:100]
                batch.append(said(f"user{chance.randint(1, 50)}", stamp, text))
            store.apply(batch)
        assert (store.used_bytes() - empty) / 10_000 <= 250


def test_full_room_is_pruned_without_counting_it(large: Path, tmp_path: Path) -> None:
    copy = tmp_path / "history.db"
    copy.write_bytes(large.read_bytes())
    with closing(SqliteStore(copy)) as store:
        retention = Retention(days=0, messages=20_000)
        assert store.prune(retention, 10**9).messages == 1


def test_page_caches_of_a_server_take_at_most_two_mib(tmp_path: Path) -> None:
    path = fill(tmp_path / "history.db", 500)
    with closing(open_writer(path, 1)) as writer, closing(open_reader(path, 1)) as reader:
        sizes = [each.execute("PRAGMA cache_size").fetchone()[0] for each in (writer, reader)]
    assert all(size < 0 for size in sizes), "in KiB, not in pages"
    assert -sizes[0] - MAX_READERS * sizes[1] <= 2048
