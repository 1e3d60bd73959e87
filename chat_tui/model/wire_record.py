"""The lines that went over the wire, both ways, and what the person did last, as such lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Final, NamedTuple

from chat_tui.input import LastAction, holds_secret, redact
from chat_tui.sanitize import safe_text

MAX_LINES: Final = 2_000
"""The newest lines that are kept."""

MAX_CHARACTERS: Final = 1 << 20
"""The same for their length; the newest line is kept however long it is."""


class Direction(Enum):
    """Where a line went."""

    SENT = ">"
    RECEIVED = "<"
    NOTE = "·"
    """Nowhere: a connection was made, or ended."""


class WireLine(NamedTuple):
    """One line, safe for a terminal. `timestamp` is local time without zone."""

    timestamp: datetime
    direction: Direction
    text: str


class WireLog:
    """A bounded record of one client, over all its connections. The screen's thread calls it.

    Passwords are never in it: so nothing that shows or copies a line can give one away.

    Lines are numbered from 0 on: `first` is the oldest that is kept, `end` one more than the
    newest.
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
        """These lines go to the server."""
        for line in lines:
            self._append(Direction.SENT, redact(line.decode("utf-8", "replace").rstrip("\r\n")))

    def received(self, line: str) -> None:
        """The server sent this line."""
        self._append(Direction.RECEIVED, line)

    def note(self, text: str) -> None:
        """Something happened to the connection."""
        self._append(Direction.NOTE, text)

    def record_action(self, room: str, lines: Sequence[str]) -> None:
        """The person asked for this, in the form in which it goes over the wire."""
        if lines and not any(map(holds_secret, lines)):
            self.last_action = LastAction(room, tuple(lines))

    def since(self, number: int) -> list[WireLine]:
        """The lines that are kept, from this number on."""
        newest = max(0, min(self.end - number, len(self._kept)))
        kept = [self._kept[index] for index in range(-newest, 0)]
        return [WireLine(at, way, safe_text(text)) for at, way, text in kept]

    def _append(self, direction: Direction, text: str) -> None:
        self._kept.append((self._now(), direction, text))
        self._characters += len(text)
        self.end += 1
        while len(self._kept) > 1 and (
            len(self._kept) > MAX_LINES or self._characters > MAX_CHARACTERS
        ):
            self._characters -= len(self._kept.popleft()[2])
