"""The steps of Redis alone: what the script that appends takes, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chat_server.backplane import parse_redis_url, scripts
from chat_server.backplane.connection import RedisConnection, connect
from chat_server.backplane.entry_codec import FORM
from chat_server.backplane.log_writer import _append_call
from chat_server.backplane.pending import Pending
from chat_server.backplane.redis_settings import RedisSettings
from chat_server.core import requests
from tests.support.redis_server import RedisServer

NODE = "a:1"
OTHER = "b:1"


class Appender:
    """Appends to the log of two nodes, of which no server runs."""

    def __init__(self, connection: RedisConnection) -> None:
        self.connection = connection
        connection.run(scripts.SEED, "epoch", FORM, 0, 0, 0, 5000, 0, b"", 0, 0, 0)
        connection.load(scripts.APPEND)
        for node in (NODE, OTHER):
            self.hello(node)
            connection.command("HSET", scripts.SESSIONS, node, f"0 {node}")

    def hello(self, node: str) -> Any:
        return self.connection.run(scripts.HELLO, node, FORM, 5000, 0, 0)

    def append(
        self,
        number: int,
        user: str = "",
        generation: int = 0,
        *,
        node: str = NODE,
        request: requests.Request | None = None,
        first_stamp: int = 0,
        is_skipped: bool = False,
    ) -> str:
        """Append a message, or another request. Return the reply without the stamp."""
        pending = Pending(request or requests.Publish(("text",)), None, user)
        pending.number, pending.generation = number, generation
        pending.first_stamp, pending.is_fenced = first_stamp, is_skipped
        reply = self.connection.command(*_append_call(node, pending))
        return str(reply[0].decode())

    def log_in(self, number: int, user: str, node: str = NODE) -> int:
        """Append a login. Return its generation."""
        assert self.append(number, user, request=requests.LogIn(user, "::1"), node=node) == "ok"
        session = self.connection.command("HGET", scripts.SESSIONS, user)
        return int(session.split()[0])

    @property
    def said(self) -> list[tuple[str, int]]:
        """Node and number of each message in the log."""
        entries = self.connection.command("XRANGE", scripts.LOG, "-", "+")
        fields = [dict(zip(each[::2], each[1::2], strict=True)) for _, each in entries]
        return [(each[b"o"].decode(), int(each[b"s"])) for each in fields if each[b"k"] == b"say"]


@pytest.fixture
def log(redis_server: RedisServer) -> Iterator[Appender]:
    connection = connect(RedisSettings(parse_redis_url(redis_server.url)), 5.0, "test")
    yield Appender(connection)
    connection.close()


def test_number_is_taken_once(log: Appender) -> None:
    alice = log.log_in(1, "alice")
    assert [log.append(number, "alice", alice) for number in (2, 2, 1)] == ["ok", "again", "again"]
    assert log.said == [(NODE, 2)]


def test_number_after_a_gap_is_refused_until_the_gap_is_closed(log: Appender) -> None:
    alice = log.log_in(1, "alice")
    assert [log.append(number, "alice", alice) for number in (3, 2, 3)] == ["gap", "ok", "ok"]
    assert log.said == [(NODE, 2), (NODE, 3)]


def test_session_says_nothing_after_a_newer_login_elsewhere(log: Appender) -> None:
    older = log.log_in(1, "alice")
    newer = log.log_in(1, "alice", OTHER)
    assert log.append(2, "alice", older) == "fenced"
    assert log.append(2, "alice", newer, node=OTHER) == "ok"
    assert log.said == [(OTHER, 2)]
    assert log.append(3, request=requests.Announce("x")) == "ok"  # the refused number is used up


def test_session_says_nothing_after_its_logout(log: Appender) -> None:
    alice = log.log_in(1, "alice")
    assert log.append(2, "alice", alice, request=requests.LogOut()) == "ok"
    assert log.append(3, "alice", alice) == "fenced"
    assert log.said == []


def test_message_that_the_log_has_lost_is_taken_after_a_newer_login(log: Appender) -> None:
    older = log.log_in(1, "alice")
    log.log_in(1, "alice", OTHER)
    assert log.append(2, "alice", older, first_stamp=older + 1) == "ok"
    assert log.append(3, "alice", older, request=requests.Join("x"), first_stamp=9) == "fenced"
    assert log.said == [(NODE, 2)]


def test_lost_login_is_refused_after_a_newer_one(log: Appender) -> None:
    newer = log.log_in(1, "alice", OTHER)
    login = requests.LogIn("alice", "::1")
    assert log.append(1, "alice", request=login, first_stamp=newer - 1) == "fenced"
    assert log.append(2, "alice", request=login, first_stamp=newer + 1) == "ok"


def test_refused_request_that_is_sent_again_only_uses_up_its_number(log: Appender) -> None:
    alice = log.log_in(1, "alice")
    assert log.append(2, "alice", alice, is_skipped=True) == "fenced"
    assert log.append(3, "alice", alice) == "ok"
    assert log.said == [(NODE, 3)]


def test_lost_sessions_refuse_nothing_until_their_server_has_restored_them(log: Appender) -> None:
    alice, bob = log.log_in(1, "alice"), log.log_in(1, "bob", OTHER)
    log.connection.command("DEL", scripts.SESSIONS)
    log.connection.command("HSET", scripts.SESSIONS, OTHER, f"0 {OTHER}")
    assert log.append(2, "alice", alice) == "lost"
    assert log.append(2, "bob", bob, node=OTHER) == "fenced"
    assert log.hello(NODE)[3] == 0
    log.connection.run(scripts.RESTORE, "alice", alice, NODE, b"")
    assert log.append(2, "alice", alice) == "ok"  # `lost` has used up no number


def test_server_that_does_not_hold_a_lease_appends_nothing(log: Appender) -> None:
    alice = log.log_in(1, "alice")
    log.connection.run(scripts.LEAVE, NODE)
    assert log.append(2, "alice", alice) == "unknown"
    assert log.said == []
