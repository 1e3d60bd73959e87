"""Inbox: received lines, from the reader thread to the screen's thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Final

from chat_server.wire import OversizeLine
from chat_tui.transport.wakeup import Wakeup

MAX_LINES: Final = 4096
"""Lines at which the reader waits. TCP then slows the server down, and no line is dropped."""

MAX_CHARACTERS: Final = 1 << 20
"""The same for the characters of all lines: one line may have 65,536 bytes."""


class Inbox:
    """A bounded queue with one producer, the reader thread, and one consumer, the screen's thread.

    It may exceed its bounds by the lines of one read.
    """

    def __init__(self, wakeup: Wakeup) -> None:
        self._wakeup = wakeup
        self._lines: deque[str | OversizeLine] = deque()
        self._characters = 0
        self._ended: str | None = None
        self._closed = False
        self._not_full = threading.Condition()

    def put(self, lines: Sequence[str | OversizeLine]) -> bool:
        """Add lines and wake the consumer. Blocks while the inbox is full.

        Return False if the inbox was closed.
        """
        with self._not_full:
            while self._is_full() and not self._closed:
                self._not_full.wait()
            if self._closed:
                return False
            self._lines += lines
            self._characters += sum(map(_length, lines))
        self._wakeup.notify()
        return True

    def end(self, reason: str) -> None:
        """Record that no more lines will arrive, and why."""
        with self._not_full:
            self._ended = reason
        self._wakeup.notify()

    def take(self, max_lines: int) -> list[str | OversizeLine]:
        """Return the next lines, at most `max_lines`. Does not block."""
        with self._not_full:
            was_full = self._is_full()
            taken = [self._lines.popleft() for _ in range(min(max_lines, len(self._lines)))]
            self._characters -= sum(map(_length, taken))
            if was_full and not self._is_full():
                self._not_full.notify()
        return taken

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def ended(self) -> str | None:
        """Why no more lines will arrive. None until all lines have been taken."""
        with self._not_full:
            return None if self._lines else self._ended

    def close(self) -> None:
        """Stop consuming. A reader that waits in `put` continues and ends."""
        with self._not_full:
            self._closed = True
            self._not_full.notify()

    def _is_full(self) -> bool:
        return len(self._lines) >= MAX_LINES or self._characters >= MAX_CHARACTERS


def _length(line: str | OversizeLine) -> int:
    return len(line) if isinstance(line, str) else 0
