"""A pool of threads for bcrypt.

A hash takes a quarter of a second of one core. A few threads at a low priority compute all of them.
So logins wait for each other, and the chat does not wait for a login. `FairQueue` decides which one
is next.
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

from chat_server.accounts.fair_queue import FairQueue, Turn
from chat_server.accounts.password_hash import hash_password, password_matches

_ResultT = TypeVar("_ResultT")

MAX_IDLE_WORK: Final = 32
"""Most pieces of idle work that wait. Further ones are dropped."""

_NICENESS: Final = 5
"""A third of the weight of a thread at 0. The chat comes first, and a login next to a busy process
takes three or four times as long. At 19 it got a seventieth of a core and took 22 s."""

_NICE_IS_PER_THREAD: Final[bool] = sys.platform == "linux"
"""Elsewhere niceness belongs to the whole process."""


_ANY_TURN: Final = Turn()


class CheckStatus(Enum):
    """The outcome of a password check."""

    RIGHT = "right"
    WRONG = "wrong"
    THROTTLED = "throttled"
    ABANDONED = "abandoned"
    """The caller no longer wants the result, or the pool has stopped."""
    TIMED_OUT = "timed out"
    """It was not this check's turn in time. The password was not checked."""


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
    recall: Callable[[], bool]
    still_wanted: Callable[[], bool]
    on_wrong: Callable[[], float]


@dataclass(eq=False, slots=True)
class _Task(Generic[_ResultT]):
    """Work in the queue, with a caller that waits for its result."""

    work: Callable[[], _ResultT]
    turn: Turn
    result: _ResultT
    """Set by the caller: the result if the pool stops first."""
    on_timeout: _ResultT
    """The result if it is not this task's turn in time."""
    error: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)


class HashPool:
    """Hashing threads, from `start` to `stop`. Any thread may submit work.

    The lock is a leaf: no other lock is taken while it is held.
    """

    def __init__(self, workers: int | None = None) -> None:
        """`workers`: number of threads; None: `default_workers()`."""
        self._lock = threading.Lock()
        # Notified when work is submitted, and by `stop`.
        self._work_available = threading.Condition(self._lock)
        # Bounded by the clients: each task has a client's thread that waits for it.
        self._queue: FairQueue[_Task[Any]] = FairQueue()
        self._unfinished: set[_Task[Any]] = set()
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
        """Tasks in the queue."""
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
        recall: Callable[[], bool] = lambda: False,
        recall_at_once: bool = False,
        turn: Turn = _ANY_TURN,
        timeout: float | None = None,
    ) -> CheckResult:
        """Check `password` against `hashed`. Block the client's thread until the result is there.

        `hashed` is None for an unknown user. `cost` is the highest cost in the users file. A wrong
        password takes as long as a hash of `cost`, whatever made it wrong.

        The callbacks run in a hashing thread and may take leaf locks only. When it is the login's
        turn, `still_wanted` returns False if the client no longer waits (result: ABANDONED). Then
        `admit` returns for how many seconds the address is throttled (above 0: THROTTLED, without
        a hash), and `recall` whether the password is known to be right (RIGHT, without a hash). If
        the password is wrong, `on_wrong` counts the failure right after the hash. It returns more
        than 0 if the address has used up its failures meanwhile (THROTTLED as well).

        `recall_at_once`: if the lane of `turn` is free, call `admit` and `recall` here, in the
        caller's thread, before the task is queued. One lane has one such call or task at a time, so
        many connections do not make more guesses than the limit. `timeout`: seconds in the queue
        (result: TIMED_OUT).

        After `stop`, every result is ABANDONED. An exception of a callback, or of bcrypt, is
        raised here.
        """
        check = _PasswordCheck(password, hashed, cost, admit, recall, still_wanted, on_wrong)
        task = _Task(
            lambda: _check_password(check),
            turn,
            CheckResult(CheckStatus.ABANDONED),
            CheckResult(CheckStatus.TIMED_OUT),
        )
        claimed = recall_at_once and self._claim(turn)
        if claimed:
            result = self._recall(check, turn)
            if result is not None:
                return result
        return self._run_and_wait(task, timeout, claimed=claimed)

    def hash_new(
        self,
        password: str,
        cost: int,
        *,
        still_wanted: Callable[[], bool],
        turn: Turn = _ANY_TURN,
    ) -> str | None:
        """Return a new hash of `password`. Block the client's thread until it is there.

        Return None if `still_wanted` returns False when it is this task's turn, and after `stop`.
        """

        def work() -> str | None:
            return hash_password(password, cost) if still_wanted() else None

        return self._run_and_wait(_Task(work, turn, None, None), None)

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

    def _claim(self, turn: Turn) -> bool:
        with self._lock:
            return not self._stopped and turn.lane is not None and self._queue.claim(turn.lane)

    def _recall(self, check: _PasswordCheck, turn: Turn) -> CheckResult | None:
        """Return the result if no hash is needed for it, and release the claimed lane. Else None.

        If None is returned, the lane stays claimed.
        """
        result: CheckResult | None = CheckResult(CheckStatus.ABANDONED)
        try:
            seconds = check.admit()
            if seconds > 0:
                result = CheckResult(CheckStatus.THROTTLED, seconds)
            elif check.recall():
                result = CheckResult(CheckStatus.RIGHT)
            else:
                result = None
        finally:
            if result is not None:
                self._release(turn)
        return result

    def _release(self, turn: Turn) -> None:
        with self._lock:
            if not self._stopped:
                self._queue.release(turn.lane)
                self._work_available.notify()

    def _run_and_wait(
        self, task: _Task[_ResultT], timeout: float | None, *, claimed: bool = False
    ) -> _ResultT:
        with self._lock:
            if self._stopped:
                return task.result
            self._unfinished.add(task)
            self._queue.put(task, task.turn, claimed=claimed)
            self._work_available.notify()
        if not task.done.wait(timeout):
            with self._lock:
                if not self._stopped and self._queue.remove(task, task.turn):
                    self._unfinished.discard(task)
                    self._work_available.notify()  # the next task of the lane
                    return task.on_timeout
            task.done.wait()  # it runs now
        if task.error is not None:
            raise task.error
        return task.result

    def stop(self, timeout: float = 1.0) -> None:
        """Answer every task ABANDONED, also those that run now, and end the threads.

        Wait at most `timeout` seconds for hashes that run now. May be called twice.
        """
        with self._lock:
            self._stopped = True
            for task in self._unfinished:
                task.done.set()
            self._unfinished.clear()
            self._queue.clear()
            self._idle_work.clear()
            self._work_available.notify_all()
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
                if (task := self._queue.take()) is not None:
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
            if task.done.is_set():  # `stop` came first
                return
            self._unfinished.discard(task)
            self._queue.release(task.turn.lane)
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
    if check.recall():
        return CheckResult(CheckStatus.RIGHT)
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
