"""NoticeBoard: the notice that is shown, those that wait, and the latest ones. No widget."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from weakref import WeakKeyDictionary

from textual.notifications import SeverityLevel
from textual.widget import Widget

MIN_SECONDS: Final = 3.0
"""Seconds for which a warning or an error is shown in any case: a key that was on its way when it
appeared must not remove it."""

_BASE_SECONDS: Final = 5.0
_SECONDS_A_LETTER: Final = 0.04
"""How long a notice that is not a problem is shown: long texts take longer to read."""

_KEPT: Final = 50
"""Most notices that are kept for the list."""

_SIGNS: Final = {"information": "", "warning": "! ", "error": "! Error: "}
"""The prefix of a notice, so that a problem differs from other notices without colour."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice. The text is safe for a terminal."""

    text: str
    severity: SeverityLevel
    seconds: float
    """How long it is shown if it is not a problem."""
    clock: str
    """The local time of day, `HH:MM`."""

    @property
    def shown_text(self) -> str:
        """The text with its sign, on one line."""
        return _SIGNS[self.severity] + " ".join(self.text.split())

    @property
    def is_problem(self) -> bool:
        """True for warnings and errors. They stay until the user has pressed a key."""
        return self.severity != "information"


class NoticeBoard:
    """The notices of the app. At most one is shown; only the screen's thread calls it.

    A problem stays until the next key, and at least for `MIN_SECONDS`. Anything else stays for some
    seconds, or until the next notice.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._watchers: WeakKeyDictionary[Widget, Callable[[], object]] = WeakKeyDictionary()
        self._clock = clock
        self._waiting: deque[Notice] = deque(maxlen=_KEPT)
        self._latest: deque[Notice] = deque(maxlen=_KEPT)
        self._since = 0.0  # when `current` appeared
        self.current: Notice | None = None
        """The notice to show now."""

    @property
    def latest(self) -> Sequence[Notice]:
        """The latest notices, the oldest first."""
        return tuple(self._latest)

    @property
    def waiting(self) -> int:
        """The number of notices that are shown after the current one."""
        return len(self._waiting)

    def subscribe(self, watcher: Widget, on_change: Callable[[], object]) -> None:
        """Call `on_change` after each change of `current`, as long as `watcher` is mounted."""
        self._watchers[watcher] = on_change

    def add(self, text: str, severity: SeverityLevel, seconds: float | None = None) -> None:
        """Show a notice, after the problem that is shown if that is new."""
        notice = self.record(text, severity, seconds)
        current = self.current
        if current is None or not current.is_problem or self._age >= MIN_SECONDS:
            self._show(notice)
        elif notice.shown_text not in {one.shown_text for one in (current, *self._waiting)}:
            self._waiting.append(notice)
            self._changed()

    def record(self, text: str, severity: SeverityLevel, seconds: float | None = None) -> Notice:
        """Keep a notice among the latest ones without showing it."""
        lasts = _BASE_SECONDS + _SECONDS_A_LETTER * len(text) if seconds is None else seconds
        notice = Notice(text, severity, lasts, datetime.now().strftime("%H:%M"))
        if not self._latest or self._latest[-1].shown_text != notice.shown_text:
            self._latest.append(notice)
        return notice

    def key_pressed(self) -> None:
        """Remove a problem that the user had the time to read."""
        if self.current is not None and self.current.is_problem and self._age >= MIN_SECONDS:
            self._show(None)

    def tick(self) -> None:
        """Remove what has been shown long enough. Called a few times a second."""
        current = self.current
        if current is None:
            return
        limit = current.seconds
        if current.is_problem:
            limit = MIN_SECONDS if self._waiting else float("inf")
        if self._age >= limit:
            self._show(None)

    def clear(self) -> None:
        """Forget all notices."""
        self._waiting.clear()
        self._latest.clear()
        self._show(None)

    @property
    def _age(self) -> float:
        return self._clock() - self._since

    def _show(self, notice: Notice | None) -> None:
        self.current = notice or (self._waiting.popleft() if self._waiting else None)
        self._since = self._clock()
        self._changed()

    def _changed(self) -> None:
        for watcher, on_change in list(self._watchers.items()):
            if watcher.is_attached:
                on_change()
