"""Clocks that do not move until the test sets them."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

import pytest

TimeT = TypeVar("TimeT")


class _ManualClock(Generic[TimeT]):
    def __init__(self, now: TimeT) -> None:
        self.now = now

    def __call__(self) -> TimeT:
        return self.now


class FakeClock(_ManualClock[float]):
    """A monotonic clock in seconds. The test sets `now`."""

    def __init__(self, now: float = 1000.0) -> None:
        super().__init__(now)


class FakeLocalClock(_ManualClock[datetime]):
    """A clock of local time. The test sets `now`."""


@pytest.fixture
def clock() -> FakeClock:
    """Return a monotonic clock that does not move by itself."""
    return FakeClock()
