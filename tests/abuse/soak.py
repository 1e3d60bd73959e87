"""The soak: many clients use a real server for a long time, and it must keep no state of them.

Run it with `python -m tests.abuse.soak`. `--help` lists the options, for example a shorter time.
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

from chat_server.config import default_history
from tests.abuse.cleanup_checks import check_log
from tests.abuse.client_pool import ClientPool, Reader
from tests.abuse.soak_session import SessionEnding, SoakSession, SoakUser
from tests.support.accounts import write_accounts_file
from tests.support.server_program import ServerProgram

OPTIONS: Final = (
    *("--login-failures", "0"),  # strangers fail all the time, from the same address as all others
    # So that stalled clients are cut during the soak. A page of history has up to 64 KiB.
    *("--outbox", str(128 * 1024)),
    # So that messages are pruned all the time.
    *("--history-messages", "300"),
    *("--log-level", "debug"),
)
ONE_HEAP: Final = {"MALLOC_ARENA_MAX": "1"}
"""One heap. With one for each thread, memory would grow for a while without a leak."""

ROOMS: Final = ("lobby", "dev", "größe", "кухня", "r5", "r6")
QUERIES: Final = (
    *("/who", "/rooms", "/subs", "/help", "/presence on", "/presence off"),
    *("/history", "/history new", "/history 200", "/history with user1", "/search user1"),
    *("/unread", "/unread on", "/unread off", "/stamps on", "/stamps off"),
)
PAUSE: Final = 0.25
"""Mean seconds between two actions of one user."""

PROGRESS_SECONDS: Final = 10.0

ALLOWED_GROWTH: Final = 5 * 1024 * 1024
"""Bytes by which the server may grow from the middle to the end, for its allocator."""

WARM_UP_GROWTH: Final = 5 * 1024 * 1024
"""Bytes more if the middle is within the first minute: the page caches of the history are still
empty, 2 MiB in all, and the heap has not yet met the busiest moment."""

WARM_UP_SECONDS: Final = 60.0

ALLOWED_FILE_GROWTH: Final = 2 * 1024 * 1024
"""Bytes by which the history may grow from the middle to the end. It keeps the same number of
messages, but not of the same lengths."""

WARM_UP_FILE_GROWTH: Final = 6 * 1024 * 1024
"""Bytes more if the middle is within the first minute: not every room is full yet, and the file has
not yet met the longest messages. Its write-ahead log grows to 4 MiB before it is reused."""


READER_FILES: Final = 4 * 2
"""Files that the history opens once and keeps: the file and its log in each of four connections."""


@dataclass(frozen=True, slots=True)
class Size:
    """The resources of the server process at one moment."""

    memory: int
    """Resident memory in bytes."""
    threads: int
    files: int
    history: int
    """Bytes of the history file and of the files next to it."""

    @classmethod
    def of(cls, process: int, history: Path) -> Size:
        folder = Path(f"/proc/{process}")
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        return cls(
            memory=int(status["VmRSS"].split()[0]) * 1024,
            threads=int(status["Threads"]),
            files=len(list((folder / "fd").iterdir())),
            history=sum(file.stat().st_size for file in history.parent.glob(f"{history.name}*")),
        )


class Soak:
    """The users, and their actions."""

    def __init__(self, folder: Path, *, clients: int, seed: int, report: Callable[[str], None]):
        """`folder`: for the users file and the log. `report`: receives a line of progress."""
        names = [f"user{number}" for number in range(clients)]
        users = write_accounts_file(folder / "users.json", names)
        self.faults: list[str] = []
        self.program = ServerProgram(users, *OPTIONS, environment=ONE_HEAP)
        self._users = [SoakUser(name) for name in names]
        self._pool = ClientPool()
        self._sessions: set[SoakSession] = set()
        self._strangers: list[Reader] = []
        self._random = random.Random(seed)
        self._report_line = report
        self._logins = 0
        self._messages = 0
        self._cut = 0
        self._started = time.monotonic()

    def run(self, seconds: float) -> None:
        """Run two halves. After each, all users leave and the server is measured."""
        with self.program, self._pool:
            before = self._size()
            self._run_half(seconds / 2)
            middle = self._let_all_leave(before)
            self._run_half(seconds / 2)
            end = self._let_all_leave(before)
        check_log(self.program.log)
        is_warm = seconds / 2 >= WARM_UP_SECONDS
        allowed = ALLOWED_GROWTH + (0 if is_warm else WARM_UP_GROWTH)
        allowed_file = ALLOWED_FILE_GROWTH + (0 if is_warm else WARM_UP_FILE_GROWTH)
        if end.memory - middle.memory > allowed:
            self.faults.append(f"memory grew from {middle.memory} to {end.memory} bytes")
        if end.history - middle.history > allowed_file:
            self.faults.append(f"the history grew from {middle.history} to {end.history} bytes")
        if not end.history:
            self.faults.append("there is no history")

    def _size(self) -> Size:
        return Size.of(self.program.process.pid, default_history(self.program.users))

    def _run_half(self, seconds: float) -> None:
        now = time.monotonic()
        until, report_at = now + seconds, now + PROGRESS_SECONDS
        turns = [(now + self._pause(), number) for number in range(len(self._users))]
        heapify(turns)
        while now < until and not self.faults:
            at, number = turns[0]
            if at <= now:
                self._do_action(self._users[number])
                heapreplace(turns, (now + self._pause(), number))
            self._pool.turn(max(0.0, at - now))
            self._remove_ended()
            now = time.monotonic()
            if now >= report_at:
                report_at += PROGRESS_SECONDS
                self._report("")

    def _let_all_leave(self, before: Size) -> Size:
        """Let all users leave. Return the size once no thread and no connection is left.

        `before`: the size of the server without clients.
        """
        self._pool.turn_until(
            lambda: all(session.is_greeted or session.has_ended for session in self._sessions),
            "everyone is greeted",
        )
        for session in self._sessions:
            if session.ending is None and not session.has_ended:
                session.leave(self._random.choice([SessionEnding.QUIT, SessionEnding.HALF_CLOSE]))

        def is_over() -> bool:
            self._remove_ended()
            size = self._size()
            return (
                not self._pool
                and size.threads == before.threads
                and before.files <= size.files <= before.files + READER_FILES
            )

        self._pool.turn_until(is_over, f"everyone has left, with threads and files as {before}")
        self._report("all left: ")
        return self._size()

    def _report(self, what: str) -> None:
        size = self._size()
        self._report_line(
            f"{time.monotonic() - self._started:6.1f} s: {what}{len(self._pool)} clients,"
            f" {self._logins} logins, {self._messages} messages read, {self._cut} cut,"
            f" {size.memory / 1024**2:.1f} MiB, {size.threads} threads, {size.files} files,"
            f" {size.history / 1024**2:.1f} MiB of history"
        )

    def _pause(self) -> float:
        return self._random.expovariate(1 / PAUSE)

    # Actions

    def _do_action(self, user: SoakUser) -> None:
        session = user.session
        if session is None:
            self._log_in(user)
        elif session.is_greeted and session.ending is None and not session.has_ended:
            if not session.reads:
                session.reads = self._random.random() < 0.05
                return
            (action,) = self._random.choices(*zip(*ACTIONS, strict=True))
            action(self, session)

    def _log_in(self, user: SoakUser) -> None:
        narrow = self._random.random() < 0.3
        user.session = SoakSession(self.program.port, user, self.faults.append, narrow=narrow)
        self._sessions.add(user.session)
        self._pool.add(user.session)
        self._logins += 1

    def _publish(self, session: SoakSession) -> None:
        session.publish(
            [
                "x" * (self._random.randint(1, 60) if self._random.random() < 0.9 else 3000)
                for _ in range(self._random.randint(1, 3))
            ]
        )

    def _join(self, session: SoakSession) -> None:
        session.join(self._random.choice(ROOMS))

    def _follow(self, session: SoakSession) -> None:
        word = self._random.choice(["/subscribe", "/subscribe", "/unsubscribe"])
        session.send(f"{word} {self._random.choice(['*', '*', *self._some_names()])}")

    def _some_names(self) -> list[str]:
        return [user.name for user in self._users[:8]]

    def _send_query(self, session: SoakSession) -> None:
        session.send(self._random.choice(QUERIES))

    def _stall(self, session: SoakSession) -> None:
        session.stall()

    def _quit(self, session: SoakSession) -> None:
        session.leave(SessionEnding.QUIT)

    def _half_close(self, session: SoakSession) -> None:
        self._publish(session)
        session.leave(SessionEnding.HALF_CLOSE)

    def _disconnect(self, session: SoakSession) -> None:
        self._publish(session)
        self._remove(session, reset=self._random.random() < 0.5)

    def _log_in_again(self, session: SoakSession) -> None:
        self._publish(session)
        session.leave(SessionEnding.TAKEN_OVER)
        self._log_in(session.user)

    def _send_stranger(self, _: SoakSession) -> None:
        stranger = Reader(self.program.port)
        match self._random.randrange(4):
            case 0:
                stranger.close()
            case 1:
                stranger.socket.send(b"LOGIN person0 pw-of")
                stranger.close(reset=True)
            case number:
                stranger.send("LOGIN person0 wrong" if number == 2 else "hello")
                self._strangers.append(stranger)
                self._pool.add(stranger)

    # Ended sessions

    def _remove_ended(self) -> None:
        for session in [session for session in self._sessions if session.has_ended]:
            self._cut += session.was_reset
            self._remove(session)
        for stranger in [stranger for stranger in self._strangers if stranger.has_ended]:
            if not stranger.lines[-1].startswith("[ERROR] "):
                self.faults.append(f"a stranger read {stranger.lines[-1]!r} last")
            self._strangers.remove(stranger)
            self._pool.remove(stranger)

    def _remove(self, session: SoakSession, *, reset: bool = False) -> None:
        self._messages += session.messages
        self._sessions.remove(session)
        self._pool.remove(session, reset=reset)
        if session.user.session is session:
            session.user.session = None


ACTIONS: Final[list[tuple[Callable[[Soak, SoakSession], None], int]]] = [
    (Soak._publish, 30),
    (Soak._join, 12),
    (Soak._follow, 12),
    (Soak._send_query, 8),
    (Soak._stall, 2),
    (Soak._quit, 6),
    (Soak._half_close, 6),
    (Soak._disconnect, 9),
    (Soak._log_in_again, 7),
    (Soak._send_stranger, 6),
]
"""Each action, and how often in a hundred."""


def main() -> None:
    """Run a soak and report its progress. Exit with 1 if it found a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if sys.platform != "linux":
        parser.error("the soak measures a process by its /proc, which only Linux has")
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(
            Path(folder),
            clients=options.clients,
            seed=options.seed,
            report=lambda line: print(line, flush=True),
        )
        soak.run(options.seconds)
    for fault in soak.faults:
        print(fault, file=sys.stderr)
    sys.exit(bool(soak.faults))


if __name__ == "__main__":
    main()
