"""IdleGarbageCollector: runs full garbage collections while the client is idle.

One full collection takes as long as several frames.
"""

from __future__ import annotations

import gc
from typing import Final

_INTERVAL_SECONDS: Final = 5.0
"""Minimum seconds between two full collections while the client is idle."""

_MAX_DELAY_SECONDS: Final = 10.0
"""Seconds after which a full collection runs even if the client is busy. Drawn rows are in
reference cycles that only a full collection frees: about 3 MB a second while every row changes."""

_DISABLED_THRESHOLD: Final = 1_000_000
"""Collections of the middle generation before Python starts a full one by itself."""


class IdleGarbageCollector:
    """A scheduler of the full collections.

    Python would run one whenever enough objects exist. With a full log and a stream of messages,
    that is once a second, for a tenth of a second each
    time, during which no key is processed. The cheap collections of young objects go on. Only the
    screen's thread calls it.
    """

    def __init__(self) -> None:
        self._last_collection: float | None = None
        self._was_busy = False  # since the last collection

    def tick(self, now: float, *, idle: bool) -> None:
        """Collect if it is time to. `now`: of a monotonic clock. `idle`: no work is waiting."""
        self._was_busy |= not idle
        if self._last_collection is None:
            if idle:
                self._take_over(now)
        elif self._was_busy and now - self._last_collection >= (
            _INTERVAL_SECONDS if idle else _MAX_DELAY_SECONDS
        ):
            gc.collect()
            self._last_collection = now
            self._was_busy = False

    def _take_over(self, now: float) -> None:
        """Freeze what exists (modules, styles, widgets): no later collection traverses it."""
        gc.collect()
        gc.freeze()
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _DISABLED_THRESHOLD)
        self._last_collection = now
