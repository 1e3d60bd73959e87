"""What was typed and could not be said or asked: where it goes, and what the person is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chat_tui import events
from chat_tui.events import Event
from chat_tui.input.parser import CommandLine
from chat_tui.input.redaction import masked
from chat_tui.protocol.intent_queue import Held
from chat_tui.protocol.private_messages import Privately

_LOST = "The connection was lost: it was not sent"


class Unsaid:
    """Tells of what is held: that it waits, or that it comes back."""

    def __init__(self, held: Held, tell: Callable[[Event], None]) -> None:
        self._held = held
        self._tell = tell
        self._told: dict[str, str] = {}  # what waits, as it was told last

    def tell_what_waits(self, goal: str) -> None:
        """Whoever keeps what is typed on disk has to know of it, too.

        `goal`: the room where that is said which waits for no other change of room.
        """
        waiting = self._held.texts(goal) if self._held else {}
        if waiting != self._told:
            self._told = waiting
            self._tell(events.WordsWaiting(waiting))

    def move_failed(self, reason: str) -> list[CommandLine | Privately]:
        """The change of room did that the next words waited for; what can be done all the same."""
        returned, lost, others = self._held.take_until_move()
        if returned:
            self._tell(events.TextReturned(returned, reason))
        self._not_sent(lost)
        return others

    def settle(self, goal: str) -> None:
        """The connection is over: nothing that waits will be said on it."""
        returned, commands, private = self._held.take_all()
        self.tell_what_waits(goal)
        if returned:
            self._tell(events.TextReturned(returned, _LOST))
        for wanted in private:
            self._tell(wanted.returned(_LOST))
        self._not_sent(commands)

    def _not_sent(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._tell(events.ServerLine(f"Not sent: {masked(line)}", "error"))
