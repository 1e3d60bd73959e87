"""Token bucket: the rate limit for the lines or the bytes of one client."""

from __future__ import annotations

import time
from collections.abc import Callable


class TokenBucket:
    """One client's allowance of lines or bytes. Full at the start.

    No lock: only the client's own thread uses it.
    """

    __slots__ = ("_burst", "_clock", "_filled_at", "_rate", "tokens")

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`rate`: tokens per second, 0 for no limit. `burst`: tokens that may be taken at once.

        `clock` returns monotonic seconds.
        """
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self.tokens = burst
        """Tokens at the last refill, less those taken since. Below 0 if the client is in debt."""
        self._filled_at = clock()

    def refill(self) -> float:
        """Add the tokens gained since the last call. Return how many there are."""
        now = self._clock()
        self.tokens = min(self._burst, self.tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return self.tokens

    def take(self) -> float:
        """Take one token. Return the seconds to wait before the line may be processed.

        The token is taken in any case: the caller waits and then processes the line without a
        second call.
        """
        if self._rate <= 0:
            return 0.0
        self.tokens = self.refill() - 1
        return max(0.0, -self.tokens / self._rate)
