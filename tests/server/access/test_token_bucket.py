"""The rate limit of a client's lines, with a fake clock."""

import pytest

from chat_server.access.token_bucket import TokenBucket
from tests.support.fake_clock import FakeClock


def test_token_bucket_starts_full_and_then_delays(clock: FakeClock) -> None:
    bucket = TokenBucket(10, 3, clock)
    assert [bucket.take() for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.take() == pytest.approx(0.1)


def test_token_bucket_delays_accumulate(clock: FakeClock) -> None:
    bucket = TokenBucket(10, 1, clock)
    bucket.take()
    assert [bucket.take() for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])


def test_token_bucket_allows_exactly_its_rate(clock: FakeClock) -> None:
    bucket = TokenBucket(10, 20, clock)
    for _ in range(120):
        clock.now += bucket.take()
    assert clock.now == pytest.approx(1000 + (120 - 20) / 10)


def test_token_bucket_never_exceeds_burst(clock: FakeClock) -> None:
    bucket = TokenBucket(10, 2, clock)
    clock.now += 3600
    assert [bucket.take() for _ in range(3)] == pytest.approx([0.0, 0.0, 0.1])


def test_token_bucket_with_rate_zero_is_unlimited(clock: FakeClock) -> None:
    bucket = TokenBucket(0, 1, clock)
    assert {bucket.take() for _ in range(1000)} == {0.0}
