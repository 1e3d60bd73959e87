"""Full garbage collections at quiet moments only: one of them takes as long as several frames."""

from __future__ import annotations

import gc
from typing import Final

_INTERVAL_SECONDS: Final = 5.0
"""Seconds from one full collection to the next, once it is quiet."""

_MAX_DELAY_SECONDS: Final = 10.0
"""Seconds after which one is made although it never got quiet. What is drawn refers to itself, and
only a full collection frees it: some 3 MB a second while every row changes all the time."""

_DISABLED_THRESHOLD: Final = 1_000_000
"""Collections of the middle generation before Python would begin a full one by itself."""


class IdleGarbageCollector:
    """Takes the full collections over from Python, which makes them whenever enough has come.

    With a full log and a stream of messages that is once a second, for a tenth of a second each
    time, in which no key is heard. The cheap collections of what is young go on as ever. The
    screen's thread calls it.
    """

    def __init__(self) -> None:
        self._last_collection: float | None = None
        self._was_busy = False  # since the last one

    def tick(self, now: float, *, idle: bool) -> None:
        """Time has passed; `quiet`: nothing is to be done now. `now` is of a monotonic clock."""
        self._was_busy |= not idle
        if self._last_collection is None:
            if idle:
                self._begin(now)
        elif self._was_busy and now - self._last_collection >= (
            _INTERVAL_SECONDS if idle else _MAX_DELAY_SECONDS
        ):
            gc.collect()
            self._last_collection = now
            self._was_busy = False

    def _begin(self, now: float) -> None:
        """What is there by now (modules, styles, widgets) stays: it is never looked at again."""
        gc.collect()
        gc.freeze()
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _DISABLED_THRESHOLD)
        self._last_collection = now
