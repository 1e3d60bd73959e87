"""UnsentText: report queued text, and move it back to the composer if it cannot be sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chat_tui import events
from chat_tui.events import Event
from chat_tui.input import CommandInput, redact
from chat_tui.protocol.intent_queue import IntentQueue
from chat_tui.protocol.private_messages import PrivateIntent

_LOST = "The connection was lost: it was not sent"


class UnsentText:
    """The reports about the texts in the intent queue: still queued, or returned."""

    def __init__(self, queue: IntentQueue, emit: Callable[[Event], None]) -> None:
        self._queue = queue
        self._emit = emit
        self._reported: dict[str, str] = {}  # the queued texts as last reported

    def report_queued(self, target_room: str) -> None:
        """Emit the queued texts if they have changed. Drafts on disk include them.

        `target_room`: the room for the texts before the first queued room change.
        """
        queued = self._queue.texts_by_location(target_room) if self._queue else {}
        if queued != self._reported:
            self._reported = queued
            self._emit(events.QueuedTextChanged(queued))

    def join_failed(self, reason: str) -> list[CommandInput | PrivateIntent]:
        """Move the texts for a room that could not be joined back to the composer.

        The result holds the intents up to the next room change that do not depend on the room.
        """
        returned, lost, independent = self._queue.take_until_join()
        if returned:
            self._emit(events.TextReturned(returned, reason))
        self._not_sent(lost)
        return independent

    def return_all(self, target_room: str) -> None:
        """Move all queued texts back to the composer: the connection has ended."""
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
