"""The soak: a long, mixed life of many clients against a real server, which must leave no trace.

Run it with `python -m tests.abuse.soak`; `--help` tells how to make it shorter.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heapreplace
from pathlib import Path
from typing import Final

from tests.abuse.cleanup_checks import check_log
from tests.abuse.client_pool import ClientPool, Reader
from tests.abuse.soak_session import SessionEnding, SoakSession, SoakUser
from tests.support.accounts import write_accounts_file
from tests.support.server_program import ServerProgram

OPTIONS: Final = (
    *("--login-failures", "0"),  # strangers fail all the time, from the address of everybody
    *("--outbox", "32768"),  # who stalls is cut within the soak
    *("--log-level", "debug"),
)
ONE_HEAP: Final = {"MALLOC_ARENA_MAX": "1"}
"""Or each thread may get one of its own, and memory grows for a while with nothing kept in it."""

ROOMS: Final = ("lobby", "dev", "größe", "кухня", "r5", "r6")
QUESTIONS: Final = ("/who", "/rooms", "/subs", "/help", "/presence on", "/presence off")
PAUSE: Final = 0.25
"""Seconds, on average, between two things that one person does."""

PROGRESS_SECONDS: Final = 10.0

ALLOWED_GROWTH: Final = 5 * 1024 * 1024
"""Bytes that the server may grow by from the middle to the end: what an allocator may keep."""


@dataclass(frozen=True, slots=True)
class Size:
    """What the server's process takes at one moment."""

    memory: int
    """Resident, in bytes."""
    threads: int
    files: int

    @classmethod
    def of(cls, process: int) -> Size:
        folder = Path(f"/proc/{process}")
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        return cls(
            memory=int(status["VmRSS"].split()[0]) * 1024,
            threads=int(status["Threads"]),
            files=len(list((folder / "fd").iterdir())),
        )


class Soak:
    """The people, and what they do."""

    def __init__(self, folder: Path, *, clients: int, seed: int, tell: Callable[[str], None]):
        """`folder` gets the users file and the log; `tell` is told how it goes on."""
        names = [f"person{number}" for number in range(clients)]
        users = write_accounts_file(folder / "users.json", names)
        self.faults: list[str] = []
        self.program = ServerProgram(users, *OPTIONS, environment=ONE_HEAP)
        self._people = [SoakUser(name) for name in names]
        self._crowd = ClientPool()
        self._visits: set[SoakSession] = set()
        self._strangers: list[Reader] = []
        self._chance = random.Random(seed)
        self._tell = tell
        self._logins = 0
        self._messages = 0
        self._cut = 0
        self._began = time.monotonic()

    def run(self, seconds: float) -> None:
        """Live twice half of the time; each time everybody goes, and the server is measured."""
        with self.program, self._crowd:
            before = self._size()
            self._live(seconds / 2)
            middle = self._rest(before)
            self._live(seconds / 2)
            end = self._rest(before)
        check_log(self.program.log)
        if end.memory - middle.memory > ALLOWED_GROWTH:
            self.faults.append(f"memory grew from {middle.memory} to {end.memory} bytes")

    def _size(self) -> Size:
        return Size.of(self.program.process.pid)

    def _live(self, seconds: float) -> None:
        now = time.monotonic()
        until, tell_at = now + seconds, now + PROGRESS_SECONDS
        turns = [(now + self._pause(), number) for number in range(len(self._people))]
        heapify(turns)
        while now < until and not self.faults:
            at, number = turns[0]
            if at <= now:
                self._act(self._people[number])
                heapreplace(turns, (now + self._pause(), number))
            self._crowd.turn(max(0.0, at - now))
            self._see_off()
            now = time.monotonic()
            if now >= tell_at:
                tell_at += PROGRESS_SECONDS
                self._report("")

    def _rest(self, before: Size) -> Size:
        """Let everybody go; returns the size of a server that has as many threads as before."""
        self._crowd.turn_until(
            lambda: all(visit.is_greeted or visit.has_ended for visit in self._visits),
            "everyone is greeted",
        )
        for visit in self._visits:
            if visit.farewell is None and not visit.has_ended:
                visit.part(self._chance.choice([SessionEnding.QUIT, SessionEnding.HALF_CLOSE]))

        def is_over() -> bool:
            self._see_off()
            size = self._size()
            return not self._crowd and (size.threads, size.files) == (
                before.threads,
                before.files,
            )

        self._crowd.turn_until(is_over, f"everyone is gone, with threads and files as {before}")
        self._report("all gone: ")
        return self._size()

    def _report(self, what: str) -> None:
        size = self._size()
        self._tell(
            f"{time.monotonic() - self._began:6.1f} s: {what}{len(self._crowd)} clients,"
            f" {self._logins} logins, {self._messages} messages read, {self._cut} cut,"
            f" {size.memory / 1024**2:.1f} MiB, {size.threads} threads, {size.files} files"
        )

    def _pause(self) -> float:
        return self._chance.expovariate(1 / PAUSE)

    # What people do

    def _act(self, person: SoakUser) -> None:
        visit = person.visit
        if visit is None:
            self._come(person)
        elif visit.is_greeted and visit.farewell is None and not visit.has_ended:
            if not visit.listens:
                visit.listens = self._chance.random() < 0.05
                return
            (deed,) = self._chance.choices(*zip(*DEEDS, strict=True))
            deed(self, visit)

    def _come(self, person: SoakUser) -> None:
        narrow = self._chance.random() < 0.3
        person.visit = SoakSession(self.program.port, person, self.faults.append, narrow=narrow)
        self._visits.add(person.visit)
        self._crowd.add(person.visit)
        self._logins += 1

    def _talk(self, visit: SoakSession) -> None:
        visit.say(
            [
                "x" * (self._chance.randint(1, 60) if self._chance.random() < 0.9 else 3000)
                for _ in range(self._chance.randint(1, 3))
            ]
        )

    def _move(self, visit: SoakSession) -> None:
        visit.join(self._chance.choice(ROOMS))

    def _follow(self, visit: SoakSession) -> None:
        word = self._chance.choice(["/subscribe", "/subscribe", "/unsubscribe"])
        visit.send(f"{word} {self._chance.choice(['*', '*', *self._some_names()])}")

    def _some_names(self) -> list[str]:
        return [person.name for person in self._people[:8]]

    def _ask(self, visit: SoakSession) -> None:
        visit.send(self._chance.choice(QUESTIONS))

    def _stall(self, visit: SoakSession) -> None:
        visit.stall()

    def _quit(self, visit: SoakSession) -> None:
        visit.part(SessionEnding.QUIT)

    def _half_close(self, visit: SoakSession) -> None:
        self._talk(visit)
        visit.part(SessionEnding.HALF_CLOSE)

    def _vanish(self, visit: SoakSession) -> None:
        self._talk(visit)
        self._forget(visit, reset=self._chance.random() < 0.5)

    def _come_twice(self, visit: SoakSession) -> None:
        self._talk(visit)
        visit.part(SessionEnding.TAKEN_OVER)
        self._come(visit.person)

    def _send_stranger(self, _: SoakSession) -> None:
        stranger = Reader(self.program.port)
        match self._chance.randrange(4):
            case 0:
                stranger.close()
            case 1:
                stranger.socket.send(b"LOGIN person0 pw-of")
                stranger.close(reset=True)
            case number:
                stranger.send("LOGIN person0 wrong" if number == 2 else "hello")
                self._strangers.append(stranger)
                self._crowd.add(stranger)

    # Seeing them off

    def _see_off(self) -> None:
        for visit in [visit for visit in self._visits if visit.has_ended]:
            self._cut += visit.was_reset
            self._forget(visit)
        for stranger in [stranger for stranger in self._strangers if stranger.has_ended]:
            if not stranger.lines[-1].startswith("[ERROR] "):
                self.faults.append(f"a stranger read {stranger.lines[-1]!r} last")
            self._strangers.remove(stranger)
            self._crowd.remove(stranger)

    def _forget(self, visit: SoakSession, *, reset: bool = False) -> None:
        self._messages += visit.messages
        self._visits.remove(visit)
        self._crowd.remove(visit, reset=reset)
        if visit.person.visit is visit:
            visit.person.visit = None


DEEDS: Final[list[tuple[Callable[[Soak, SoakSession], None], int]]] = [
    (Soak._talk, 30),
    (Soak._move, 12),
    (Soak._follow, 12),
    (Soak._ask, 8),
    (Soak._stall, 2),
    (Soak._quit, 6),
    (Soak._half_close, 6),
    (Soak._vanish, 9),
    (Soak._come_twice, 7),
    (Soak._send_stranger, 6),
]
"""What somebody may do, and how often in a hundred."""


def main() -> None:
    """Run a soak and tell how it went; exit 1 where something must not be so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if sys.platform != "linux":
        parser.error("a process is measured by its /proc, which only Linux has")
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(
            Path(folder),
            clients=options.clients,
            seed=options.seed,
            tell=lambda line: print(line, flush=True),
        )
        soak.run(options.seconds)
    for fault in soak.faults:
        print(fault, file=sys.stderr)
    sys.exit(bool(soak.faults))


if __name__ == "__main__":
    main()
