"""Passwords: bcrypt in a small pool of threads, as slow for unknown users as for known ones.

A hash costs a quarter of a second of one core. A few threads at the lowest priority do them all,
so that logins wait for each other and the chat waits for nobody.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, Final, Generic, TypeVar

import bcrypt

from chat_server.config import DEFAULT_COST
from chat_server.wire.protocol import clean

_ResultT = TypeVar("_ResultT")

QUEUE_BOUND: Final = 256
"""Most passwords in the queue; further ones wait in their own threads for a place in it."""

SPARE_BOUND: Final = 32
"""Most pieces of work that wait until nobody waits for a hash; further ones are dropped."""

SHORTEST: Final = 8
"""Fewest bytes of a new password."""

LONGEST: Final = 72
"""Most bytes of a password: what bcrypt looks at."""

_CLEAR_SIGNS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""32 signs, five bits each, that nobody takes for one another: no l, o, 0 or 1."""
_GROUP: Final = 5
_GROUPS: Final = 4

_NICENESS: Final = 19
_CAN_BE_NICED: Final[bool] = sys.platform == "linux"  # one thread alone; elsewhere the process
_DUMMY_SALT: Final = b"abcdefghijklmnopqrstuu"


class Verdict(Enum):
    """What became of a password."""

    RIGHT = "right"
    WRONG = "wrong"
    THROTTLED = "throttled"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict on one login."""

    outcome: Verdict
    retry_after: float = 0.0
    """Seconds until this address may try again, where the outcome is THROTTLED; else 0."""


@dataclass(frozen=True, slots=True)
class _Login:
    password: str
    hashed: str | None
    cost: int
    admit: Callable[[], float]
    wanted: Callable[[], bool]
    on_wrong: Callable[[], float]


@dataclass(eq=False, slots=True)
class _Task(Generic[_ResultT]):
    """A piece of work that somebody waits for."""

    work: Callable[[], _ResultT]
    result: _ResultT
    """What it gives where the pool stops first."""
    trouble: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)


class PasswordPool:
    """The threads that hash: begun by `start`, ended by `stop`. Any thread may give them work."""

    def __init__(self, workers: int | None = None, queue_bound: int = QUEUE_BOUND) -> None:
        """`workers`: as many as `default_workers` says where it is None."""
        self._queue_bound = queue_bound
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)  # a login came into the queue, or we stop
        self._room = threading.Condition(self._lock)  # a login left the queue, or we stop
        self._queue: deque[_Task[Any]] = deque()
        self._under_way: set[_Task[Any]] = set()
        self._spare: deque[Callable[[], None]] = deque()
        self._spare_under_way = False
        self._stopped = False
        # Daemons: a second signal must end the process though a hash may take four seconds.
        self._threads = [
            threading.Thread(target=self._run, name=f"hashing-{number}", daemon=True)
            for number in range(default_workers() if workers is None else workers)
        ]

    def start(self) -> None:
        """Start the threads. Raises `RuntimeError` where there can be no more threads."""
        for thread in self._threads:
            thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether all the threads run."""
        return all(thread.is_alive() for thread in self._threads)

    @property
    def waiting(self) -> int:
        """Logins in the queue, those not counted that wait for a place in it."""
        return len(self._queue)

    def check(
        self,
        password: str,
        hashed: str | None,
        cost: int,
        *,
        admit: Callable[[], float],
        wanted: Callable[[], bool],
        on_wrong: Callable[[], float],
    ) -> Answer:
        """Whether `password` is the one of `hashed`; blocks the client's thread until it is known.

        `hashed` is None for an unknown user; `cost` is the highest in the users file. A wrong
        login takes as long as a hash of `cost`, whatever made it wrong.

        The callbacks run in a hashing thread and may take leaf locks only. When the login's turn
        has come, `wanted` says whether anybody still waits for it (if not: ABANDONED), and `admit`
        for how many seconds its address is shut out (more than 0: THROTTLED, without a hash).
        Right after the hash has said no, `on_wrong` counts that, or returns more than 0 where
        the address had run out in the meantime (THROTTLED too).

        Once the pool is stopped every answer is ABANDONED. An exception of a callback, or of
        bcrypt, is raised here.
        """
        login = _Login(password, hashed, cost, admit, wanted, on_wrong)
        return self._do(_Task(lambda: _judge(login), Answer(Verdict.ABANDONED)))

    def make(self, password: str, cost: int, *, wanted: Callable[[], bool]) -> str | None:
        """A new hash of `password`; blocks the client's thread until it is there.

        None where, when its turn has come, it is not `wanted` any more, and once the pool is
        stopped.
        """

        def work() -> str | None:
            return hash_password(password, cost) if wanted() else None

        return self._do(_Task(work, None))

    def when_idle(self, work: Callable[[], None]) -> bool:
        """Do `work` when nobody waits for a hash, in a hashing thread; never two at a time.

        Returns whether it was taken: no more than `SPARE_BOUND` wait, and all are dropped where the
        pool stops. `work` raises nothing.
        """
        with self._lock:
            if self._stopped or len(self._spare) >= SPARE_BOUND:
                return False
            self._spare.append(work)
            self._work.notify()
            return True

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def _do(self, task: _Task[_ResultT]) -> _ResultT:
        with self._lock:
            while len(self._queue) >= self._queue_bound and not self._stopped:
                self._room.wait()
            if self._stopped:
                return task.result
            self._queue.append(task)
            self._work.notify()
        task.done.wait()
        if task.trouble is not None:
            raise task.trouble
        return task.result

    def stop(self, timeout: float = 1.0) -> None:
        """Answer everything ABANDONED, hashes under way as well, and end the threads.

        Waits at most `timeout` seconds for hashes under way. May be called twice.
        """
        with self._lock:
            self._stopped = True
            for task in (*self._queue, *self._under_way):
                task.done.set()
            self._queue.clear()
            self._spare.clear()
            self._work.notify_all()
            self._room.notify_all()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if thread.ident is not None:  # it was started
                thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        _lower_priority()
        while (work := self._next()) is not None:
            work()

    def _next(self) -> Callable[[], None] | None:
        """What is to be done next; None where the pool has stopped."""
        with self._lock:
            while not self._stopped:
                if self._queue:
                    task = self._queue.popleft()
                    self._under_way.add(task)
                    self._room.notify()
                    return partial(self._do_waited_for, task)
                if self._spare and not self._spare_under_way:
                    self._spare_under_way = True
                    return partial(self._do_spare, self._spare.popleft())
                self._work.wait()
            return None

    def _do_waited_for(self, task: _Task[_ResultT]) -> None:
        result = task.result
        trouble: Exception | None = None
        try:
            result = task.work()
        except Exception as error:
            trouble = error
        with self._lock:
            self._under_way.discard(task)
            if not task.done.is_set():  # else the pool stopped first
                task.result, task.trouble = result, trouble
                task.done.set()

    def _do_spare(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self._lock:
                self._spare_under_way = False


def default_workers() -> int:
    """As many threads as cores where they can be niced; elsewhere one core is left to the chat."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return cores if _CAN_BE_NICED else max(1, cores - 1)


def hash_password(password: str, cost: int = DEFAULT_COST) -> str:
    """A new bcrypt hash of a password that `password_problem` has nothing against."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def generate_password() -> str:
    """A new password of 100 random bits, easy to read and to type: `k7wqh-3mzp4-x9dkc-7vbtn`."""
    return "-".join(
        "".join(secrets.choice(_CLEAR_SIGNS) for _ in range(_GROUP)) for _ in range(_GROUPS)
    )


def password_problem(password: str) -> str | None:
    """Why `password` can be nobody's new password, as a sentence; None where it can."""
    if clean(password) != password or any(character.isspace() for character in password):
        return "A password has no white space and no control characters."
    size = len(password.encode())
    if size < SHORTEST:
        return f"A password has at least {SHORTEST} bytes; this one has {size}."
    if size > LONGEST:
        return f"A password has at most {LONGEST} bytes; this one has {size}."
    return None


def _judge(login: _Login) -> Answer:
    if not login.wanted():
        return Answer(Verdict.ABANDONED)
    seconds = login.admit()
    if seconds > 0:
        return Answer(Verdict.THROTTLED, seconds)
    if _is_right(login.password, login.hashed, login.cost):
        return Answer(Verdict.RIGHT)
    seconds = login.on_wrong()
    return Answer(Verdict.THROTTLED, seconds) if seconds > 0 else Answer(Verdict.WRONG)


def _is_right(password: str, hashed: str | None, highest_cost: int) -> bool:
    # A password with a control character (NUL is one) is wrong, whatever hash was made of it.
    if hashed is None or clean(password) != password or len(password.encode()) > LONGEST:
        _spend(highest_cost)
        return False
    if bcrypt.checkpw(password.encode(), hashed.encode()):
        return True
    # This took 2**cost rounds. To end up at 2**highest_cost as for an unknown user, spend the
    # difference, which is 2**cost + 2**(cost + 1) + ... + 2**(highest_cost - 1).
    for cost in range(int(hashed[4:6]), highest_cost):
        _spend(cost)
    return False


def _spend(cost: int) -> None:
    bcrypt.hashpw(b"", b"$2b$%02d$%s" % (cost, _DUMMY_SALT))


def _lower_priority() -> None:
    if _CAN_BE_NICED:
        with suppress(OSError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
