"""The queue between the hub and the writer: order, bound, folding and tasks."""

from __future__ import annotations

import sys
import threading

from chat_server.core import Record
from chat_server.core.records import (
    AccountRenamed,
    PrivateMessagesRead,
    VisitEnded,
    VisitStarted,
)
from chat_server.core.values import (
    PrivateMessageSent,
    PublishedMessages,
    Subscribed,
    Unsubscribed,
    UserForgotten,
)
from chat_server.history.record_queue import RecordQueue, Task
from chat_server.history.store import DroppedMessages

MANY = 2000
"""More records than the queue keeps without counting their sizes."""


def queue(max_bytes: int = 64 << 20) -> RecordQueue:
    return RecordQueue(max_bytes, lambda: None)


def run(number: int, room: str = "lobby", texts: int = 1, length: int = 100) -> PublishedMessages:
    """Return a run with texts that share no memory with others."""
    made = tuple(f"{number}.{each}".ljust(length, "x") for each in range(texts))
    return PublishedMessages(room, "alice", made, number * 1000)


def take_all(records: RecordQueue) -> tuple[list[Record], list[DroppedMessages]]:
    taken: list[Record] = []
    dropped: list[DroppedMessages] = []
    while batch := records.take(2000):
        taken += batch.records
        dropped += batch.dropped
    return taken, dropped


def test_queue_returns_records_in_order_and_in_batches_of_limited_rows() -> None:
    records = queue()
    runs = [run(number, texts=3) for number in range(MANY)]
    for each in runs:
        records.append(each)
    batch = records.take(30)
    assert batch.records == runs[:10]
    assert batch.rows == 30
    assert not records.is_empty()
    assert take_all(records) == (runs[10:], [])
    assert records.is_empty()


def test_queue_drops_oldest_messages_above_bound_and_counts_them_by_place() -> None:
    records = queue(300_000)
    runs = [run(number, room="dev" if number % 2 else "lobby") for number in range(MANY)]
    private = PrivateMessageSent("alice", "bob", "psst", 5)
    records.append(private)
    for each in runs:
        records.append(each)
    taken, dropped = take_all(records)
    kept = len(taken)
    assert taken == runs[-kept:]
    assert 100 < kept < 1200
    assert {(each.room, each.author, each.recipient): each.count for each in dropped} == {
        ("", "alice", "bob"): 1,
        ("lobby", "", ""): (MANY - kept + 1) // 2,
        ("dev", "", ""): (MANY - kept) // 2,
    }
    newest = max(each.stamp for each in dropped)
    assert newest == runs[-kept - 1].stamp
    assert records.dropped_messages == MANY - kept + 1


def test_queue_memory_stays_bounded_while_nothing_is_taken() -> None:
    """The bound counts what the records really take, with their texts."""
    bound = 5_000_000
    records = queue(bound)
    for number in range(20_000):
        records.append(run(number, texts=10, length=50))
    taken, _ = take_all(records)
    size = sum(
        sys.getsizeof(each) + sys.getsizeof(each.texts) + sum(map(sys.getsizeof, each.texts))
        for each in taken
        if isinstance(each, PublishedMessages)
    )
    assert bound * 0.5 < size < bound * 1.5
    assert len(taken) > 500


def test_queue_never_drops_visits_subscriptions_and_account_changes() -> None:
    records = queue(50_000)
    state: list[Record] = [
        Subscribed("bob", "alice"),
        VisitStarted("bob", "lobby", 10),
        VisitEnded("bob", "lobby", 20, True),
        PrivateMessagesRead("bob", "alice"),
        UserForgotten("carol"),
        AccountRenamed("dave", "david"),
        Unsubscribed("bob", "carol"),
    ]
    for number in range(MANY):
        records.append(run(number))
        if number % 100 == 0 and number // 100 < len(state):
            records.append(state[number // 100])
    taken, dropped = take_all(records)
    assert [each for each in taken if not isinstance(each, PublishedMessages)] == state
    assert sum(each.count for each in dropped) > 1000


def test_queue_folds_visits_to_first_start_last_end_and_last_start() -> None:
    records = queue(0)
    for number in range(MANY):
        records.append(VisitStarted("bob", "dev", number * 10))
        records.append(VisitEnded("bob", "dev", number * 10 + 5, number % 2 == 0))
    records.append(VisitStarted("bob", "dev", MANY * 10))
    records.clear()
    taken, _ = take_all(records)
    assert taken == [
        VisitStarted("bob", "dev", 0),
        VisitEnded("bob", "dev", (MANY - 1) * 10 + 5, False),
        VisitStarted("bob", "dev", MANY * 10),
    ]


def test_queue_folds_subscriptions_to_last_one_but_not_over_account_change() -> None:
    records = queue(0)
    for _ in range(MANY):
        records.append(Subscribed("bob", "alice"))
        records.append(Unsubscribed("bob", "alice"))
    records.append(UserForgotten("bob"))
    records.append(Subscribed("bob", "alice"))
    records.clear()
    taken, _ = take_all(records)
    assert taken == [
        Unsubscribed("bob", "alice"),
        UserForgotten("bob"),
        Subscribed("bob", "alice"),
    ]


def test_queue_returns_task_behind_everything_appended_before_it() -> None:
    records = queue()
    first, second = Task(), Task()
    before, after = run(1), run(2)
    for item in (before, first, second, after):
        records.append(item)
    batch = records.take(2000)
    assert batch.records == [before]
    assert batch.tasks == [first, second]
    assert records.take(2000).records == [after]


def test_queue_fails_tasks_whose_records_are_dropped() -> None:
    records = queue(1000)
    task = Task()
    records.append(run(0))
    records.append(task)
    for number in range(1, MANY):
        records.append(run(number))
    assert task.done.is_set()
    assert task.error is not None


def test_queue_wakes_writer_only_while_it_is_awaited() -> None:
    woken: list[None] = []
    records = RecordQueue(1 << 20, lambda: woken.append(None))
    records.append(run(0))
    assert not woken
    records.is_awaited = True
    records.append(run(1))
    records.append(run(2))
    assert len(woken) == 1


def test_queue_loses_nothing_between_threads() -> None:
    """One thread takes while another appends, at the bound of uncounted records."""
    records = queue()
    total = 20_000
    taken: list[Record] = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        done = threading.Event()

        def take() -> None:
            while not (done.is_set() and records.is_empty()):
                taken.extend(records.take(50).records)

        taker = threading.Thread(target=take)
        taker.start()
        for number in range(total):
            records.append(PublishedMessages("lobby", "alice", ("x",), number))
        done.set()
        taker.join()
    finally:
        sys.setswitchinterval(interval)
    assert [each.stamp for each in taken if isinstance(each, PublishedMessages)] == [*range(total)]
