"""What was typed and could not be said or asked: where it goes, and what the person is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chat_tui import events
from chat_tui.events import Event
from chat_tui.input import CommandInput, redact
from chat_tui.protocol.intent_queue import IntentQueue
from chat_tui.protocol.private_messages import PrivateIntent

_LOST = "The connection was lost: it was not sent"


class UnsentText:
    """Tells of what is held: that it waits, or that it comes back."""

    def __init__(self, queue: IntentQueue, emit: Callable[[Event], None]) -> None:
        self._queue = queue
        self._emit = emit
        self._reported: dict[str, str] = {}  # what waits, as it was told last

    def report_queued(self, target_room: str) -> None:
        """Whoever keeps what is typed on disk has to know of it, too.

        `goal`: the room where that is said which waits for no other change of room.
        """
        waiting = self._queue.texts_by_place(target_room) if self._queue else {}
        if waiting != self._reported:
            self._reported = waiting
            self._emit(events.QueuedTextChanged(waiting))

    def join_failed(self, reason: str) -> list[CommandInput | PrivateIntent]:
        """The change of room did that the next words waited for; what can be done all the same."""
        returned, lost, others = self._queue.take_until_join()
        if returned:
            self._emit(events.TextReturned(returned, reason))
        self._not_sent(lost)
        return others

    def settle(self, target_room: str) -> None:
        """The connection is over: nothing that waits will be said on it."""
        returned, commands, private = self._queue.take_all()
        self.report_queued(target_room)
        if returned:
            self._emit(events.TextReturned(returned, _LOST))
        for intent in private:
            self._emit(intent.returned(_LOST))
        self._not_sent(commands)

    def _not_sent(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._emit(events.LogNotice(f"Not sent: {redact(line)}", "error"))
