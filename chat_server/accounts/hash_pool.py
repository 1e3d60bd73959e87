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
from chat_server.wire import clean

_ResultT = TypeVar("_ResultT")

MAX_QUEUED: Final = 256
"""Most passwords in the queue; further ones wait in their own threads for a place in it."""

MAX_IDLE_WORK: Final = 32
"""Most pieces of work that wait until nobody waits for a hash; further ones are dropped."""

MIN_PASSWORD_BYTES: Final = 8
"""Fewest bytes of a new password."""

MAX_PASSWORD_BYTES: Final = 72
"""Most bytes of a password: what bcrypt looks at."""

_UNAMBIGUOUS_CHARACTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""32 signs, five bits each, that nobody takes for one another: no l, o, 0 or 1."""
_GROUP: Final = 5
_GROUPS: Final = 4

_NICENESS: Final = 19
_NICE_IS_PER_THREAD: Final[bool] = (
    sys.platform == "linux"
)  # one thread alone; elsewhere the process
_DUMMY_SALT: Final = b"abcdefghijklmnopqrstuu"


class AuthStatus(Enum):
    """What became of a password."""

    RIGHT = "right"
    WRONG = "wrong"
    THROTTLED = "throttled"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class AuthResult:
    """The verdict on one login."""

    status: AuthStatus
    retry_after: float = 0.0
    """Seconds until this address may try again, where the outcome is THROTTLED; else 0."""


@dataclass(frozen=True, slots=True)
class _PasswordCheck:
    password: str
    hashed: str | None
    cost: int
    admit: Callable[[], float]
    still_wanted: Callable[[], bool]
    on_wrong: Callable[[], float]


@dataclass(eq=False, slots=True)
class _Task(Generic[_ResultT]):
    """A piece of work that somebody waits for."""

    work: Callable[[], _ResultT]
    result: _ResultT
    """What it gives where the pool stops first."""
    error: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)


class HashPool:
    """The threads that hash: begun by `start`, ended by `stop`. Any thread may give them work."""

    def __init__(self, workers: int | None = None, max_queued: int = MAX_QUEUED) -> None:
        """`workers`: as many as `default_workers` says where it is None."""
        self._max_queued = max_queued
        self._lock = threading.Lock()
        self._work_available = threading.Condition(
            self._lock
        )  # a login came into the queue, or we stop
        self._not_full = threading.Condition(self._lock)  # a login left the queue, or we stop
        self._queue: deque[_Task[Any]] = deque()
        self._running: set[_Task[Any]] = set()
        self._idle_work: deque[Callable[[], None]] = deque()
        self._idle_work_running = False
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
        still_wanted: Callable[[], bool],
        on_wrong: Callable[[], float],
    ) -> AuthResult:
        """Whether `password` is the one of `hashed`; blocks the client's thread until it is known.

        `hashed` is None for an unknown user; `cost` is the highest in the users file. A wrong
        login takes as long as a hash of `cost`, whatever made it wrong.

        The callbacks run in a hashing thread and may take leaf locks only. When the login's turn
        has come, `still_wanted` says whether anybody still waits for it (if not: ABANDONED), and
        `admit`
        for how many seconds its address is shut out (more than 0: THROTTLED, without a hash).
        Right after the hash has said no, `on_wrong` counts that, or returns more than 0 where
        the address had run out in the meantime (THROTTLED too).

        Once the pool is stopped every answer is ABANDONED. An exception of a callback, or of
        bcrypt, is raised here.
        """
        login = _PasswordCheck(password, hashed, cost, admit, still_wanted, on_wrong)
        return self._run_and_wait(
            _Task(lambda: _check_password(login), AuthResult(AuthStatus.ABANDONED))
        )

    def hash_new(self, password: str, cost: int, *, still_wanted: Callable[[], bool]) -> str | None:
        """A new hash of `password`; blocks the client's thread until it is there.

        None where, when its turn has come, it is not `still_wanted` any more, and once the pool is
        stopped.
        """

        def work() -> str | None:
            return hash_password(password, cost) if still_wanted() else None

        return self._run_and_wait(_Task(work, None))

    def run_when_idle(self, work: Callable[[], None]) -> bool:
        """Do `work` when nobody waits for a hash, in a hashing thread; never two at a time.

        Returns whether it was taken: no more than `MAX_IDLE_WORK` wait, and all are dropped where
        the
        pool stops. `work` raises nothing.
        """
        with self._lock:
            if self._stopped or len(self._idle_work) >= MAX_IDLE_WORK:
                return False
            self._idle_work.append(work)
            self._work_available.notify()
            return True

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def _run_and_wait(self, task: _Task[_ResultT]) -> _ResultT:
        with self._lock:
            while len(self._queue) >= self._max_queued and not self._stopped:
                self._not_full.wait()
            if self._stopped:
                return task.result
            self._queue.append(task)
            self._work_available.notify()
        task.done.wait()
        if task.error is not None:
            raise task.error
        return task.result

    def stop(self, timeout: float = 1.0) -> None:
        """Answer everything ABANDONED, hashes under way as well, and end the threads.

        Waits at most `timeout` seconds for hashes under way. May be called twice.
        """
        with self._lock:
            self._stopped = True
            for task in (*self._queue, *self._running):
                task.done.set()
            self._queue.clear()
            self._idle_work.clear()
            self._work_available.notify_all()
            self._not_full.notify_all()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if thread.ident is not None:  # it was started
                thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        _lower_priority()
        while (work := self._next_work()) is not None:
            work()

    def _next_work(self) -> Callable[[], None] | None:
        """What is to be done next; None where the pool has stopped."""
        with self._lock:
            while not self._stopped:
                if self._queue:
                    task = self._queue.popleft()
                    self._running.add(task)
                    self._not_full.notify()
                    return partial(self._run_task, task)
                if self._idle_work and not self._idle_work_running:
                    self._idle_work_running = True
                    return partial(self._run_idle_work, self._idle_work.popleft())
                self._work_available.wait()
            return None

    def _run_task(self, task: _Task[_ResultT]) -> None:
        result = task.result
        trouble: Exception | None = None
        try:
            result = task.work()
        except Exception as error:
            trouble = error
        with self._lock:
            self._running.discard(task)
            if not task.done.is_set():  # else the pool stopped first
                task.result, task.error = result, trouble
                task.done.set()

    def _run_idle_work(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self._lock:
                self._idle_work_running = False


def default_workers() -> int:
    """As many threads as cores where they can be niced; elsewhere one core is left to the chat."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return cores if _NICE_IS_PER_THREAD else max(1, cores - 1)


def hash_password(password: str, cost: int = DEFAULT_COST) -> str:
    """A new bcrypt hash of a password that `password_problem` has nothing against."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def generate_password() -> str:
    """A new password of 100 random bits, easy to read and to type: `k7wqh-3mzp4-x9dkc-7vbtn`."""
    return "-".join(
        "".join(secrets.choice(_UNAMBIGUOUS_CHARACTERS) for _ in range(_GROUP))
        for _ in range(_GROUPS)
    )


def password_problem(password: str) -> str | None:
    """Why `password` can be nobody's new password, as a sentence; None where it can."""
    if clean(password) != password or any(character.isspace() for character in password):
        return "A password has no white space and no control characters."
    size = len(password.encode())
    if size < MIN_PASSWORD_BYTES:
        return f"A password has at least {MIN_PASSWORD_BYTES} bytes; this one has {size}."
    if size > MAX_PASSWORD_BYTES:
        return f"A password has at most {MAX_PASSWORD_BYTES} bytes; this one has {size}."
    return None


def _check_password(login: _PasswordCheck) -> AuthResult:
    if not login.still_wanted():
        return AuthResult(AuthStatus.ABANDONED)
    seconds = login.admit()
    if seconds > 0:
        return AuthResult(AuthStatus.THROTTLED, seconds)
    if _matches(login.password, login.hashed, login.cost):
        return AuthResult(AuthStatus.RIGHT)
    seconds = login.on_wrong()
    return (
        AuthResult(AuthStatus.THROTTLED, seconds) if seconds > 0 else AuthResult(AuthStatus.WRONG)
    )


def _matches(password: str, hashed: str | None, highest_cost: int) -> bool:
    # A password with a control character (NUL is one) is wrong, whatever hash was made of it.
    if hashed is None or clean(password) != password or len(password.encode()) > MAX_PASSWORD_BYTES:
        _burn_rounds(highest_cost)
        return False
    if bcrypt.checkpw(password.encode(), hashed.encode()):
        return True
    # This took 2**cost rounds. To end up at 2**highest_cost as for an unknown user, spend the
    # difference, which is 2**cost + 2**(cost + 1) + ... + 2**(highest_cost - 1).
    for cost in range(int(hashed[4:6]), highest_cost):
        _burn_rounds(cost)
    return False


def _burn_rounds(cost: int) -> None:
    bcrypt.hashpw(b"", b"$2b$%02d$%s" % (cost, _DUMMY_SALT))


def _lower_priority() -> None:
    if _NICE_IS_PER_THREAD:
        with suppress(OSError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
