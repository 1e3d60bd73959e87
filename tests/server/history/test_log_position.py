"""The position in the log of several servers: stored with the records of each entry, or not."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chat_server.core import Hub, Record
from chat_server.core.records import (
    DISORDERLY_SPAN,
    AccountCreated,
    AccountsChanged,
    LogEntry,
    LogPosition,
    LogSkipped,
    MessagesErased,
)
from chat_server.core.requests import Entry, LogIn, Publish, Subscribe
from chat_server.core.values import PublishedMessages
from chat_server.history import Gap, PageRequest, Reader, Retention, Store
from chat_server.history.live_state import LiveState
from chat_server.history.record_queue import RecordQueue
from chat_server.history.sqlite import SqliteStore, back_up
from chat_server.history.store import MAX_LOG_GAPS, MAX_LOG_NODES
from tests.support.history_records import DAY, entered, followed, left, room_stamps, sent

USERS = ("alice", "bob")
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


def test_new_file_begins_with_the_position_of_the_lost_one_and_a_gap(store: Store) -> None:
    live = LiveState(log_position=10, log_numbers={"one:1": 1, "two:1": 4})
    for record in (followed("alice", "bob"), entered("alice", 15), entry(20, 2)):
        live.apply(record)
    store.start(dict.fromkeys(USERS), shares_log=True)
    store.apply(live.records())
    store.apply([entry(30, 3)])
    saved = store.saved_state()
    assert (saved.log_position, saved.log_numbers) == (30, {"one:1": 3, "two:1": 4})
    assert saved.subscriptions == {"alice": {"bob"}}
    assert new_for(store, "alice") == ["before 21", 30]
    store.apply([entered("alice", 35, "dev")])
    assert new_for(store, "alice", "dev") == ["before 21"]


def test_file_in_place_of_the_lost_one_has_a_gap_behind_its_own_position(store: Store) -> None:
    live = LiveState(log_position=10, log_numbers={"one:1": 1})
    store.apply([entry(10, 1)])
    live.apply(entry(20, 2))
    store.apply(live.records())
    assert remarks(store) == [10, "before 21"]
    store.apply(live.records())
    assert remarks(store) == [10, "before 21"]


def test_new_file_begins_with_what_a_snapshot_has_replaced() -> None:
    live = LiveState({"alice": frozenset({"bob"})}, {"alice": None}, 10, {"one:1": 3})
    live.apply(entered("alice", 5))
    older = LogSkipped(8, {"one:1": 2}, {"alice": frozenset({"carol"})})
    live.apply(older)  # its entries are read again
    subscribed = {"alice": frozenset({"bob"})}
    assert live.records() == [LogSkipped(10, {"one:1": 3}, subscribed), entered("alice", 5)]
    accounts = {"alice": "2026-12-01T00:00:00+00:00"}
    newer = LogSkipped(40, {"one:1": 7}, {"alice": frozenset({"dave"})}, accounts)
    live.apply(newer)
    assert live.records() == [LogSkipped(40, {"one:1": 7}, newer.subscriptions)]
    assert live.accounts({"alice": None}) == accounts


# What a snapshot skips


def skipped(stamp: int, *, subscriptions: tuple[str, ...] = (), **numbers: int) -> LogSkipped:
    return LogSkipped(
        stamp,
        {f"{node}:1": number for node, number in numbers.items()},
        {"alice": frozenset(subscriptions)},
    )


def remarks(store: Store, **request: Any) -> list[int | str]:
    """Return the newest page of the lobby: stamps, and where gaps end."""
    page = store.reader.room_page(ALICE, PageRequest(**request))
    return [f"before {e.before}" if isinstance(e, Gap) else e.stamp for e in page.entries]


def test_snapshot_with_missing_entries_leaves_a_gap_in_the_page(store: Store) -> None:
    store.apply([entry(10, 1), skipped(40, one=4), entry(50, 5)])
    assert remarks(store) == [10, "before 41", 50]
    assert store.saved_state().log_numbers == {"one:1": 5}
    assert store.saved_state().log_position == 50


def test_snapshot_of_what_is_stored_leaves_no_gap(store: Store) -> None:
    store.apply([entry(10, 1), skipped(40, one=1), entry(50, 2)])
    assert remarks(store) == [10, 50]


def test_snapshot_that_is_older_than_what_is_stored_leaves_no_gap(store: Store) -> None:
    store.apply([entry(10, 1), entry(20, 2), skipped(10, one=1), entry(50, 3)])
    assert remarks(store) == [10, 20, 50]
    assert store.saved_state().log_position == 50


def test_first_server_of_a_log_has_no_gap(store: Store) -> None:
    store.apply([said(10), skipped(40), entry(50, 1)])
    assert remarks(store) == [10, 50]


def test_server_that_joins_later_has_a_gap_after_its_own_messages(store: Store) -> None:
    store.apply([said(10), skipped(40, one=7), entry(50, 8)])
    assert remarks(store) == [10, "before 41", 50]


def test_server_without_messages_says_what_it_does_not_have(store: Store) -> None:
    store.apply([skipped(40, one=7)])
    assert remarks(store) == ["before 41"]
    page = store.reader.private_page("alice", "bob", PageRequest())
    assert page.entries == (Gap(0, 41),)


def test_server_away_for_days_has_a_gap_though_the_snapshot_forgot_the_others(
    store: Store,
) -> None:
    store.apply([entry(10, 1), skipped(3 * DAY)])
    assert remarks(store) == [10, f"before {3 * DAY + 1}"]


def test_snapshot_that_is_stored_twice_leaves_one_gap(store: Store) -> None:
    batch: list[Record] = [entry(10, 1), skipped(40, one=4), entry(50, 5)]
    store.apply(batch)
    store.apply(batch)
    assert remarks(store) == [10, "before 41", 50]


@pytest.mark.parametrize(
    ("after", "before", "expected"),
    [
        (0, 100, [10, "before 41", 50]),
        (0, 11, [10]),
        (0, 12, [10, "before 41"]),
        (39, 100, ["before 41", 50]),
        (40, 100, [50]),
        (10, 30, ["before 41"]),
    ],
)
def test_gap_is_in_the_pages_that_reach_into_it(
    store: Store, after: int, before: int, expected: list[int | str]
) -> None:
    store.apply([entry(10, 1), skipped(40, one=4), entry(50, 5)])
    assert remarks(store, after=after, before=before) == expected


def test_gap_behind_the_newest_messages_is_in_the_next_page(store: Store) -> None:
    store.apply([entry(10, 1), skipped(40, one=4), entry(50, 5), entry(60, 6)])
    assert remarks(store, limit=1) == [60]
    assert remarks(store, limit=1, before=60) == [50]
    assert remarks(store, limit=1, before=50) == [10, "before 41"]


def test_subscriptions_of_the_snapshot_replace_those_before_a_gap(store: Store) -> None:
    store.apply([followed("alice", "bob"), followed("carol", "bob"), entry(10, 1)])
    store.apply([skipped(40, subscriptions=("dave",), one=4)])
    assert store.saved_state().subscriptions == {"alice": frozenset({"dave"})}


def test_subscriptions_stay_if_nothing_is_missing(store: Store) -> None:
    store.apply([followed("alice", "bob"), entry(10, 1)])
    store.apply([skipped(40, one=1)])
    assert store.saved_state().subscriptions == {"alice": frozenset({"bob"})}


def test_visits_that_were_open_before_a_gap_end_as_not_orderly(store: Store) -> None:
    start = DISORDERLY_SPAN
    store.apply([entered("alice", start), entry(2 * start, 1), skipped(3 * start, one=4)])
    store.apply([said(4 * start)])
    assert store.reader.read_marker("alice", "lobby") == start


def new_for(store: Store, user: str, room: str = "lobby") -> list[int | str]:
    """Return what `/history new` shows."""
    after = store.reader.read_marker(user, room)
    page = store.reader.room_page(
        Reader(user, room, frozenset({"*"})), PageRequest(200, after, newest=False)
    )
    return [f"before {e.before}" if isinstance(e, Gap) else e.stamp for e in page.entries]


def test_visit_after_a_gap_finds_the_gap_and_all_behind_it_unread(store: Store) -> None:
    """The server joined later: it does not know which rooms the user has visited before."""
    store.apply([skipped(40, one=7), entry(50, 8), entered("alice", 55), entered("bob", 55, "dev")])
    assert new_for(store, "alice") == ["before 41", 50]
    assert new_for(store, "bob", "dev") == ["before 41"]
    assert store.reader.gap_in_unread("alice") == 41
    assert store.reader.unread_in(Reader("alice", "dev", frozenset({"*"})), "lobby").count == 1
    store.apply([left("alice", 60), entry(70, 9), entered("alice", 80)])
    assert new_for(store, "alice") == [70]
    assert store.reader.gap_in_unread("alice") == 0
    assert store.reader.gap_in_unread("nobody") == 0


def test_visit_that_began_before_the_gap_is_known_from_its_end(store: Store) -> None:
    accounts = dict.fromkeys(("alice", "bob", "carol"))
    store.apply([LogSkipped(DAY, {"one:1": 7}, accounts=accounts), entry(DAY + 50, 8)])
    store.apply([left("alice", DAY + 60), left("bob", 2 * DAY, is_orderly=False)])
    store.apply([entry(3 * DAY, 9), entered("alice", 4 * DAY), entered("bob", 4 * DAY)])
    assert new_for(store, "alice") == [3 * DAY]
    assert store.reader.read_marker("bob", "lobby") == 2 * DAY - DISORDERLY_SPAN
    assert store.reader.visited_rooms("carol") == []


def test_first_visit_of_a_user_that_is_known_finds_nothing_new(store: Store) -> None:
    store.apply([entered("alice", 5), left("alice", 6), entry(10, 1), skipped(40, one=7)])
    store.apply([entry(50, 8), entered("alice", 55, "dev"), entered("alice", 56)])
    assert new_for(store, "alice", "dev") == []
    assert new_for(store, "alice") == [10, "before 41", 50]
    assert store.reader.gap_in_unread("alice") == 41


def test_first_visit_of_an_account_that_is_newer_than_the_gap_finds_nothing_new(
    store: Store,
) -> None:
    gap = 1_800_000_000_000_000  # in January 2027
    store.apply([LogSkipped(gap, {"one:1": 7}, accounts={"alice": "2026-12-01T00:00:00+00:00"})])
    accounts = {"alice": "2026-12-01T00:00:00+00:00", "bob": "2027-12-01T00:00:00+00:00"}
    store.apply([AccountsChanged(accounts), entered("alice", gap + 9), entered("bob", gap + 9)])
    assert new_for(store, "alice") == [f"before {gap + 1}"]
    assert new_for(store, "bob") == []


def test_gap_is_forgotten_with_what_the_retention_removes(store: Store) -> None:
    store.apply([entry(10, 1), skipped(DAY, one=4), entry(40 * DAY, 5)])
    while store.prune(Retention(days=30), 41 * DAY).has_more:
        pass
    assert remarks(store) == [40 * DAY]


def test_number_of_gaps_is_bounded(store: Store) -> None:
    for n in range(1, MAX_LOG_GAPS + 3):
        store.apply([entry(n * 100, n * 10), skipped(n * 100 + 50, one=n * 10 + 5)])
    gaps = [mark for mark in remarks(store, limit=200) if isinstance(mark, str)]
    assert len(gaps) == MAX_LOG_GAPS
    assert gaps[0] == "before 351"


def test_sessions_of_other_servers_stay_open_over_a_restart(store: Store) -> None:
    start = DISORDERLY_SPAN
    store.apply([entered("alice", start), sent("bob", "alice", 2 * start), entry(2 * start, 1)])
    store.start({"alice": None, "bob": None}, shares_log=True)
    assert store.reader.unread_private(ALICE) == {}
    store.start({"alice": None, "bob": None})
    assert store.reader.unread_private(ALICE) == {"bob": 1}


def test_server_that_is_the_first_in_a_log_ends_its_old_visits(store: Store) -> None:
    start = DISORDERLY_SPAN
    store.apply([entered("alice", start), sent("bob", "alice", 2 * start)])
    store.start({"alice": None, "bob": None}, shares_log=True)
    assert store.reader.unread_private(ALICE) == {"bob": 1}


def test_store_notes_what_a_record_has_erased(store: Store) -> None:
    one, all_by, nothing = (
        MessagesErased(10, user="bob"),
        MessagesErased(0, author="bob"),
        MessagesErased(99, user="bob"),
    )
    batch: list[Record] = [entry(10, 1), entry(20, 2, said(20, texts=3)), one, all_by, nothing]
    store.apply(batch)
    store.apply(batch[2:])  # an error came after the commit, so the batch is stored again
    noted = [(each.erasure.count, each.erasure.author) for each in (one, all_by, nothing)]
    assert noted == [(1, "bob"), (3, "bob"), (0, "")]


def test_backup_goes_on_from_its_position(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "history.db")) as store:
        store.apply([entry(10, 1), skipped(40, one=4), entry(50, 5)])
        back_up(store.path, tmp_path / "backup.db")
    with closing(SqliteStore(tmp_path / "backup.db")) as store:
        saved = store.saved_state()
        assert (saved.log_position, saved.log_numbers) == (50, {"one:1": 5})
        assert remarks(store) == [10, "before 41", 50]


def test_snapshot_before_what_is_stored_leaves_no_gap_for_entries_that_are_read_again(
    store: Store,
) -> None:
    store.apply([entry(10, 1), entry(50, 2), skipped(40, one=2, two=3)])
    store.apply([entry(60, 3, node="two:1")])
    assert remarks(store) == [10, 50, 60]


def test_accounts_of_the_snapshot_are_matched_behind_a_gap(store: Store) -> None:
    store.start({"alice": "2026-01-01T00:00:00+00:00"})
    store.apply([followed("bob", "alice"), entered("alice", 5), entry(10, 1)])
    store.apply([LogSkipped(40, {"one:1": 4}, accounts={"alice": "2026-02-02T00:00:00+00:00"})])
    assert store.reader.visited_rooms("alice") == []
    assert store.match_accounts({"alice": "2026-02-02T00:00:00+00:00"}) == []


def test_account_that_was_created_at_runtime_inherits_nothing_behind_a_gap(store: Store) -> None:
    """The history was away while the account was removed and created again."""
    first, second = "2026-01-01T00:00:00+00:00", "2026-02-02T00:00:00+00:00"
    store.start({"bob": None})
    store.apply([AccountCreated("alice", first), sent("bob", "alice", 5, is_kept=True)])
    store.apply([AccountCreated("alice", first), entered("alice", 6), entry(10, 1)])
    assert store.reader.unread_private(ALICE) == {"bob": 1}
    store.apply([LogSkipped(40, {"one:1": 4}, accounts={"alice": second, "bob": None})])
    assert store.reader.unread_private(ALICE) == {}
    store.apply([sent("bob", "alice", 50, is_kept=True), AccountCreated("alice", first)])
    assert store.reader.unread_private(ALICE) == {}


def erasures(*pairs: tuple[int, MessagesErased]) -> LogSkipped:
    return LogSkipped(40, {"one:1": 7}, accounts=dict.fromkeys(USERS), erasures=pairs)


@pytest.mark.parametrize(
    ("skip", "left"),
    [
        (erasures((30, MessagesErased(10, user="bob"))), [21, 50]),
        (erasures((30, MessagesErased(10, user="alice"))), [10, 21, 50]),
        (erasures((30, MessagesErased(0, "bob", "alice", True))), [21, 50]),
        (erasures((15, MessagesErased(0, "bob", "alice", True))), [10, 21, 50]),
        (
            erasures((30, MessagesErased(10, user="bob")), (35, MessagesErased(21, user="alice"))),
            [50],
        ),
    ],
)
def test_erasures_in_a_gap_are_made_up_for(store: Store, skip: LogSkipped, left: list[int]) -> None:
    """Only those that were missed: bob may have written under an older name before."""
    store.apply([entry(10, 1), entry(21, 2, said(21, "alice")), skip, entry(50, 8)])
    assert [each for each in remarks(store) if isinstance(each, int)] == left


def test_erasures_of_a_log_do_not_reach_what_a_server_had_before(store: Store) -> None:
    skip = erasures((30, MessagesErased(0, "bob", "alice", True)))
    store.apply([said(10), skip])
    assert remarks(store) == [10, "before 41"]
    store.apply([replace(skip, stamp=60, numbers={"other:1": 1}, is_other_log=True)])
    assert remarks(store)[0] == 10


def test_hub_records_the_snapshot_that_replaces_its_state() -> None:
    records: list[Record] = []
    nothing = Hub[str](lambda receivers, output: None, USERS.__contains__, lambda: 1)
    one = Hub[str](
        lambda receivers, output: None, USERS.__contains__, lambda: 1, record=records.append
    )
    entries = [
        Entry(10, LogIn("alice", "host"), node="one:1", number=1),
        Entry(20, Subscribe("bob"), "alice", 10, "one:1", 2),
        Entry(30, Publish(("hello",)), "alice", 10, "one:1", 3),
    ]
    for each in entries:
        nothing.replica.apply(each)
    one.replica.restore(nothing.replica.snapshot(30))
    assert records == [LogSkipped(30, {"one:1": 3}, {"alice": frozenset({"bob"})})]
