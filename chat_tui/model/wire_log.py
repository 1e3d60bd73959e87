"""WireLog: the lines that the client sent and received, and the user's last action as lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple

from chat_tui.input import LastAction, holds_secret, redact
from chat_tui.sanitize import safe_text

MAX_LINES: Final = 2_000
"""Most lines that are kept; the oldest are dropped."""

MAX_CHARACTERS: Final = 1 << 20
"""Most characters of all kept lines. The newest line is kept even if it is longer."""


class Direction(Enum):
    """The direction of a line."""

    SENT = ">"
    RECEIVED = "<"
    NOTE = "·"
    """Not a line of the wire: a connection was opened or closed."""


class WireLine(NamedTuple):
    """One line, safe for a terminal. `timestamp` is local time without a zone."""

    timestamp: datetime
    direction: Direction
    text: str


class WireLog:
    """The wire log of one client, over all its connections. The screen's thread calls it.

    It is bounded, and it never holds a password: no code that shows or copies a line can reveal
    one.

    Lines are numbered from 0: `first` is the oldest that is kept, `end` one more than the newest.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._kept: deque[tuple[datetime, Direction, str]] = deque()
        self._characters = 0
        self.end = 0
        self.last_action: LastAction | None = None

    @property
    def first(self) -> int:
        """The number of the oldest line that is kept."""
        return self.end - len(self._kept)

    def sent(self, lines: Sequence[bytes]) -> None:
        """Record lines sent to the server, with passwords removed."""
        for line in lines:
            self._append(Direction.SENT, redact(line.decode("utf-8", "replace").rstrip("\r\n")))

    def received(self, line: str) -> None:
        """Record a line received from the server."""
        self._append(Direction.RECEIVED, line)

    def note(self, text: str) -> None:
        """Record an event of the connection."""
        self._append(Direction.NOTE, text)

    def record_action(self, room: str, lines: Sequence[str]) -> None:
        """Store the user's last action as the lines that it sends, unless they hold a password."""
        if lines and not any(map(holds_secret, lines)):
            self.last_action = LastAction(room, tuple(lines))

    def since(self, number: int) -> list[WireLine]:
        """Return the kept lines from this number on."""
        count = max(0, min(self.end - number, len(self._kept)))
        kept = [self._kept[index] for index in range(-count, 0)]
        return [WireLine(at, direction, safe_text(text)) for at, direction, text in kept]

    def _append(self, direction: Direction, text: str) -> None:
        self._kept.append((self._now(), direction, text))
        self._characters += len(text)
        self.end += 1
        while len(self._kept) > 1 and (
            len(self._kept) > MAX_LINES or self._characters > MAX_CHARACTERS
        ):
            self._characters -= len(self._kept.popleft()[2])
