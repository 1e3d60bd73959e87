"""The limits, with a clock that the test moves."""

import threading

import pytest

from chat_server.limits import ConnectionsPerAddress, LoginThrottle, TokenBucket, is_loopback


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_bucket_is_full_at_the_start_and_then_makes_wait(clock: Clock) -> None:
    bucket = TokenBucket(10, 3, clock)
    assert [bucket.take() for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.take() == pytest.approx(0.1)


def test_bucket_takes_the_token_in_any_case(clock: Clock) -> None:
    bucket = TokenBucket(10, 1, clock)
    bucket.take()
    assert [bucket.take() for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])


def test_bucket_lets_through_exactly_its_rate_to_one_who_waits(clock: Clock) -> None:
    bucket = TokenBucket(10, 20, clock)
    for _ in range(120):
        clock.now += bucket.take()
    assert clock.now == pytest.approx(1000 + (120 - 20) / 10)


def test_bucket_never_holds_more_than_its_burst(clock: Clock) -> None:
    bucket = TokenBucket(10, 2, clock)
    clock.now += 3600
    assert [bucket.take() for _ in range(3)] == pytest.approx([0.0, 0.0, 0.1])


def test_bucket_of_rate_zero_has_no_limit(clock: Clock) -> None:
    bucket = TokenBucket(0, 1, clock)
    assert {bucket.take() for _ in range(1000)} == {0.0}


def test_throttle_lets_ten_failures_through_and_then_nothing(clock: Clock) -> None:
    throttle = LoginThrottle(10, 600, clock)
    for _ in range(10):
        assert throttle.retry_after("192.0.2.1") == 0.0
        assert throttle.failed("192.0.2.1") == 0.0
        clock.now += 1
    assert throttle.retry_after("192.0.2.1") == pytest.approx(590)
    assert throttle.retry_after("192.0.2.2") == 0.0


def test_throttle_opens_when_the_oldest_failure_is_old_enough(clock: Clock) -> None:
    throttle = LoginThrottle(2, 600, clock)
    throttle.failed("::1")
    clock.now += 100
    throttle.failed("::1")
    clock.now += 499.5
    assert throttle.retry_after("::1") == pytest.approx(0.5)
    clock.now += 0.5
    assert throttle.retry_after("::1") == 0.0
    throttle.failed("::1")
    assert throttle.retry_after("::1") == pytest.approx(100)


def test_throttle_counts_no_more_than_it_lets_through(clock: Clock) -> None:
    throttle = LoginThrottle(2, 600, clock)
    assert [throttle.failed("127.0.0.1") for _ in range(3)] == pytest.approx([0.0, 0.0, 600.0])
    clock.now += 600
    assert throttle.failed("127.0.0.1") == 0.0


def test_throttle_tells_exactly_ten_failures_however_many_fail_at_once() -> None:
    throttle = LoginThrottle(10, 600)
    start = threading.Barrier(8)
    waits: list[float] = []

    def fail() -> None:
        start.wait()
        waits.extend(throttle.failed("192.0.2.1") for _ in range(5))

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waits.count(0.0) == 10


def test_throttle_of_zero_is_off(clock: Clock) -> None:
    throttle = LoginThrottle(0, 600, clock)
    assert {throttle.failed("192.0.2.1") for _ in range(100)} == {0.0}
    assert throttle.retry_after("192.0.2.1") == 0.0


def test_throttle_forgets_first_who_failed_longest_ago(clock: Clock) -> None:
    throttle = LoginThrottle(1, 600, clock, remembered=2)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        throttle.failed(address)
    assert throttle.retry_after("192.0.2.1") == 0.0
    assert throttle.retry_after("192.0.2.2") > 0
    assert throttle.retry_after("192.0.2.3") > 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:1"),
        ("2001:db8:0:0:1::", "2001:0db8:0:0:0:0:0:2"),
        ("fe80::1%eth0", "fe80::2%eth1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_addresses_that_count_as_one(clock: Clock, one: str, other: str) -> None:
    throttle = LoginThrottle(1, 600, clock)
    throttle.failed(one)
    assert throttle.retry_after(other) > 0
    connections = ConnectionsPerAddress(1, loopback_exempt=True)
    assert connections.admit(one)
    assert not connections.admit(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8:0:1::1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
        ("no address", "none either"),
    ],
)
def test_addresses_that_count_apart(clock: Clock, one: str, other: str) -> None:
    throttle = LoginThrottle(1, 600, clock)
    throttle.failed(one)
    assert throttle.retry_after(other) == 0.0


def test_connections_are_counted_and_given_back() -> None:
    connections = ConnectionsPerAddress(2, loopback_exempt=True)
    assert [connections.admit("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert connections.admit("192.0.2.2")
    connections.release("192.0.2.1")
    assert [connections.admit("192.0.2.1") for _ in range(2)] == [True, False]


def test_connections_of_this_machine_are_exempt_only_if_said() -> None:
    exempt = ConnectionsPerAddress(1, loopback_exempt=True)
    assert [exempt.admit("127.0.0.1") for _ in range(3)] == [True, True, True]
    exempt.release("127.0.0.1")
    counted = ConnectionsPerAddress(1, loopback_exempt=False)
    assert [counted.admit("127.0.0.1") for _ in range(2)] == [True, False]


def test_connections_without_limit() -> None:
    connections = ConnectionsPerAddress(0, loopback_exempt=False)
    assert all(connections.admit("192.0.2.1") for _ in range(100))
    connections.release("192.0.2.1")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["192.0.2.1", "::2", "::ffff:192.0.2.1", "localhost", ""])
def test_not_loopback(address: str) -> None:
    assert not is_loopback(address)
