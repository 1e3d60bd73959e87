"""What waits in a server for the log, without Redis."""

from __future__ import annotations

import threading
from dataclasses import replace

from chat_server.backplane.outgoing import Outgoing, Pending
from chat_server.core import Session, requests
from chat_server.core.rooms import Room
from tests.support.log_node import QUICK
from tests.support.wait_until import until


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
    outgoing.take(0)
    outgoing.acknowledge([(taken, 1)])
    outgoing.add(said(alice, "waits"))
    outgoing.add(Pending(requests.SendPrivate("alice", "waits"), bob, "bob"))
    outgoing.add(Pending(requests.Join("dev"), bob, "bob"))
    assert not outgoing.add_if_space(said(alice, "x" * 1000), 0)  # its thread tries it again
    assert outgoing.close() == {alice: 4, bob: 1}
    assert outgoing.close() == {}
    assert outgoing.take(0) == []


def test_wait_until_taken_ends_with_the_last_reply() -> None:
    outgoing = Outgoing(QUICK)
    assert outgoing.wait_until_taken(0)
    alice = session_of("alice")
    first, second = said(alice, "one"), said(alice, "two")
    for each in (first, second):
        outgoing.add(each)
    assert outgoing.take(0) == [first, second]
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
