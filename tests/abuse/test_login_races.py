"""Fifty logins of one user at the same moment, whatever the user's older session is doing."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest

from chat_server.core.rooms import Session
from chat_server.delivery.outbox import Outbox
from tests.abuse.client_pool import ClientPool, Reader
from tests.abuse.thread_switching import FREQUENT_SWITCHES
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import WAIT_TIMEOUT

pytestmark = pytest.mark.usefixtures("frequent_switches")

LOGINS = 50
GREETING = [
    "[SERVER] Login using: LOGIN <username> <password>",
    "[SERVER] Login successful",
]
FAREWELL = "[SERVER] Logged out due to new login"
COME = "[SERVER] alice joined room 'lobby'"
GONE = "[SERVER] alice left room 'lobby'"
WORDS = re.compile(r"\[\d\d:\d\d:\d\d\] alice: (\w+)\.(\d+)")


ReaderT = TypeVar("ReaderT", bound=Reader)


class Alice(Reader):
    """One who goes when the server says so; while she talks, she says one line at a time."""

    def __init__(self, port: int, *first: str, narrow: bool = False) -> None:
        self.talks = False
        self._said = 0
        super().__init__(port, "alice", *first, narrow=narrow)

    def wants_to_say(self) -> bytes:
        if not self.talks or self.has_ended:
            return b""
        self._said += 1
        return b"older.%d\n" % (self._said - 1)

    def ended(self) -> None:
        self.finish()


class Race:
    """alice is who logs in; carol follows her and sees her come and go."""

    def __init__(self, server: RunningServer, pool: ClientPool) -> None:
        self.server = server.server
        self.port = server.port
        self.pool = pool
        self.bystanders: list[Reader] = []
        self.carol = self.bystander("carol", "/presence on", "/subscribe alice")
        self.older = self.alice()

    def bystander(self, name: str, *lines: str) -> Reader:
        bystander = Reader(self.port, name, *lines, "/subs")
        self.bystanders.append(bystander)
        return self.enter(bystander)

    def alice(self, *, narrow: bool = False) -> Alice:
        return self.enter(Alice(self.port, "/subscribe *", "/subs", narrow=narrow))

    def enter(self, reader: ReaderT) -> ReaderT:
        """Returns when the last line that it sent, `/subs`, is answered."""
        self.pool.add(reader)
        self.until(
            lambda: reader.lines and reader.lines[-1].startswith("[SERVER] Subscriptions: "),
            "who came has been answered",
        )
        return reader

    def until(self, happened: Callable[[], object], what: str) -> None:
        self.pool.turn_until(happened, what)

    def run(self, last_deed: Callable[[], object]) -> list[Alice]:
        """Let all logins and the older session's last deed go off at the same moment."""
        hub = self.server._hub
        start = threading.Barrier(LOGINS + 1)
        really_log_in = hub.log_in

        def log_in(
            user: str, receiver: Outbox, commands: Sequence[str], host: str
        ) -> Session[Outbox] | None:
            start.wait(WAIT_TIMEOUT)
            return really_log_in(user, receiver, commands, host)

        hub.log_in = log_in  # type: ignore[method-assign, assignment]
        newer = [Alice(self.port, f"{login}.0", f"{login}.1") for login in range(LOGINS)]
        for login in newer:
            self.pool.add(login)
        self.until(lambda: start.n_waiting == LOGINS, "all are about to enter the hub")
        last_deed()
        start.wait(WAIT_TIMEOUT)
        return newer


LastDeed = Callable[[], object]


def being_idle(race: Race) -> LastDeed:
    return lambda: None


def publishing(race: Race) -> LastDeed:
    race.older.talks = True
    race.older.send("/who")
    race.until(lambda: "alice: older.9" in race.carol.lines[-1], "alice is heard")
    return lambda: None


def over_its_rate(race: Race) -> LastDeed:
    race.older.send(*(f"older.{number}" for number in range(100)))
    race.until(lambda: "older.5" in race.carol.lines[-1], "alice is over her rate")
    return lambda: None


def blocked_in_a_send(race: Race) -> LastDeed:
    race.older = race.alice(narrow=True)
    race.older.listens = False
    bob = race.bystander("bob")
    outbox = race.server._hub._state.sessions["alice"].receiver

    def more() -> bool:
        bob.send(*["x" * 4000] * 10)
        return outbox.backlog > outbox.lag_threshold

    race.until(more, "more waits for alice than she may be late")
    return lambda: bob.send(*["x" * 400] * 20)


def leaving(race: Race) -> LastDeed:
    return lambda: race.older.send("/quit")


def hanging_up(race: Race) -> LastDeed:
    return lambda: race.older.finish()


def resetting(race: Race) -> LastDeed:
    return lambda: race.pool.remove(race.older, reset=True)


ALLOWANCES: dict[Callable[[Race], LastDeed], dict[str, object]] = {
    over_its_rate: {"rate": 0.01, "burst": 8}
}
LAST_LINES: dict[Callable[[Race], LastDeed], set[str]] = {
    leaving: {FAREWELL, "[SERVER] Goodbye"},
    hanging_up: {FAREWELL, "[SERVER] Subscriptions: *"},
}
STATES = (
    being_idle,
    publishing,
    over_its_rate,
    blocked_in_a_send,
    leaving,
    hanging_up,
    resetting,
)


@pytest.mark.parametrize("older_is", STATES)
def test_concurrent_logins_leave_one_session_and_publish_nothing_of_others(
    older_is: Callable[[Race], LastDeed], start_server: StartServer
) -> None:
    quick = {"rate": 0, "outbox": 256 * 1024, "flush_seconds": 0.3}
    server = start_server(**quick | FREQUENT_SWITCHES | ALLOWANCES.get(older_is, {}))
    with ClientPool() as pool:
        race = Race(server, pool)
        newer = race.run(older_is(race))
        race.until(lambda: sum(login.has_ended for login in newer) == LOGINS - 1, "one is left")
        (left,) = (login for login in newer if not login.has_ended)
        last_words = f"alice: {newer.index(left)}.1"
        race.until(lambda: last_words in race.carol.lines[-1], "it is heard")
        race.until(lambda: len(left.lines) >= 3, "it has been greeted")
        others = len(race.bystanders)
        race.until(lambda: race.server.client_count == others + 1, "the others are gone")

    assert left.lines[:2] == GREETING
    for login in newer:
        if login is not left:
            # What alice follows is the user's, so a session may hear bob while it lasts.
            told = [line for line in login.lines if "] bob: " not in line]
            assert told == [*left.lines[:3], FAREWELL]
            assert login.lines[-1] == FAREWELL
            assert not login.was_reset
    assert FAREWELL not in left.lines
    if older_is not in (blocked_in_a_send, resetting):
        assert race.older.lines[-1] in LAST_LINES.get(older_is, {FAREWELL})
        assert not race.older.was_reset
    check_stays(race.carol.lines, str(newer.index(left)))


def check_stays(lines: list[str], left: str) -> None:
    """One session at a time, and what is heard while it lasts is its own, in order."""
    stays: list[list[tuple[str, int]]] = []
    is_here = False
    for line in lines:
        if line in (COME, GONE):
            assert is_here == (line == GONE), "two sessions of one user at once"
            is_here = line == COME
            if is_here:
                stays.append([])
        elif words := WORDS.fullmatch(line):
            assert is_here, f"{line!r} was heard after its session"
            stays[-1].append((words[1], int(words[2])))
    assert is_here
    assert len(stays) >= LOGINS
    for stay in stays:
        assert stay == [(stay[0][0], number) for number in range(len(stay))]
    speakers = [stay[0][0] for stay in stays if stay]
    assert len(speakers) == len(set(speakers))
    assert stays[-1] == [(left, 0), (left, 1)]
