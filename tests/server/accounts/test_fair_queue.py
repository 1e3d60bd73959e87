"""The fair queue: turns by group, lanes, priorities, removals and bounds."""

from __future__ import annotations

import random

import pytest

from chat_server.accounts.fair_queue import FairQueue, Priority, Turn
from chat_server.addresses import blocks_of

STRANGER = Priority.STRANGER


def turn_of(address: str, account: str = "", priority: Priority = STRANGER) -> Turn:
    return Turn(priority, blocks_of(address), (address, account) if account else None)


def take_all(queue: FairQueue[str]) -> list[str]:
    """Take everything, and release each lane at once: the items are `address account`."""
    taken = []
    while (item := queue.take()) is not None:
        taken.append(item)
        address, _, account = item.partition(" ")
        if account:
            queue.release((address, account))
    assert len(queue) == 0
    return taken


def put(queue: FairQueue[str], address: str, account: str = "") -> None:
    queue.put(f"{address} {account}".strip(), turn_of(address, account))


def test_items_of_one_group_keep_their_order() -> None:
    queue: FairQueue[int] = FairQueue()
    for number in range(5):
        queue.put(number, turn_of("192.0.2.1"))
    assert [queue.take() for _ in range(6)] == [0, 1, 2, 3, 4, None]


def test_addresses_take_turns() -> None:
    queue: FairQueue[str] = FairQueue()
    for address in ("192.0.2.1",) * 4 + ("192.0.2.2",) * 2 + ("192.0.2.3",):
        put(queue, address)
    # The newest newcomer, and in every second turn an address that was served.
    assert [item[-1] for item in take_all(queue)] == ["3", "2", "1", "2", "1", "1", "1"]


@pytest.mark.parametrize(
    ("template", "victim"),
    [
        ("2001:db8:1:1:{0}::1", "2001:db8:1:2::1"),  # one /64
        ("2001:db8:1:1{0:02x}::1", "2001:db8:1:200::1"),  # one /56
        ("2001:db8:1:{0:x}00::1", "2001:db8:2::1"),  # one /48
        ("2001:db8:{0:x}::1", "2001:db9::1"),  # one /32
        ("2001:db8:{0:x}::1", "192.0.2.1"),
        ("127.0.0.1", "127.0.0.2"),
    ],
)
def test_all_addresses_of_one_block_have_one_share(template: str, victim: str) -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(1, 41):
        for _ in range(16):
            put(queue, template.format(number))
    for _ in range(3):
        put(queue, victim)
    taken = [queue.take() for _ in range(6)]
    assert taken.count(victim) == 3


@pytest.mark.parametrize(
    "template",
    ["2001:db8:1:1{0:02x}::1", "2001:db8:1:{0:x}00::1", "20{0:02x}:db8::1", "10.0.0.{0}"],
)
def test_neither_newcomer_nor_earlier_visitor_waits_for_a_crowd(template: str) -> None:
    for taken in (0, 1, 2, 3, 20, 41, 80, 200):
        queue: FairQueue[str] = FairQueue()
        put(queue, "192.0.2.1")
        assert queue.take() == "192.0.2.1"
        for number in range(1, 41):
            for _ in range(16):
                put(queue, template.format(number))
        for _ in range(taken):
            queue.take()
        put(queue, "192.0.2.1")
        put(queue, "192.0.2.2")
        following = [queue.take() for _ in range(4)]
        assert "192.0.2.1" in following, f"after {taken} turns"
        assert "192.0.2.2" in following, f"after {taken} turns"


@pytest.mark.parametrize(
    "template",
    ["2001:db8:1:1{0:02x}::1", "2001:db8:1:{0:x}00::1", "20{0:02x}:db8::1", "10.0.0.{0}"],
)
def test_newcomer_does_not_wait_for_a_crowd_of_newcomers(template: str) -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(1, 41):
        put(queue, template.format(number))
    queue.take()
    put(queue, "192.0.2.1")
    assert "192.0.2.1" in [queue.take() for _ in range(2)]


def test_first_newcomer_does_not_wait_for_those_that_come_later() -> None:
    queue: FairQueue[str] = FairQueue()
    put(queue, "192.0.2.1")
    for number in range(200):
        put(queue, f"10.0.0.{number}")
    assert "192.0.2.1" in [queue.take() for _ in range(4)]


def test_last_turn_is_remembered_while_the_queue_is_empty() -> None:
    queue: FairQueue[str] = FairQueue()
    put(queue, "192.0.2.1")
    assert queue.take() == "192.0.2.1"
    assert queue.take() is None
    put(queue, "192.0.2.1")
    put(queue, "192.0.2.2")
    assert queue.take() == "192.0.2.2"


def test_one_item_of_a_lane_at_a_time() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("first", "second", "third"):
        queue.put(item, turn_of("192.0.2.1", "alice"))
    queue.put("of bob", turn_of("192.0.2.1", "bob"))
    assert len(queue) == 4
    assert [queue.take() for _ in range(3)] == ["first", "of bob", None]
    assert len(queue) == 2
    queue.release(("192.0.2.1", "alice"))
    assert [queue.take(), queue.take()] == ["second", None]
    queue.release(("192.0.2.1", "alice"))
    assert queue.take() == "third"
    queue.release(("192.0.2.1", "alice"))
    queue.release(("192.0.2.1", "bob"))
    assert len(queue) == 0
    assert not queue._lanes


def test_claimed_lane_holds_items_until_its_release() -> None:
    queue: FairQueue[str] = FairQueue()
    turn = turn_of("192.0.2.1", "alice")
    assert queue.claim(turn.lane)
    assert not queue.claim(turn.lane)
    queue.put("later", turn)
    assert queue.take() is None
    queue.put("claimed", turn, claimed=True)
    assert [queue.take(), queue.take()] == ["claimed", None]
    queue.release(turn.lane)
    assert queue.take() == "later"


def test_known_accounts_go_first_and_strangers_do_not_starve() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(100):
        queue.put("stranger", turn_of("198.51.100.1"))
    assert [queue.take() for _ in range(10)] == ["stranger"] * 10
    for number in range(100):
        queue.put("colleague", turn_of(f"192.0.2.{number}", priority=Priority.KNOWN_SITE))
        queue.put("known", Turn(Priority.KNOWN_ACCOUNT, (("account", str(number)),)))
    taken = [queue.take() for _ in range(26)]
    assert taken[0] == "known"
    assert 15 <= taken.count("known") <= 17
    assert 7 <= taken.count("colleague") <= 9
    assert 1 <= taken.count("stranger") <= 3


def test_idle_priority_saves_no_turns() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(1000):
        queue.put("known", Turn(Priority.KNOWN_ACCOUNT, (number,)))
        assert queue.take() == "known"
    for number in range(20):
        queue.put("stranger", turn_of("192.0.2.1"))
        queue.put("known", Turn(Priority.KNOWN_ACCOUNT, (number,)))
    assert [queue.take() for _ in range(10)].count("stranger") <= 2


def test_removed_item_frees_its_place_and_its_lane() -> None:
    queue: FairQueue[str] = FairQueue()
    turn = turn_of("192.0.2.1", "alice")
    queue.put("first", turn)
    queue.put("second", turn)
    queue.put("third", turn)
    assert queue.remove("second", turn), "it waits for the lane"
    assert queue.remove("first", turn)
    assert not queue.remove("first", turn)
    assert queue.take() == "third"
    assert not queue.remove("third", turn), "it was taken"
    queue.release(turn.lane)
    assert len(queue) == 0


def test_random_operations_lose_nothing_and_leave_nothing() -> None:
    chance = random.Random(4711)
    queue: FairQueue[int] = FairQueue(max_groups=20)
    waiting: dict[int, Turn] = {}
    running: list[tuple[int, Turn]] = []
    number = 0
    for _ in range(5000):
        match chance.randrange(5):
            case 0 | 1:
                address = chance.choice(["10.0.0.{}", "2001:db8:{}::1", "2001:db8:0:{}::1"])
                address = address.format(chance.randrange(8))
                account = chance.choice(["", "a", "b"])
                turn = turn_of(address, account, chance.choice(list(Priority)))
                number += 1
                waiting[number] = turn
                queue.put(number, turn)
            case 2 | 3:
                item = queue.take()
                if item is not None:
                    running.append((item, waiting.pop(item)))
                    lanes = [turn.lane for _, turn in running if turn.lane is not None]
                    assert len(lanes) == len(set(lanes))
                if running and chance.random() < 0.8:
                    queue.release(running.pop(chance.randrange(len(running)))[1].lane)
            case _ if waiting:
                item = chance.choice(list(waiting))
                assert queue.remove(item, waiting.pop(item))
        assert len(queue) == len(waiting)
        assert len(queue._last_turns) <= 20
    for _, turn in running:
        queue.release(turn.lane)
    while waiting:
        item = queue.take()
        assert item is not None
        queue.release(waiting.pop(item).lane)
    assert queue.take() is None
    assert not queue._lanes
    assert all(root.is_empty and len(root._order) < 100 for root in queue._roots.values())
