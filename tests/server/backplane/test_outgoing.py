"""What waits in a server for the log, without Redis."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from chat_server.backplane.outgoing import Outgoing
from chat_server.backplane.pending import Pending
from chat_server.core import Session, requests
from chat_server.core.rooms import Room
from chat_server.tuning import Tuning
from tests.support.log_node import QUICK
from tests.support.wait_until import WAIT_TIMEOUT, until

CLIENTS = 4
EACH = 100


class Wire:
    """A connection that may break, and the writer that uses it in turn with clients' threads."""

    def __init__(self) -> None:
        self.outgoing = Outgoing(Tuning())
        self.numbers: list[int] = []
        """What Redis has got, in its order."""
        self.senders: set[str] = set()
        self.is_broken = False
        self.breaks_at = 0

    def send(self, pending: Pending) -> bool:
        """Send in the thread of a client."""
        self.senders.add(threading.current_thread().name)
        if len(self.numbers) >= self.breaks_at > 0:
            self.breaks_at, self.is_broken = 0, True
            return False
        self.numbers.append(pending.number)
        return True

    def write(self, count: int) -> None:
        """Do the work of the writer until Redis has got so many requests and has answered."""
        outgoing = self.outgoing
        deadline = time.monotonic() + WAIT_TIMEOUT
        while outgoing.acknowledged < count:
            assert time.monotonic() < deadline, self.numbers
            outgoing.wait_for_work(WAIT_TIMEOUT, self.send)
            if self.is_broken:
                self.is_broken = False
                outgoing.resume_after(len(self.numbers), 0)
            else:
                outgoing.acknowledge([(each, each.number) for each in outgoing.in_flight])
            self.numbers += [each.number for each in outgoing.take()]


def add(outgoing: Outgoing) -> None:
    for _ in range(EACH):
        outgoing.add(Pending(requests.Join("dev"), None, ""))
        time.sleep(0.0005)  # the pace of a client


def run(wire: Wire) -> None:
    clients = [
        threading.Thread(target=add, args=(wire.outgoing,), name=f"client {number}")
        for number in range(CLIENTS)
    ]
    for each in clients:
        each.start()
    wire.write(CLIENTS * EACH)
    for each in clients:
        each.join()


def session_of(user: str) -> Session[str]:
    return Session(user, user, Room("lobby"), set())


def said(session: Session[str], *texts: str) -> Pending:
    return Pending(requests.Publish(texts), session, session.user)


def test_close_counts_all_messages_that_the_log_has_not_taken() -> None:
    outgoing = Outgoing(replace(QUICK, redis_client_bytes=1500))
    alice, bob = session_of("alice"), session_of("bob")
    taken, sent = said(alice, "taken"), said(alice, "sent", "sent")
    for each in (taken, sent):
        outgoing.add(each)
    outgoing.take()
    outgoing.acknowledge([(taken, 1)])
    outgoing.add(said(alice, "waits"))
    outgoing.add(Pending(requests.SendPrivate("alice", "waits"), bob, "bob"))
    outgoing.add(Pending(requests.Join("dev"), bob, "bob"))
    assert not outgoing.add_if_space(said(alice, "x" * 1000), 0)  # its thread tries it again
    assert outgoing.close() == {alice: 4, bob: 1}
    assert outgoing.close() == {}
    assert outgoing.take() == []


def test_wait_until_taken_ends_with_the_last_reply() -> None:
    outgoing = Outgoing(QUICK)
    assert outgoing.wait_until_taken(0)
    alice = session_of("alice")
    first, second = said(alice, "one"), said(alice, "two")
    for each in (first, second):
        outgoing.add(each)
    assert outgoing.take() == [first, second]
    outgoing.acknowledge([(first, 1)])
    assert not outgoing.wait_until_taken(0.01)
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(outgoing.wait_until_taken(30)))
    thread.start()
    until(lambda: outgoing._taken._waiters)  # type: ignore[attr-defined]
    outgoing.acknowledge([(second, 2)])
    thread.join()
    assert results == [True]
    outgoing.resume_after(1, 1)  # the log has lost the second one
    assert not outgoing.wait_until_taken(0)
    thread = threading.Thread(
        target=lambda: results.append(outgoing.wait_until_taken(3 * WAIT_TIMEOUT))
    )
    thread.start()
    until(lambda: outgoing._taken._waiters)  # type: ignore[attr-defined]
    outgoing.resume_after(2, 2)  # no: only the reply was lost
    thread.join(WAIT_TIMEOUT)
    assert results == [True, True]


def test_login_that_is_given_up_before_it_was_sent_takes_no_memory() -> None:
    outgoing = Outgoing(QUICK)
    message = said(session_of("alice"), "waits")
    outgoing.add(message)
    login = Pending(requests.LogIn("bob", "192.0.2.1"), None, "bob")
    outgoing.add(login)
    assert outgoing.abandon(login)
    assert login.is_complete
    assert outgoing.sizes() == (1, message.size)
    assert outgoing.take() == [message]


def test_writer_goes_on_after_a_defect_in_the_thread_of_a_client() -> None:
    outgoing = Outgoing(QUICK)
    alice = session_of("alice")
    outgoing.add(said(alice, "busy"))

    def send(_: Pending) -> bool:
        raise AssertionError("a defect")

    outgoing.wait_for_work(0, send)  # from now on, the thread of a client may send
    outgoing.acknowledge([(each, 1) for each in outgoing.take()])
    writer = threading.Thread(target=outgoing.wait_for_work, args=(WAIT_TIMEOUT, send), daemon=True)
    second = said(alice, "again")
    writer.start()
    until(lambda: outgoing._send is not None)
    with pytest.raises(AssertionError):
        outgoing.add(second)
    writer.join(WAIT_TIMEOUT)
    assert not writer.is_alive()
    assert outgoing.in_flight == [second]  # the writer reads that there is no reply


def test_requests_keep_their_order_whichever_thread_sends_them() -> None:
    wire = Wire()
    run(wire)
    assert wire.numbers == list(range(1, CLIENTS * EACH + 1))
    assert wire.senders  # at least one client has sent by itself
    assert wire.outgoing.written == CLIENTS * EACH


def test_request_that_a_client_could_not_send_is_sent_by_the_writer() -> None:
    wire = Wire()
    wire.breaks_at = 100
    run(wire)
    assert not wire.breaks_at
    assert wire.numbers == list(range(1, CLIENTS * EACH + 1))
