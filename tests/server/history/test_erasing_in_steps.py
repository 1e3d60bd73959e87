"""All messages of an author: no reader sees them from the erasure on, and they leave in steps."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chat_server.core import Record
from chat_server.core.records import AccountRenamed, LogEntry, LogPosition, MessagesErased
from chat_server.core.values import UserForgotten
from chat_server.history import PageRequest, Retention
from chat_server.history.sqlite import HistoryUpkeep, SqliteStore, back_up
from chat_server.history.store import MAX_SCANNED, PRUNE_ROWS
from tests.support.history_records import entered, index, reads, room_stamps, said, search, shown
from tests.support.stored_history import bytes_of

KEPT = Retention(0, 0, 0)
OLD = 2 * PRUNE_ROWS + 500
"""Messages by alice: their removal takes three steps."""

EVERYONE = reads("bob", "*")


def fill(store: SqliteStore) -> None:
    """Store messages by alice, and one by carol before, among and behind them."""
    store.start(dict.fromkeys(("alice", "bob", "carol")))
    store.apply(
        [
            *(entered("bob", 1), said("carol", 2, "first")),
            *(said("alice", 10, *["aardvark"] * 1000), said("carol", 2000, "second")),
            *(said("alice", 3000, *["aardvark"] * (OLD - 1000)), said("carol", 9000, "third")),
        ]
    )
    index(store)


def erase(store: SqliteStore, author: str = "alice", number: int = 1) -> int:
    """Erase at an entry of a log. Return the count that the operator reads."""
    record = MessagesErased(0, author)
    commit = store.apply([LogEntry((record,), LogPosition(10_000, "one:1", number))])
    assert commit.is_recount == (record.erasure.count > 0)
    return record.erasure.count


def step(store: SqliteStore) -> tuple[int, bool]:
    pruned = store.prune(KEPT, 10_000)
    assert pruned.messages == 0
    return pruned.erased, pruned.has_more


def finish(store: SqliteStore) -> None:
    while step(store)[1]:
        pass


def left_in_file(path: Path, author: str = "alice") -> int:
    """Return how many messages of an author are in the file, whether a reader sees them or not."""
    with closing(sqlite3.connect(path)) as file:
        (count,) = file.execute(
            "SELECT count(*) FROM message JOIN account ON account.id = author WHERE name = ?",
            (author,),
        ).fetchone()
    return int(count)


def assert_only_others_are_seen(store: SqliteStore) -> None:
    assert room_stamps(store, EVERYONE) == [2, 2000, 9000]
    assert room_stamps(store, reads("bob", "alice")) == []
    oldest = store.reader.room_page(EVERYONE, PageRequest(50, newest=False))
    assert shown(oldest) == [2, 2000, 9000]
    assert shown(search(store, EVERYONE, ["aardvark"])) == []
    unread = store.reader.unread_in(EVERYONE, "lobby")
    assert (unread.count, unread.counted_to) == (3, 9000)
    assert store.erase_message(11, "bob", is_operator=True) is None


def test_erased_messages_are_gone_at_once_and_leave_the_file_in_steps(
    sqlite_store: SqliteStore,
) -> None:
    fill(sqlite_store)
    assert erase(sqlite_store) == OLD
    assert left_in_file(sqlite_store.path) == OLD
    assert_only_others_are_seen(sqlite_store)
    for removed in (PRUNE_ROWS, PRUNE_ROWS, 500):
        assert step(sqlite_store) == (removed, True)
        assert_only_others_are_seen(sqlite_store)
    finish(sqlite_store)
    assert left_in_file(sqlite_store.path) == 0
    with closing(sqlite3.connect(sqlite_store.path)) as file:
        keys = {key for (key,) in file.execute("SELECT key FROM state")}
    assert keys <= {"newest_stamp", "deleted_words"}
    with HistoryUpkeep(sqlite_store.path) as upkeep:
        upkeep.check()
        upkeep.check_search()


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_erasure_goes_on_after_a_crash(tmp_path: Path, steps: int) -> None:
    path = tmp_path / "history.db"
    with closing(SqliteStore(path)) as store:
        fill(store)
        erase(store)
        for _ in range(steps):
            step(store)
    with closing(SqliteStore(path)) as store:
        store.start(dict.fromkeys(("alice", "bob", "carol")), shares_log=True)
        assert_only_others_are_seen(store)
        finish(store)
        assert_only_others_are_seen(store)
    assert left_in_file(path) == 0


def test_count_is_of_messages_that_were_not_erased_before(sqlite_store: SqliteStore) -> None:
    fill(sqlite_store)
    counts = [erase(sqlite_store)]
    counts.append(erase(sqlite_store, number=2))
    sqlite_store.apply([said("alice", 11_000, "new", "newer")])
    counts.append(erase(sqlite_store, number=3))
    step(sqlite_store)
    sqlite_store.apply([said("alice", 12_000, "newest")])
    counts.append(sqlite_store.erase_messages_by("alice"))
    assert counts == [OLD, 0, 2, 1]
    finish(sqlite_store)
    assert left_in_file(sqlite_store.path) == 0


@pytest.mark.parametrize(
    "between",
    [
        [AccountRenamed("alice", "anna")],
        [UserForgotten("alice")],
        [said("anna", 11_000, "of another"), AccountRenamed("alice", "anna")],
    ],
)
def test_accounts_may_change_while_messages_leave(
    sqlite_store: SqliteStore, between: list[Record]
) -> None:
    """Other messages that are later stored under the old or the new name stay."""
    fill(sqlite_store)
    erase(sqlite_store)
    step(sqlite_store)
    sqlite_store.apply([*between, said("alice", 12_000, "later"), said("anna", 13_000, "later")])
    seen = room_stamps(sqlite_store, EVERYONE)
    assert [each for each in seen if each != 11_000] == [2, 2000, 9000, 12_000, 13_000]
    finish(sqlite_store)
    assert room_stamps(sqlite_store, EVERYONE) == seen
    assert left_in_file(sqlite_store.path) == 1


def test_messages_of_former_accounts_of_the_name_leave_too(sqlite_store: SqliteStore) -> None:
    fill(sqlite_store)
    sqlite_store.apply([UserForgotten("alice"), said("alice", 11_000, "of the new account")])
    assert erase(sqlite_store) == OLD + 1
    assert_only_others_are_seen(sqlite_store)
    finish(sqlite_store)
    assert left_in_file(sqlite_store.path) == 0


def test_bound_of_a_room_does_not_count_erased_messages(sqlite_store: SqliteStore) -> None:
    fill(sqlite_store)
    erase(sqlite_store)
    while sqlite_store.prune(Retention(0, 3, 0), 10_000).has_more:
        pass
    assert room_stamps(sqlite_store, EVERYONE) == [2, 2000, 9000]


def test_page_goes_on_behind_many_erased_messages(sqlite_store: SqliteStore) -> None:
    sqlite_store.apply([said("carol", 1), said("alice", 10, *["text"] * (MAX_SCANNED + 5))])
    erase(sqlite_store)
    page = sqlite_store.reader.room_page(EVERYONE, PageRequest())
    assert (shown(page), page.earlier) == ([], 15)
    page = sqlite_store.reader.room_page(EVERYONE, PageRequest(before=15))
    assert (shown(page), page.earlier) == ([1], None)


def backed_up(path: Path) -> Path:
    copy = path.with_name("copy.db")
    back_up(path, copy)
    return copy


def compacted(path: Path) -> Path:
    with HistoryUpkeep(path) as upkeep:
        upkeep.compact()
    return path


@pytest.mark.parametrize("rewrite", [backed_up, compacted])
def test_rewritten_file_contains_nothing_that_was_erased(
    tmp_path: Path, rewrite: Callable[[Path], Path]
) -> None:
    path = tmp_path / "history.db"
    with closing(SqliteStore(path)) as store:
        fill(store)
        erase(store)
        step(store)
    written = rewrite(path)
    assert b"aardvark" not in bytes_of(written)
    with closing(SqliteStore(written)) as store:
        assert_only_others_are_seen(store)
        assert shown(search(store, EVERYONE, ["second"])) == [2000]
        assert step(store) == (0, False)


def test_commands_do_not_see_erased_messages(sqlite_store: SqliteStore) -> None:
    fill(sqlite_store)
    erase(sqlite_store)
    with HistoryUpkeep(sqlite_store.path) as upkeep:
        assert [entry["kind"] for entry in upkeep.export("alice")] == []
        assert upkeep.erase("lobby", 11) is None
        assert upkeep.erase("lobby", 2000) == "carol"
        assert sum(upkeep.prune(KEPT, 10_000)) == 0
    assert left_in_file(sqlite_store.path) == 0


def test_forgotten_user_leaves_nothing_to_erase(sqlite_store: SqliteStore) -> None:
    fill(sqlite_store)
    erase(sqlite_store)
    step(sqlite_store)
    with HistoryUpkeep(sqlite_store.path) as upkeep:
        sum(upkeep.forget("alice", keeps_account=False))
    assert left_in_file(sqlite_store.path) == 0
    sqlite_store.apply([said("dave", 11_000)])
    finish(sqlite_store)
    assert room_stamps(sqlite_store, EVERYONE) == [2, 2000, 9000, 11_000]
