"""What is kept of the moves and subscriptions that have left the ring."""

from __future__ import annotations

from dataclasses import replace

from chat_server.backplane import last_settings
from chat_server.backplane.last_settings import LastSettings
from chat_server.backplane.outgoing import Outgoing
from chat_server.backplane.pending import Pending
from chat_server.core import Session, requests
from chat_server.core.rooms import Room
from tests.support.log_node import QUICK


def session_of(user: str) -> Session[str]:
    return Session(user, user, Room("lobby"), set())


class Kept:
    """Notes requests, which it numbers."""

    def __init__(self) -> None:
        self.settings = LastSettings()
        self.count = 0

    def note(
        self, session: Session[str], *given: requests.Request, is_fenced: bool = False
    ) -> None:
        for request in given:
            self.count += 1
            pending = Pending(request, session, session.user)
            pending.number, pending.is_fenced = self.count, is_fenced
            self.settings.note(pending)

    def numbers_after(self, number: int) -> list[int]:
        return [each.number for each in self.settings.take_after(number)]


def test_newest_move_and_newest_request_for_each_name_are_kept_in_order() -> None:
    kept, alice, bob = Kept(), session_of("alice"), session_of("bob")
    kept.note(alice, requests.Join("one"), requests.Subscribe("bob"), requests.Subscribe("carol"))
    kept.note(bob, requests.Join("two"), requests.Publish(("text",), False))
    kept.note(alice, requests.Unsubscribe("bob"), requests.Join("three"))
    kept.note(alice, requests.Join("refused"), is_fenced=True)
    assert kept.numbers_after(3) == [4, 6, 7]
    assert kept.numbers_after(0) == [3]  # the others are sent again, and come back later


def test_entries_of_sessions_that_have_ended_are_not_kept() -> None:
    kept, alice = Kept(), session_of("alice")
    kept.note(alice, requests.Join("one"))
    alice.ended.set()
    kept.note(alice, requests.Join("two"))
    assert kept.numbers_after(0) == []
    for number in range(1000):
        user = session_of(f"user{number}")
        kept.note(user, requests.Join("one"))
        user.ended.set()
    assert len(kept.settings._kept) <= last_settings._FEW


def test_client_that_subscribes_to_ever_more_names_takes_no_more_memory() -> None:
    kept, alice = Kept(), session_of("alice")
    kept.note(alice, requests.Join("one"))
    kept.note(alice, *(requests.Subscribe(f"name{number}") for number in range(1000)))
    numbers = kept.numbers_after(0)
    assert len(numbers) == last_settings._MOST
    assert numbers[0] == 1  # the move


def test_log_that_is_set_back_before_the_ring_gets_what_still_holds_and_then_the_rest() -> None:
    outgoing, alice = Outgoing(replace(QUICK, redis_ring_bytes=0)), session_of("alice")
    given = [
        Pending(request, alice, "alice")
        for request in (requests.Join("one"), requests.Publish(("text",), False))
    ]
    for each in given:
        outgoing.add(each)
    outgoing.acknowledge([(each, 10 + each.number) for each in outgoing.take()])
    assert outgoing.base == outgoing.acknowledged == 2
    assert outgoing.resume_after(0, 5) == 1
    outgoing.complete((), 5)
    assert given[1].is_complete  # it is lost, and nothing waits for it any more
    later = Pending(requests.Publish(("later",), False), alice, "alice")
    outgoing.add(later)
    batch = outgoing.take()
    assert [(each.previous, each.number, each.first_stamp) for each in batch] == [(0, 1, 11)]
    assert outgoing.acknowledged == 0
    outgoing.acknowledge([(batch[0], 20)])
    assert [(each.previous, each.number) for each in outgoing.take()] == [(1, 3)]
    assert outgoing.acknowledged == 1
    assert outgoing.base == 2
    assert outgoing.resume_after(1, 20) == 0  # once more, before the reply
    outgoing.complete((), 20)
    assert not later.is_complete
