"""Full garbage collections at quiet moments only: one of them takes as long as several frames."""

from __future__ import annotations

import gc
from typing import Final

_EVERY: Final = 60.0
"""Seconds between two full collections while there are quiet moments."""

_AT_LAST: Final = 600.0
"""Seconds after which one is made although it never got quiet: memory stays bounded."""

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

    def tick(self, now: float, *, quiet: bool) -> None:
        """Time has passed; `quiet`: nothing is to be done now. `now` is of a monotonic clock."""
        if self._last is None:
            if quiet:
                self._begin(now)
        elif now - self._last >= (_EVERY if quiet else _AT_LAST):
            gc.collect()
            self._last = now

    def _begin(self, now: float) -> None:
        """What is there by now (modules, styles, widgets) stays: it is never looked at again."""
        gc.collect()
        gc.freeze()
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _NEVER)
        self._last = now
