"""Lines on their way from the reader's thread to the screen's."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Final

from chat_server.wire.protocol import Oversize
from chat_tui.transport.wakeup import Bell

MOST_LINES: Final = 4096
"""Lines above which the reader waits; TCP then slows the server, and nothing is dropped."""

MOST_CHARACTERS: Final = 1 << 20
"""The same for their length, since a line may have 65,536 bytes."""


class Inbox:
    """A bounded queue with one writer, the reader's thread, and one taker, the screen's.

    It may exceed its bounds by what one read brings.
    """

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._lines: deque[str | Oversize] = deque()
        self._characters = 0
        self._ended: str | None = None
        self._closed = False
        self._room = threading.Condition()

    def put(self, lines: Sequence[str | Oversize]) -> bool:
        """Add lines and ring; waits while it is full. False once nobody wants any more."""
        with self._room:
            while self._is_full() and not self._closed:
                self._room.wait()
            if self._closed:
                return False
            self._lines += lines
            self._characters += sum(map(_length, lines))
        self._bell.ring()
        return True

    def end(self, reason: str) -> None:
        """Nothing more will come; `reason` says why."""
        with self._room:
            self._ended = reason
        self._bell.ring()

    def take(self, most: int) -> list[str | Oversize]:
        """The next lines, at most so many; does not wait."""
        with self._room:
            was_full = self._is_full()
            taken = [self._lines.popleft() for _ in range(min(most, len(self._lines)))]
            self._characters -= sum(map(_length, taken))
            if was_full and not self._is_full():
                self._room.notify()
        return taken

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def ended(self) -> str | None:
        """Why nothing more will come, once all lines are taken; None before that."""
        with self._room:
            return None if self._lines else self._ended

    def close(self) -> None:
        """Nobody takes any more: a reader that waits goes on to its end."""
        with self._room:
            self._closed = True
            self._room.notify()

    def _is_full(self) -> bool:
        return len(self._lines) >= MOST_LINES or self._characters >= MOST_CHARACTERS


def _length(line: str | Oversize) -> int:
    return len(line) if isinstance(line, str) else 0
