"""Token bucket: the rate limit for the lines of one client."""

from __future__ import annotations

import time
from collections.abc import Callable


class TokenBucket:
    """One client's allowance of lines. Full at the start.

    No lock: only the client's own thread uses it.
    """

    __slots__ = ("_burst", "_clock", "_filled_at", "_rate", "_tokens")

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`rate`: lines per second, 0 for no limit. `burst`: lines that may come at once.

        `clock` returns monotonic seconds.
        """
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled_at = clock()

    def take(self) -> float:
        """Take one token. Return the seconds to wait before the line may be processed.

        The token is taken in any case: the caller waits and then processes the line without a
        second call.
        """
        if self._rate <= 0:
            return 0.0
        now = self._clock()
        gained = (now - self._filled_at) * self._rate
        self._filled_at = now
        self._tokens = min(self._burst, self._tokens + gained) - 1
        return max(0.0, -self._tokens / self._rate)
