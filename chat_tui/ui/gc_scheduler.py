"""Full garbage collections at quiet moments only: one of them takes as long as several frames."""

from __future__ import annotations

import gc
from typing import Final

_PAUSE: Final = 5.0
"""Seconds from one full collection to the next, once it is quiet."""

_AT_LAST: Final = 10.0
"""Seconds after which one is made although it never got quiet. What is drawn refers to itself, and
only a full collection frees it: some 3 MB a second while every row changes all the time."""

_NEVER: Final = 1_000_000
"""Collections of the middle generation before Python would begin a full one by itself."""


class QuietCollection:
    """Takes the full collections over from Python, which makes them whenever enough has come.

    With a full log and a stream of messages that is once a second, for a tenth of a second each
    time, in which no key is heard. The cheap collections of what is young go on as ever. The
    screen's thread calls it.
    """

    def __init__(self) -> None:
        self._last: float | None = None
        self._was_busy = False  # since the last one

    def tick(self, now: float, *, quiet: bool) -> None:
        """Time has passed; `quiet`: nothing is to be done now. `now` is of a monotonic clock."""
        self._was_busy |= not quiet
        if self._last is None:
            if quiet:
                self._begin(now)
        elif self._was_busy and now - self._last >= (_PAUSE if quiet else _AT_LAST):
            gc.collect()
            self._last = now
            self._was_busy = False

    def _begin(self, now: float) -> None:
        """What is there by now (modules, styles, widgets) stays: it is never looked at again."""
        gc.collect()
        gc.freeze()
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _NEVER)
        self._last = now
