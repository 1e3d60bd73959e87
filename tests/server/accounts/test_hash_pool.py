"""The hash pool: results, equal cost of wrong passwords, queue order, and results after stop."""

import os
import sys
import threading
from collections.abc import Callable, Iterator

import bcrypt
import pytest

from chat_server.accounts import Priority, Turn, hash_pool, password_hash
from chat_server.accounts.hash_pool import (
    MAX_IDLE_WORK,
    CheckResult,
    CheckStatus,
    HashPool,
    default_workers,
)
from chat_server.accounts.password_hash import hash_password
from tests.support.wait_until import until

RIGHT = hash_password("password123", cost=4)


class Callbacks:
    """The callbacks of one check: they return fixed values and record their calls."""

    def __init__(self, *, admit: float = 0.0, wanted: bool = True, on_wrong: float = 0.0) -> None:
        self._results = {"admit": admit, "on_wrong": on_wrong}
        self._wanted = wanted
        self.calls: list[str] = []

    def admit(self) -> float:
        self.calls.append("admit")
        return self._results["admit"]

    def wanted(self) -> bool:
        self.calls.append("wanted")
        return self._wanted

    def on_wrong(self) -> float:
        self.calls.append("on_wrong")
        return self._results["on_wrong"]


@pytest.fixture
def pool() -> Iterator[HashPool]:
    pool = HashPool(workers=2)
    pool.start()
    yield pool
    pool.stop()


def check(
    pool: HashPool,
    password: str,
    hashed: str | None = RIGHT,
    callbacks: Callbacks | None = None,
    cost: int = 4,
) -> CheckResult:
    callbacks = callbacks or Callbacks()
    return pool.check(
        password,
        hashed,
        cost,
        admit=callbacks.admit,
        still_wanted=callbacks.wanted,
        on_wrong=callbacks.on_wrong,
    )


def test_correct_password_is_accepted(pool: HashPool) -> None:
    callbacks = Callbacks()
    assert check(pool, "password123", callbacks=callbacks) == CheckResult(CheckStatus.RIGHT)
    assert callbacks.calls == ["wanted", "admit"]


def test_wrong_password_is_counted_after_hashing(pool: HashPool) -> None:
    callbacks = Callbacks()
    assert check(pool, "password124", callbacks=callbacks) == CheckResult(CheckStatus.WRONG)
    assert callbacks.calls == ["wanted", "admit", "on_wrong"]


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_bcrypt_prefixes_of_other_programs_are_accepted(pool: HashPool, prefix: str) -> None:
    assert check(pool, "password123", prefix + RIGHT[4:]).status is CheckStatus.RIGHT


@pytest.mark.parametrize(
    "password",
    ["", "x" * 73, "é" * 37, "nul\0nul\0", "esc\x1b[31m", "bidi\u202ebidi", "lone\ud800", "日本"],
)
@pytest.mark.parametrize("hashed", [None, RIGHT], ids=["unknown", "known"])
def test_invalid_passwords_are_treated_as_wrong(
    pool: HashPool, password: str, hashed: str | None
) -> None:
    assert check(pool, password, hashed).status is CheckStatus.WRONG


def test_password_with_control_character_is_wrong_even_if_hash_matches(
    pool: HashPool,
) -> None:
    hashed = bcrypt.hashpw(b"pass\x1bword", bcrypt.gensalt(4)).decode()
    assert check(pool, "pass\x1bword", hashed).status is CheckStatus.WRONG


@pytest.mark.parametrize(
    ("password", "hashed"),
    [
        ("password123", None),
        ("x" * 73, RIGHT),
        ("nul\0nul\0", RIGHT),
        ("password124", RIGHT),
        ("password124", hash_password("password123", cost=6)),
        ("password124", hash_password("password123", cost=7)),
    ],
    # Salts differ from run to run. Test names must not.
    ids=["unknown", "too long", "NUL", "wrong", "wrong at cost 6", "wrong at cost 7"],
)
def test_every_wrong_login_costs_the_highest_bcrypt_cost(
    pool: HashPool, monkeypatch: pytest.MonkeyPatch, password: str, hashed: str | None
) -> None:
    rounds = 0

    class Counting:
        @staticmethod
        def checkpw(secret: bytes, hashed: bytes) -> bool:
            nonlocal rounds
            rounds += 2 ** int(hashed[4:6])
            return bcrypt.checkpw(secret, hashed)

        @staticmethod
        def hashpw(secret: bytes, salt: bytes) -> bytes:
            nonlocal rounds
            rounds += 2 ** int(salt[4:6])
            return bcrypt.hashpw(secret, salt)

    monkeypatch.setattr(password_hash, "bcrypt", Counting)
    assert check(pool, password, hashed, cost=7).status is CheckStatus.WRONG
    assert rounds == 2**7


def test_throttled_login_is_not_hashed(pool: HashPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(password_hash, "bcrypt")
    callbacks = Callbacks(admit=12.5)
    assert check(pool, "password123", callbacks=callbacks) == CheckResult(
        CheckStatus.THROTTLED, 12.5
    )
    assert callbacks.calls == ["wanted", "admit"]


def test_abandoned_login_is_not_hashed(pool: HashPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(password_hash, "bcrypt")
    callbacks = Callbacks(wanted=False)
    assert check(pool, "password123", callbacks=callbacks) == CheckResult(CheckStatus.ABANDONED)
    assert callbacks.calls == ["wanted"]


def test_wrong_password_beyond_failure_limit_is_throttled(pool: HashPool) -> None:
    assert check(pool, "wrong", callbacks=Callbacks(on_wrong=7.0)) == CheckResult(
        CheckStatus.THROTTLED, 7.0
    )


def test_hashing_error_is_raised_to_caller_and_pool_continues(pool: HashPool) -> None:
    for _ in range(5):  # more than there are threads
        with pytest.raises(ValueError, match="salt"):
            check(pool, "password123", "not a hash")
    assert check(pool, "password123").status is CheckStatus.RIGHT


class Gate:
    """Blocks the hashing threads in their `admit` callback until it is opened."""

    def __init__(self, workers: int) -> None:
        self._blocked = threading.Semaphore(0)
        self._open = threading.Event()
        self._workers = workers

    def admit(self) -> float:
        self._blocked.release()
        self._open.wait()
        return 0.0

    def wait_until_all_are_blocked(self) -> None:
        for _ in range(self._workers):
            assert self._blocked.acquire(timeout=10)

    def open(self) -> None:
        self._open.set()


def start_checks(
    pool: HashPool,
    gate: Gate,
    number: int,
    *,
    on_wrong: Callable[[], float] = lambda: 0.0,
    timeout: float | None = None,
) -> tuple[list[threading.Thread], list[CheckResult]]:
    results: list[CheckResult] = []

    def log_in() -> None:
        results.append(
            pool.check(
                "password123",
                RIGHT,
                4,
                admit=gate.admit,
                still_wanted=lambda: True,
                on_wrong=on_wrong,
                timeout=timeout,
            )
        )

    threads = [threading.Thread(target=log_in) for _ in range(number)]
    for thread in threads:
        thread.start()
    return threads, results


def test_logins_that_wait_are_all_answered() -> None:
    pool = HashPool(workers=2)
    pool.start()
    gate = Gate(2)
    threads, results = start_checks(pool, gate, 20)
    gate.wait_until_all_are_blocked()
    gate.open()
    for thread in threads:
        thread.join(10)
    assert results == [CheckResult(CheckStatus.RIGHT)] * 20
    pool.stop()


def test_stop_results_queued_and_running_checks_at_once() -> None:
    pool = HashPool(workers=2)
    pool.start()
    gate = Gate(2)
    threads, results = start_checks(pool, gate, 20)
    gate.wait_until_all_are_blocked()
    pool.stop(timeout=0)
    for thread in threads:
        thread.join(10)
    assert results == [CheckResult(CheckStatus.ABANDONED)] * 20
    gate.open()
    pool.stop()
    assert check(pool, "password123") == CheckResult(CheckStatus.ABANDONED)


def test_unstarted_pool_can_be_stopped() -> None:
    HashPool(workers=2).stop()


def test_logins_are_hashed_in_queue_order() -> None:
    pool = HashPool(workers=1)
    pool.start()
    gate = Gate(1)
    first, _ = start_checks(pool, gate, 1)
    gate.wait_until_all_are_blocked()
    order: list[int] = []

    def log_in(number: int) -> None:
        def admit() -> float:
            order.append(number)
            return 0.0

        pool.check("x", RIGHT, 4, admit=admit, still_wanted=lambda: True, on_wrong=lambda: 0.0)

    threads = [threading.Thread(target=log_in, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads):
        thread.start()
        wait_for_queue(pool, number + 1)
    gate.open()
    for thread in (*first, *threads):
        thread.join(10)
    assert order == [0, 1, 2, 3, 4]
    pool.stop()


def wait_for_queue(pool: HashPool, length: int) -> None:
    until(lambda: len(pool._queue) == length, "the login is queued")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_only_hashing_threads_lower_their_priority(pool: HashPool) -> None:
    niceness: list[int] = []

    def admit() -> float:
        niceness.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return 0.0

    before = os.getpriority(os.PRIO_PROCESS, 0)
    pool.check("x", RIGHT, 4, admit=admit, still_wanted=lambda: True, on_wrong=lambda: 0.0)
    assert niceness == [5]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_default_workers_leave_one_core_free_without_thread_priority(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert default_workers() >= 1
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(hash_pool, "_NICE_IS_PER_THREAD", False)
    for cores, workers in ((8, 7), (1, 1), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert default_workers() == workers


# Turns, lanes, remembered passwords and the time in the queue

ALICE = Turn(Priority.KNOWN_ACCOUNT, ("alice",), "lane of alice")


def unexpected() -> float:
    raise AssertionError("it must not be called")


def test_password_that_is_known_to_be_right_needs_no_hash(
    pool: HashPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(password_hash, "bcrypt")
    for at_once in (False, True):
        result = pool.check(
            "x",
            RIGHT,
            4,
            admit=lambda: 0.0,
            still_wanted=lambda: True,
            on_wrong=unexpected,
            recall=lambda: True,
            recall_at_once=at_once,
            turn=ALICE,
        )
        assert result == CheckResult(CheckStatus.RIGHT)
    assert not pool._queue._lanes


def test_remembered_password_needs_no_turn_while_all_threads_hash() -> None:
    pool = HashPool(workers=1)
    pool.start()
    gate = Gate(1)
    threads, _ = start_checks(pool, gate, 1)
    gate.wait_until_all_are_blocked()
    calls: list[str] = []

    def admit() -> float:
        calls.append("admit")
        return 0.0

    def recall() -> bool:
        calls.append("recall")
        return True

    result = pool.check(
        "password123",
        RIGHT,
        4,
        admit=admit,
        still_wanted=lambda: True,
        on_wrong=unexpected,
        recall=recall,
        recall_at_once=True,
        turn=ALICE,
    )
    assert result == CheckResult(CheckStatus.RIGHT)
    assert calls == ["admit", "recall"], "a throttled login learns nothing from the memory"
    gate.open()
    for thread in threads:
        thread.join(10)
    pool.stop()


def test_error_of_a_callback_releases_the_lane(pool: HashPool) -> None:
    for at_once in (True, False):
        with pytest.raises(ZeroDivisionError):
            pool.check(
                "x",
                RIGHT,
                4,
                admit=lambda: 0.0,
                still_wanted=lambda: True,
                on_wrong=unexpected,
                recall=lambda: bool(1 // 0),
                recall_at_once=at_once,
                turn=ALICE,
            )
    assert not pool._queue._lanes


def test_throttled_login_does_not_reach_remembered_passwords(pool: HashPool) -> None:
    for at_once in (False, True):
        result = pool.check(
            "x",
            RIGHT,
            4,
            admit=lambda: 5.0,
            still_wanted=lambda: True,
            on_wrong=unexpected,
            recall=lambda: bool(unexpected()),
            recall_at_once=at_once,
            turn=ALICE,
        )
        assert result == CheckResult(CheckStatus.THROTTLED, 5.0)
    assert not pool._queue._lanes


def test_guesses_for_one_lane_are_made_one_after_the_other() -> None:
    """However many connections guess: the failure of one is counted before the next."""
    pool = HashPool(workers=2)
    pool.start()
    lock = threading.Lock()
    guessing: set[int] = set()
    most, failures = 0, 0
    recalled: list[int] = []
    results: list[CheckStatus] = []

    def guess(number: int) -> None:
        def admit() -> float:
            nonlocal most
            with lock:
                if failures >= 3:
                    return 60.0
                guessing.add(number)
                most = max(most, len(guessing))
            return 0.0

        def recall() -> bool:
            recalled.append(number)
            return False

        def on_wrong() -> float:
            nonlocal failures
            with lock:
                guessing.discard(number)
                failures += 1
            return 0.0

        results.append(
            pool.check(
                "wrong",
                RIGHT,
                4,
                admit=admit,
                still_wanted=lambda: True,
                on_wrong=on_wrong,
                recall=recall,
                recall_at_once=True,
                turn=ALICE,
            ).status
        )

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    # The first guess looks twice: in its own thread, and when it is its turn.
    assert results.count(CheckStatus.WRONG) == 3
    assert results.count(CheckStatus.THROTTLED) == 13
    assert len(set(recalled)) == 3
    pool.stop()
    assert most == 1


def test_login_that_waits_too_long_is_answered_and_leaves_the_queue() -> None:
    pool = HashPool(workers=1)
    pool.start()
    gate = Gate(1)
    threads, _ = start_checks(pool, gate, 1)
    gate.wait_until_all_are_blocked()
    result = pool.check(
        "password123",
        RIGHT,
        4,
        admit=unexpected,
        still_wanted=lambda: True,
        on_wrong=unexpected,
        turn=ALICE,
        timeout=0.05,
    )
    assert result == CheckResult(CheckStatus.TIMED_OUT)
    assert pool.waiting == 0
    gate.open()
    for thread in threads:
        thread.join(10)
    pool.stop()


def test_hash_that_runs_at_the_deadline_is_not_cut() -> None:
    pool = HashPool(workers=1)
    pool.start()
    gate = Gate(1)
    # The gate opens long after the timeout.
    (thread,), results = start_checks(pool, gate, 1, on_wrong=unexpected, timeout=0.01)
    gate.wait_until_all_are_blocked()
    thread.join(0.1)
    assert thread.is_alive()
    gate.open()
    thread.join(10)
    assert results == [CheckResult(CheckStatus.RIGHT)]
    pool.stop()


def test_known_account_goes_before_strangers_that_came_first() -> None:
    pool = HashPool(workers=1)
    pool.start()
    gate = Gate(1)
    first, _ = start_checks(pool, gate, 1)
    gate.wait_until_all_are_blocked()
    order: list[str] = []

    def log_in(name: str, turn: Turn) -> None:
        def admit() -> float:
            order.append(name)
            return 0.0

        pool.check(
            "x",
            RIGHT,
            4,
            admit=admit,
            still_wanted=lambda: True,
            on_wrong=lambda: 0.0,
            turn=turn,
        )

    strangers = [(f"stranger {n}", Turn(Priority.STRANGER, (n,))) for n in range(5)]
    threads = []
    for number, (name, turn) in enumerate([*strangers, ("alice", ALICE)]):
        threads.append(threading.Thread(target=log_in, args=(name, turn)))
        threads[-1].start()
        wait_for_queue(pool, number + 1)
    gate.open()
    for thread in (*first, *threads):
        thread.join(10)
    assert order[0] == "alice"
    assert sorted(order[1:]) == [name for name, _ in strangers]
    pool.stop()


# New hashes and idle work


def test_pool_makes_new_hash(pool: HashPool) -> None:
    hashed = pool.hash_new("password456", 4, still_wanted=lambda: True)
    assert hashed is not None
    assert hashed.startswith("$2b$04$")
    assert check(pool, "password456", hashed).status is CheckStatus.RIGHT


def test_pool_skips_cancelled_hash(pool: HashPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(password_hash, "bcrypt")
    assert pool.hash_new("password456", 4, still_wanted=lambda: False) is None


def test_stopped_pool_makes_no_hash(pool: HashPool) -> None:
    pool.stop()
    assert pool.hash_new("password456", 4, still_wanted=lambda: True) is None
    assert not pool.run_when_idle(lambda: None)
    assert pool.is_stopped


def test_idle_work_waits_for_logins_and_leaves_one_thread_free() -> None:
    pool = HashPool(workers=2)
    pool.start()
    gate = Gate(2)
    threads, results = start_checks(pool, gate, 2)
    gate.wait_until_all_are_blocked()
    order: list[str] = []
    started, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        order.append("first")
        started.set()
        go_on.wait(10)

    def second() -> None:
        order.append("second")
        done.set()

    assert pool.run_when_idle(first)
    assert pool.run_when_idle(second)
    assert order == []
    gate.open()
    for thread in threads:
        thread.join(10)
    assert len(results) == 2
    assert started.wait(10)
    assert check(pool, "password123").status is CheckStatus.RIGHT
    assert order == ["first"], "idle work left the other thread free"
    go_on.set()
    assert done.wait(10)
    assert order == ["first", "second"]
    pool.stop()


def test_idle_work_is_bounded_and_dropped_on_stop() -> None:
    pool = HashPool(workers=1)
    pool.start()
    gate = Gate(1)
    threads, _ = start_checks(pool, gate, 1)
    gate.wait_until_all_are_blocked()
    done: list[int] = []
    taken = [pool.run_when_idle(lambda: done.append(1)) for _ in range(MAX_IDLE_WORK + 5)]
    assert taken == [True] * MAX_IDLE_WORK + [False] * 5
    pool.stop(timeout=0)
    gate.open()
    pool.stop()
    for thread in threads:
        thread.join(10)
    assert done == []
