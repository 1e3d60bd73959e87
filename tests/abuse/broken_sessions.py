"""Many sessions that break off at random under load, and clients that catch up after each.

Run it with `python -m tests.abuse.broken_sessions` for the complete number of sessions. It prints
the outcome as JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Final

from tests.abuse.catch_up_client import CatchUpSession, CatchUpUser, NetcatSession
from tests.abuse.client_pool import ClientPool, PooledClient
from tests.support.accounts import write_accounts_file
from tests.support.server_program import ServerProgram

ROOMS: Final = ("lobby", "dev", "größe")
PUBLISHERS: Final = tuple(f"publisher{number}" for number in range(4))
READERS: Final = tuple(f"reader{number}" for number in range(12))
NAMES: Final = (*PUBLISHERS, *READERS)

OPTIONS: Final = ("--rate", "0", "--outbox", str(256 * 1024))
"""Options of a server for this load. Without a limit on logins from one address."""

BATCH: Final = 5
BATCH_SECONDS: Final = 0.02
"""A publisher sends so many messages at once, and the next ones not before so many seconds and the
reply to a query behind the last ones."""

MOVE_AFTER: Final = 40
"""A publisher changes the room after so many batches."""

MEAN_SECONDS: Final = 0.15
"""Mean length of a session, from its greeting."""

AWAY_SECONDS: Final = 0.03
"""Mean time between two sessions of a user."""


CUT: Final = "CUT"
"""A session that the server has ended, on a loaded machine: its client was too slow, or an older
login of the same user came to its turn later."""


class BreakOff(Enum):
    """How a session ends."""

    FIN = auto()
    """The client closes its sending half and reads no more."""
    HALF_CLOSE = auto()
    """The client closes its sending half and reads to the end."""
    CLOSE = auto()
    """The client closes both halves. What the server has sent meanwhile is lost."""
    RESET = auto()
    QUIT = auto()
    STOP_READING = auto()
    """The client reads nothing for a while. Then a newer login ends the session."""
    NEWER_LOGIN = auto()


BROKEN_IN_A_PAGE: Final = (BreakOff.RESET, BreakOff.STOP_READING, BreakOff.NEWER_LOGIN)
"""The ends that are not orderly, whatever the client has read."""


class LoadPublisher(PooledClient):
    """A user that publishes in turns in all rooms. Each text names the room and a number in it."""

    def __init__(self, port: int, name: str, room: int) -> None:
        super().__init__(port)
        self.published: Counter[str] = Counter()
        """The number of messages by room."""
        self.is_idle = False
        """True if the server has taken everything that was sent."""
        self.name = name
        self._room = room
        self._batches = 0
        self._due = 0.0
        self.send(f"LOGIN {name} pw-of-{name}", *self._move(), "/subs")

    def _move(self) -> list[str]:
        self._room = (self._room + 1) % len(ROOMS)
        return [f"/join {ROOMS[self._room]}"]

    def publish_if_due(self, now: float) -> None:
        if not self.is_idle or now < self._due:
            return
        self.is_idle = False
        self._due = now + BATCH_SECONDS
        self._batches += 1
        room = ROOMS[self._room]
        first = self.published[room]
        self.published[room] += BATCH
        lines = [f"{room} {number}" for number in range(first, first + BATCH)]
        lines[0] = f"/me {lines[0]}"
        if self._batches % MOVE_AFTER == 0:
            lines += self._move()
        self.send(*lines, "/subs")

    def line_received(self, line: str) -> None:
        self.is_idle = self.is_idle or line.startswith("[SERVER] Subscriptions: ")


@dataclass
class Outcome:
    """What the clients have read, compared with what was published."""

    sessions: int = 0
    published: int = 0
    read: int = 0
    from_pages: int = 0
    missing: int = 0
    twice: int = 0
    disordered: int = 0
    """Messages of an author that were read after a later one."""
    not_rising: int = 0
    """Messages whose stamp is not above the one before."""
    foreign: int = 0
    """Messages of another room, and messages that were never published."""
    seconds: float = 0.0
    endings: dict[str, int] = field(default_factory=dict)
    """How often a session has ended in each way."""
    faults: list[str] = field(default_factory=list)

    @property
    def is_exact(self) -> bool:
        """True if every reader has every message once, in order, with rising stamps."""
        return not (
            self.missing
            or self.twice
            or self.disordered
            or self.not_rising
            or self.foreign
            or self.faults
        )


class BrokenSessions:
    """The users, their sessions and the load."""

    session_kind: type[CatchUpSession] = CatchUpSession

    def __init__(self, port: int, *, sessions: int, seed: int, always_asks_late: bool = False):
        """`sessions`: how many sessions break off.

        `always_asks_late`: all clients ask for history only after a live message, so every page has
        messages that also came live if it is not bounded.
        """
        self.outcome = Outcome()
        self._port = port
        self._to_break = sessions
        self._always_asks_late = always_asks_late
        self._random = random.Random(seed)
        self._pool = ClientPool()
        self._publishers = [
            LoadPublisher(port, name, number) for number, name in enumerate(PUBLISHERS)
        ]
        self._users = [CatchUpUser(name) for name in READERS]
        self._ends: dict[CatchUpUser, float] = {}
        """When the session of a user breaks off, if it has been greeted."""
        self._returns: dict[CatchUpUser, float] = dict.fromkeys(self._users, 0.0)
        """When a user without a session logs in."""
        self._closing: set[CatchUpSession] = set()
        """Sessions that read to the end: after `/quit`, or behind a closed sending half."""
        self._older: list[CatchUpSession] = []
        """Sessions that are over for their client but not closed yet."""
        self._endings: Counter[str] = Counter()

    def run(self) -> Outcome:
        """Break all sessions off, stop the load, let all users catch up, and compare."""
        began = time.monotonic()
        with self._pool:
            for publisher in self._publishers:
                self._pool.add(publisher)
            while self._to_break > 0 or self._ends:
                now = time.monotonic()
                if now - began > 180:
                    raise AssertionError(f"{self._to_break} sessions are left after 180 s")
                for publisher in self._publishers:
                    publisher.publish_if_due(now)
                self._turn_sessions(now)
                self._pool.turn(0.005)
            self._pool.turn_until(
                lambda: all(publisher.is_idle for publisher in self._publishers),
                "the server has taken all messages",
            )
            for user in self._users:
                self._catch_up(user)
        self.outcome.seconds = time.monotonic() - began
        self._compare()
        return self.outcome

    # Sessions

    def _turn_sessions(self, now: float) -> None:
        for user in self._users:
            session = user.session
            if session is None:
                if self._to_break > 0 and now >= self._returns[user]:
                    self._log_in(user, now)
            elif session.has_ended:
                if session not in self._closing:
                    self._endings[CUT] += 1
                self._closing.discard(session)
                self._older.append(session)
                self._drop(user, now)
            elif session in self._closing:
                pass
            elif now >= self._ends[user]:
                self._break_off(user, session, now)
            elif self._may_move(session) and self._random.random() < 0.05:
                session.join(self._random.choice([room for room in ROOMS if room != session.room]))
                if self._random.random() < 0.3:
                    self._ends[user] = now  # in the middle of the move, or right behind it
        for older in [older for older in self._older if older.has_ended or not older.reads]:
            if not older.reads:
                # Its program is stopped until the newer login has had its reply.
                newer = older.user.session
                if newer is None or newer.room is None:
                    continue
            self._older.remove(older)
            self._pool.remove(older)

    @staticmethod
    def _may_move(session: CatchUpSession) -> bool:
        return session.has_caught_up and session.reads and not session.is_moving

    def _log_in(self, user: CatchUpUser, now: float) -> None:
        self._to_break -= 1
        self.outcome.sessions += 1
        session = self.session_kind(
            self._port,
            user,
            self.outcome.faults.append,
            narrow=self._random.random() < 0.2,
            asks_late=self._always_asks_late or self._random.random() < 0.3,
        )
        self._pool.add(session)
        self._ends[user] = now + self._random.expovariate(1 / MEAN_SECONDS)

    def _break_off(self, user: CatchUpUser, session: CatchUpSession, now: float) -> None:
        ending = self._choose_ending(session)
        if not session.reads:
            ending = BreakOff.NEWER_LOGIN  # it has stopped reading before
        elif ending is BreakOff.STOP_READING:
            session.reads = False
            self._ends[user] = now + self._random.expovariate(1 / MEAN_SECONDS)
            self._endings[ending.name] += 1
            return
        self._endings[ending.name] += 1
        if ending in (BreakOff.QUIT, BreakOff.HALF_CLOSE):
            self._closing.add(session)
            if ending is BreakOff.QUIT:
                session.send("/quit")
            else:
                session.send_eof()
            return
        if ending in (BreakOff.RESET, BreakOff.CLOSE):
            self._pool.remove(session, reset=ending is BreakOff.RESET)
        else:
            if ending is BreakOff.FIN:
                session.send_eof()
            self._older.append(session)
        self._drop(user, now)
        if ending is BreakOff.NEWER_LOGIN:
            self._returns[user] = now

    def _choose_ending(self, session: CatchUpSession) -> BreakOff:
        return self._random.choice(list(BreakOff))

    def _drop(self, user: CatchUpUser, now: float) -> None:
        user.session = None
        del self._ends[user]
        self._returns[user] = now + self._random.expovariate(1 / AWAY_SECONDS)

    def _catch_up(self, user: CatchUpUser) -> None:
        """Log in for the last time and read everything in all rooms."""
        # A login whose client is gone already may come to its turn late, and ends this session.
        while not self._reads_all_rooms(user):
            self._endings[CUT] += 1

    def _reads_all_rooms(self, user: CatchUpUser) -> bool:
        """Read everything in a session of its own. Return False if the server ended it before."""
        session = self.session_kind(self._port, user, self.outcome.faults.append)
        self._pool.add(session)
        for room in ROOMS:
            if session.room != room and room != "lobby" and not session.has_ended:
                session.join(room)
            self._pool.turn_until(
                partial(_has_caught_up_or_ended, session, room),
                f"{user.name} has caught up in {room}",
            )
        is_complete = not session.has_ended
        session.send("/quit")
        self._pool.turn_until(lambda: session.has_ended, "the session has ended")
        self._pool.remove(session)
        return is_complete

    # Comparison

    def _compare(self) -> None:
        outcome = self.outcome
        outcome.endings = dict(self._endings)
        published = {
            (publisher.name, room): count
            for publisher in self._publishers
            for room, count in publisher.published.items()
        }
        outcome.published = sum(published.values())
        for user in self._users:
            outcome.from_pages += user.from_pages
            times_read: Counter[tuple[str, str, int]] = Counter()
            for room, log in user.log.items():
                newest: dict[str, int] = defaultdict(lambda: -1)
                last_stamp = ""
                for message in log:
                    outcome.read += 1
                    outcome.not_rising += message.stamp <= last_stamp
                    last_stamp = message.stamp
                    said_in, _, number = message.text.partition(" ")
                    if said_in != room:
                        outcome.foreign += 1
                        continue
                    times_read[message.author, room, int(number)] += 1
                    outcome.disordered += int(number) <= newest[message.author]
                    newest[message.author] = int(number)
            expected = {
                (author, room, number)
                for (author, room), count in published.items()
                for number in range(count)
            }
            outcome.missing += len(expected - times_read.keys())
            outcome.foreign += len(times_read.keys() - expected)
            outcome.twice += sum(count - 1 for count in times_read.values())


class BrokenNetcatSessions(BrokenSessions):
    """The same with users at netcat, who rely on their read markers.

    Messages may be repeated, but none may be missing between the first and the last one of an
    author that a user has read in a room.
    """

    session_kind = NetcatSession

    def _choose_ending(self, session: CatchUpSession) -> BreakOff:
        ending = super()._choose_ending(session)
        if ending is BreakOff.FIN:
            ending = BreakOff.CLOSE  # a user reads everything that the client has received
        if session.has_caught_up and not session.is_moving:
            return ending
        # A command or a close would say that the user has read the pages that are still to come,
        # also those of the room that the user moves to.
        return ending if ending in BROKEN_IN_A_PAGE else BreakOff.RESET

    def _compare(self) -> None:
        outcome = self.outcome
        outcome.endings = dict(self._endings)
        for publisher in self._publishers:
            for room, count in publisher.published.items():
                outcome.published += count
                for user in self._users:
                    numbers = [
                        int(message.text.partition(" ")[2])
                        for message in user.log.get(room, [])
                        if message.author == publisher.name
                    ]
                    outcome.read += len(numbers)
                    if numbers:
                        outcome.missing += len({*range(min(numbers), count)} - {*numbers})
                        outcome.twice += len(numbers) - len({*numbers})
        outcome.from_pages = sum(user.from_pages for user in self._users)


def _has_caught_up_or_ended(session: CatchUpSession, room: str) -> bool:
    return session.has_ended or (session.room == room and session.has_caught_up)


def main() -> None:
    """Break sessions of a real server off. Exit with 1 if a message is missing or came twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        users = write_accounts_file(Path(folder, "users.json"), NAMES)
        with ServerProgram(users, *OPTIONS) as program:
            outcome = BrokenSessions(
                program.port, sessions=options.sessions, seed=options.seed
            ).run()
    print(json.dumps(dataclasses.asdict(outcome), ensure_ascii=False))
    sys.exit(not outcome.is_exact)


if __name__ == "__main__":
    main()
