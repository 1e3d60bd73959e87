"""How many lines one client may send."""

from __future__ import annotations

import time
from collections.abc import Callable


class TokenBucket:
    """One client's allowance of lines, full at the start.

    Used by the one thread that reads that client: no lock.
    """

    __slots__ = ("_burst", "_clock", "_filled_at", "_rate", "_tokens")

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`rate` in lines a second, 0 for no limit; `burst`: lines that may come at once.

        `clock` tells seconds and never goes back.
        """
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled_at = clock()

    def take(self) -> float:
        """Take one token and return the seconds to wait before this line may go on; 0.0: now.

        The token is taken in any case: the caller waits what is returned and then takes the line
        without asking again.
        """
        if self._rate <= 0:
            return 0.0
        now = self._clock()
        gained = (now - self._filled_at) * self._rate
        self._filled_at = now
        self._tokens = min(self._burst, self._tokens + gained) - 1
        return max(0.0, -self._tokens / self._rate)
