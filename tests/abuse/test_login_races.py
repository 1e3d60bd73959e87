"""Fifty logins of one user at the same moment, in every state of the older session."""

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
JOINED = "[SERVER] alice joined room 'lobby'"
LEFT = "[SERVER] alice left room 'lobby'"
MESSAGE = re.compile(r"\[\d\d:\d\d:\d\d\] alice: (\w+)\.(\d+)")


ReaderT = TypeVar("ReaderT", bound=Reader)


class Alice(Reader):
    """A session of alice that leaves when the server closes, and may publish line by line."""

    def __init__(self, port: int, *first: str, narrow: bool = False) -> None:
        self.publishes = False
        self._published = 0
        super().__init__(port, "alice", *first, narrow=narrow)

    def next_output(self) -> bytes:
        if not self.publishes or self.has_ended:
            return b""
        self._published += 1
        return b"older.%d\n" % (self._published - 1)

    def stream_ended(self) -> None:
        self.send_eof()


class Race:
    """The logins of alice, observed by carol, who follows her and has presence on."""

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
        """Add a reader. Return when its last line, `/subs`, is answered."""
        self.pool.add(reader)
        self.until(
            lambda: reader.lines and reader.lines[-1].startswith("[SERVER] Subscriptions: "),
            "the client has its subscriptions",
        )
        return reader

    def until(self, condition: Callable[[], object], description: str) -> None:
        self.pool.turn_until(condition, description)

    def run(self, last_action: Callable[[], object]) -> list[Alice]:
        """Release all logins and the last action of the older session at the same moment."""
        hub = self.server._hub
        start = threading.Barrier(LOGINS + 1)
        real_log_in = hub.log_in

        def log_in(
            user: str, receiver: Outbox, commands: Sequence[str], host: str
        ) -> Session[Outbox] | None:
            start.wait(WAIT_TIMEOUT)
            return real_log_in(user, receiver, commands, host)

        hub.log_in = log_in  # type: ignore[method-assign, assignment]
        newer = [Alice(self.port, f"{login}.0", f"{login}.1") for login in range(LOGINS)]
        for login in newer:
            self.pool.add(login)
        self.until(lambda: start.n_waiting == LOGINS, "all are about to enter the hub")
        last_action()
        start.wait(WAIT_TIMEOUT)
        return newer


LastAction = Callable[[], object]


def idle(race: Race) -> LastAction:
    return lambda: None


def publishing(race: Race) -> LastAction:
    race.older.publishes = True
    race.older.send("/who")
    race.until(
        lambda: "alice: older.9" in race.carol.lines[-1], "the tenth message of alice arrives"
    )
    return lambda: None


def over_rate_limit(race: Race) -> LastAction:
    race.older.send(*(f"older.{number}" for number in range(100)))
    race.until(lambda: "older.5" in race.carol.lines[-1], "alice is over her rate limit")
    return lambda: None


def not_reading(race: Race) -> LastAction:
    race.older = race.alice(narrow=True)
    race.older.reads = False
    bob = race.bystander("bob")
    outbox = race.server._hub._applier.state.sessions["alice"].receiver

    def more() -> bool:
        bob.send(*["x" * 4000] * 10)
        return outbox.backlog > outbox.lag_threshold

    race.until(more, "the backlog of alice is above the lag threshold")
    return lambda: bob.send(*["x" * 400] * 20)


def leaving(race: Race) -> LastAction:
    return lambda: race.older.send("/quit")


def closing(race: Race) -> LastAction:
    return lambda: race.older.send_eof()


def resetting(race: Race) -> LastAction:
    return lambda: race.pool.remove(race.older, reset=True)


RATE_LIMITS: dict[Callable[[Race], LastAction], dict[str, object]] = {
    over_rate_limit: {"rate": 0.01, "burst": 8}
}
LAST_LINES: dict[Callable[[Race], LastAction], set[str]] = {
    leaving: {FAREWELL, "[SERVER] Goodbye"},
    closing: {FAREWELL, "[SERVER] Subscriptions: *"},
}
STATES = (
    idle,
    publishing,
    over_rate_limit,
    not_reading,
    leaving,
    closing,
    resetting,
)


@pytest.mark.parametrize("older_state", STATES)
def test_concurrent_logins_leave_one_session_and_publish_nothing_of_others(
    older_state: Callable[[Race], LastAction], start_server: StartServer
) -> None:
    quick = {"rate": 0, "login_burst": 0, "outbox": 256 * 1024, "flush_seconds": 0.3}
    server = start_server(**quick | FREQUENT_SWITCHES | RATE_LIMITS.get(older_state, {}))
    with ClientPool() as pool:
        race = Race(server, pool)
        newer = race.run(older_state(race))
        race.until(lambda: sum(login.has_ended for login in newer) == LOGINS - 1, "one is left")
        (left,) = (login for login in newer if not login.has_ended)
        last_message = f"alice: {newer.index(left)}.1"
        race.until(lambda: last_message in race.carol.lines[-1], "its last message arrives")
        race.until(lambda: len(left.lines) >= 3, "it has been greeted")
        others = len(race.bystanders)
        race.until(lambda: race.server.client_count == others + 1, "the others are gone")

    assert left.lines[:2] == GREETING
    for login in newer:
        if login is not left:
            # Subscriptions belong to the user, so a session may receive messages of bob.
            lines = [line for line in login.lines if "] bob: " not in line]
            assert lines == [*left.lines[:3], FAREWELL]
            assert login.lines[-1] == FAREWELL
            assert not login.was_reset
    assert FAREWELL not in left.lines
    if older_state not in (not_reading, resetting):
        assert race.older.lines[-1] in LAST_LINES.get(older_state, {FAREWELL})
        assert not race.older.was_reset
    check_sessions(race.carol.lines, str(newer.index(left)))


def check_sessions(lines: list[str], left: str) -> None:
    """Check that sessions do not overlap, and that each publishes only its own texts, in order."""
    sessions: list[list[tuple[str, int]]] = []
    is_here = False
    for line in lines:
        if line in (JOINED, LEFT):
            assert is_here == (line == LEFT), "two sessions of one user at once"
            is_here = line == JOINED
            if is_here:
                sessions.append([])
        elif message := MESSAGE.fullmatch(line):
            assert is_here, f"{line!r} arrived after its session"
            sessions[-1].append((message[1], int(message[2])))
    assert is_here
    assert len(sessions) >= LOGINS
    for session in sessions:
        assert session == [(session[0][0], number) for number in range(len(session))]
    speakers = [session[0][0] for session in sessions if session]
    assert len(speakers) == len(set(speakers))
    assert sessions[-1] == [(left, 0), (left, 1)]
