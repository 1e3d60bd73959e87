"""A pool of threads for bcrypt.

A hash takes a quarter of a second of one core. A few threads at a low priority compute all of them.
So logins wait for each other, and the chat does not wait for a login.
"""

from __future__ import annotations

import os
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

from chat_server.accounts.password_hash import hash_password, password_matches

_ResultT = TypeVar("_ResultT")

MAX_QUEUED: Final = 256
"""Most tasks in the queue. A caller beyond that blocks in its own thread until there is room."""

MAX_IDLE_WORK: Final = 32
"""Most pieces of idle work that wait. Further ones are dropped."""

_NICENESS: Final = 5
"""A third of the weight of a thread at 0. The chat comes first, and a login next to a busy process
takes three or four times as long. At 19 it got a seventieth of a core and took 22 s."""

_NICE_IS_PER_THREAD: Final[bool] = sys.platform == "linux"
"""Elsewhere niceness belongs to the whole process."""


class CheckStatus(Enum):
    """The outcome of a password check."""

    RIGHT = "right"
    WRONG = "wrong"
    THROTTLED = "throttled"
    ABANDONED = "abandoned"
    """The caller no longer wants the result, or the pool has stopped."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of `HashPool.check`."""

    status: CheckStatus
    retry_after: float = 0.0
    """Seconds until the address may try again if the status is THROTTLED, else 0."""


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
    """Work in the queue, with a caller that waits for its result."""

    work: Callable[[], _ResultT]
    result: _ResultT
    """Set by the caller: the result if the pool stops first."""
    error: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)


class HashPool:
    """Hashing threads, from `start` to `stop`. Any thread may submit work.

    The lock is a leaf: no other lock is taken while it is held.
    """

    def __init__(self, workers: int | None = None, max_queued: int = MAX_QUEUED) -> None:
        """`workers`: number of threads; None: `default_workers()`."""
        self._max_queued = max_queued
        self._lock = threading.Lock()
        # Notified when work is submitted, and by `stop`.
        self._work_available = threading.Condition(self._lock)
        # Notified when a task leaves the queue, and by `stop`.
        self._not_full = threading.Condition(self._lock)
        self._queue: deque[_Task[Any]] = deque()
        self._running: set[_Task[Any]] = set()
        self._idle_work: deque[Callable[[], None]] = deque()
        self._idle_work_running = False
        self._stopped = False
        # Daemons: a second signal must end the process although a hash may take four seconds.
        self._threads = [
            threading.Thread(target=self._run, name=f"hashing-{number}", daemon=True)
            for number in range(default_workers() if workers is None else workers)
        ]

    def start(self) -> None:
        """Start the threads. Raises `RuntimeError` if the system refuses more threads."""
        for thread in self._threads:
            thread.start()

    @property
    def is_alive(self) -> bool:
        """True while all threads run."""
        return all(thread.is_alive() for thread in self._threads)

    @property
    def waiting(self) -> int:
        """Tasks in the queue, without those that block because the queue is full."""
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
    ) -> CheckResult:
        """Check `password` against `hashed`. Block the client's thread until the result is there.

        `hashed` is None for an unknown user. `cost` is the highest cost in the users file. A wrong
        password takes as long as a hash of `cost`, whatever made it wrong.

        The callbacks run in a hashing thread and may take leaf locks only. When it is the login's
        turn, `still_wanted` returns False if the client no longer waits (result: ABANDONED). Then
        `admit` returns for how many seconds the address is throttled (above 0: THROTTLED, without
        a hash). If the password is wrong, `on_wrong` counts the failure right after the hash. It
        returns more than 0 if the address has used up its failures meanwhile (THROTTLED as well).

        After `stop`, every result is ABANDONED. An exception of a callback, or of bcrypt, is
        raised here.
        """
        check = _PasswordCheck(password, hashed, cost, admit, still_wanted, on_wrong)
        return self._run_and_wait(
            _Task(lambda: _check_password(check), CheckResult(CheckStatus.ABANDONED))
        )

    def hash_new(self, password: str, cost: int, *, still_wanted: Callable[[], bool]) -> str | None:
        """Return a new hash of `password`. Block the client's thread until it is there.

        Return None if `still_wanted` returns False when it is this task's turn, and after `stop`.
        """

        def work() -> str | None:
            return hash_password(password, cost) if still_wanted() else None

        return self._run_and_wait(_Task(work, None))

    def run_when_idle(self, work: Callable[[], None]) -> bool:
        """Run `work` in a hashing thread when the queue is empty; never two pieces at a time.

        Return False if it is dropped: at most `MAX_IDLE_WORK` pieces wait, and `stop` drops all.
        `work` must not raise.
        """
        with self._lock:
            if self._stopped or len(self._idle_work) >= MAX_IDLE_WORK:
                return False
            self._idle_work.append(work)
            self._work_available.notify()
            return True

    @property
    def is_stopped(self) -> bool:
        """True once `stop` was called."""
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
        """Answer every task ABANDONED, also those that run now, and end the threads.

        Wait at most `timeout` seconds for hashes that run now. May be called twice.
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
        """Block for the next work and return it. Return None after `stop`."""
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
        error: Exception | None = None
        try:
            result = task.work()
        except Exception as raised:
            error = raised
        with self._lock:
            self._running.discard(task)
            if not task.done.is_set():  # else `stop` came first
                task.result, task.error = result, error
                task.done.set()

    def _run_idle_work(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self._lock:
                self._idle_work_running = False


def default_workers() -> int:
    """Return the number of cores if threads can be niced, else one less: the chat needs a core."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return cores if _NICE_IS_PER_THREAD else max(1, cores - 1)


def _check_password(check: _PasswordCheck) -> CheckResult:
    if not check.still_wanted():
        return CheckResult(CheckStatus.ABANDONED)
    seconds = check.admit()
    if seconds > 0:
        return CheckResult(CheckStatus.THROTTLED, seconds)
    if password_matches(check.password, check.hashed, check.cost):
        return CheckResult(CheckStatus.RIGHT)
    seconds = check.on_wrong()
    if seconds > 0:
        return CheckResult(CheckStatus.THROTTLED, seconds)
    return CheckResult(CheckStatus.WRONG)


def _lower_priority() -> None:
    if _NICE_IS_PER_THREAD:
        with suppress(OSError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
