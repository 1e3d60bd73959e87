"""The drainer of a crowd lets the other readers queue their lines first, so that they share sends.

In these tests, `os.sched_yield` runs the other readers.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from chat_server.config import Config
from chat_server.delivery.crowd_scheduling import set_policy
from chat_server.delivery.dispatcher import Dispatcher
from chat_server.delivery.outbox import Outbox
from chat_server.wire.stream import Stream
from tests.support.wait_until import WAIT_TIMEOUT

CONFIG = Config(max_clients=1)


class Room:
    """Two recipients of a dispatcher, the rounds that it has sent, and the readers that may run."""

    def __init__(self, delivery: Dispatcher, streams: list[Stream], clients: list[socket.socket]):
        self.delivery = delivery
        first, second = (Outbox(each, CONFIG.outbox, CONFIG.lag_threshold) for each in streams)
        self.first, self.second, self.both = (first,), (second,), (first, second)
        self.clients = clients
        self.rounds: list[float] = []
        delivery.time_fan_out(self.rounds.append)
        self.readers: list[Callable[[], None]] = []
        """Each yield of the drainer runs the next one."""
        self.yields = 0

    def run_next_reader(self) -> None:
        self.yields += 1
        if self.readers:
            self.readers.pop(0)()

    def queue(self, targets: tuple[Outbox, ...], line: bytes) -> Callable[[], None]:
        """Return a reader that queues a line and leaves it to the drainer."""
        return lambda: self.delivery.deliver(targets, line)

    def meet_crowd(self) -> None:
        """Send a round with the lines of four clients for different recipients."""
        for targets in (self.first, self.second, self.both, self.second):
            self.delivery.deliver(targets, b"crowd\n")
        self.delivery.drain()
        assert (len(self.rounds), self.yields) == (1, 0)
        self.rounds.clear()

    def send(self, targets: tuple[Outbox, ...], line: bytes) -> None:
        """Do what a reader does that gets the drain lock."""
        self.delivery.deliver(targets, line)
        self.delivery.drain()

    def read(self) -> list[bytes]:
        """Return what each of the two clients has received, after a last line."""
        for outbox in self.both:
            self.delivery.deliver((outbox,), b"", last=True)
        self.delivery.drain()
        received = []
        for client in self.clients:
            with client.makefile("rb") as file:
                received.append(file.read())
        return received


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        streams, clients = [], []
        for _ in range(2):
            clients.append(stack.enter_context(socket.create_connection(listener.getsockname())))
            clients[-1].settimeout(WAIT_TIMEOUT)
            streams.append(Stream(listener.accept()[0]))
            stack.callback(streams[-1].close)
        room = Room(Dispatcher(CONFIG), streams, clients)
        monkeypatch.setattr(os, "sched_yield", room.run_next_reader)
        yield room


def test_lines_of_other_readers_share_the_round(room: Room) -> None:
    room.meet_crowd()
    room.readers = [room.queue(room.both, b"2\n"), room.queue(room.second, b"3\n")]
    room.send(room.first, b"1\n")
    assert len(room.rounds) == 1
    assert room.read() == [b"crowd\n" * 2 + b"1\n2\n", b"crowd\n" * 3 + b"2\n3\n"]


def test_drainer_sends_when_no_other_reader_queues_more(room: Room) -> None:
    room.meet_crowd()
    room.readers = [room.queue(room.both, b"2\n"), lambda: None, room.queue(room.both, b"3\n")]
    room.send(room.first, b"1\n")
    assert (room.yields, len(room.rounds)) == (2, 1)


def test_drainer_sends_when_as_many_have_queued_as_in_the_last_crowd(room: Room) -> None:
    room.meet_crowd()
    room.readers = [room.queue(room.both, b"more\n")] * 10
    room.send(room.first, b"1\n")
    assert (room.yields, len(room.rounds)) == (3, 1)


def test_drainer_does_not_yield_for_ever(room: Room) -> None:
    for number in range(200_000):
        room.delivery.deliver(room.both if number % 2 else room.first, b"")
    room.delivery.drain()
    assert room.delivery.is_crowded
    room.rounds.clear()
    room.yields = 0
    room.readers = [room.queue(room.first, b"")] * 100_000  # they take 50 ms or more
    room.send(room.first, b"1\n")
    assert room.readers
    assert len(room.rounds) == 1


def test_drainer_does_not_gather_more_than_a_round(room: Room) -> None:
    room.meet_crowd()
    room.readers = [room.queue(room.both, b"x" * 300_000 + b"\n"), room.queue(room.both, b"3\n")]
    room.send(room.first, b"1\n")
    assert room.yields == 1


@pytest.mark.parametrize("lines", [1, 3, 20])
def test_one_publisher_does_not_wait_for_others_once_the_crowd_is_over(
    room: Room, lines: int
) -> None:
    room.meet_crowd()
    room.send(room.both, b"the last of the crowd\n")
    room.yields = 0
    for _ in range(lines):
        room.delivery.deliver(room.both, b"alone\n")
    room.delivery.drain()
    room.send(room.both, b"alone\n")
    assert room.yields == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the policy")
def test_thread_whose_client_talks_in_a_crowd_interrupts_no_other_thread(room: Room) -> None:
    policies = []

    def talk() -> None:
        own, other = room.delivery.batch(room.first[0]), room.delivery.batch()
        with own:
            room.delivery.deliver(room.both, b"alone\n")
        policies.append(os.sched_getscheduler(0))
        with other:
            for number in range(16):
                room.delivery.deliver(room.both if number % 2 else room.first, b"crowd\n")
        policies.append(os.sched_getscheduler(0))
        while room.delivery.is_crowded:
            with own:
                policies.append(os.sched_getscheduler(0))
                room.delivery.deliver(room.both, b"alone\n")
        policies.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=talk)
    thread.start()
    thread.join(WAIT_TIMEOUT)
    default, crowd = os.SCHED_OTHER, os.SCHED_BATCH
    # Each round is half as much of a crowd as the one before: 16, 8, 4, 2.
    assert policies == [default, default, default, crowd, crowd, default]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the policy")
def test_crowd_does_not_change_policy_that_operator_has_chosen() -> None:
    policies = []

    def talk() -> None:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        for is_in_crowd in (True, False):
            set_policy(is_in_crowd=is_in_crowd)
            policies.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=talk)
    thread.start()
    thread.join(WAIT_TIMEOUT)
    assert policies == [os.SCHED_IDLE] * 2
