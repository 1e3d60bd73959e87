"""PrivateMessages: send texts to one user, and confirm them by the server's reply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from chat_server.wire import history_replies
from chat_tui import events
from chat_tui.events import Event
from chat_tui.input import CommandInput, private_command, to_composer_text
from chat_tui.protocol.pending_requests import Request, RequestOrigin, make_request
from chat_tui.protocol.send_queue import SendQueue
from chat_tui.protocol.timelines import Timelines


@dataclass(frozen=True, slots=True)
class PrivateIntent:
    """The intent to send a text, in its published form, to one user."""

    name: str
    text: str
    typed: bool
    """True if the user typed it as a command, in any location."""

    @property
    def location(self) -> str:
        """The conversation that it belongs to."""
        return f"@{self.name}"

    @property
    def command(self) -> CommandInput:
        """The command that sends it."""
        return private_command(self.name, self.text)

    def returned(self, reason: str) -> events.TextReturned:
        """Return the event that puts it back into the composer where it was typed."""
        if self.typed:  # a command names its recipient, so it may go back to any location
            return events.TextReturned(self.command.line, reason)
        return events.TextReturned(to_composer_text([self.text]), reason, self.location)


class PrivateMessages:
    """The user's private messages. Without a reply, a message may or may not have arrived."""

    def __init__(
        self,
        sender: SendQueue,
        timelines: Timelines,
        own_ids: Iterator[int],
        emit: Callable[[Event], None],
    ) -> None:
        self._sender = sender
        self._timelines = timelines
        self._kept: dict[str, list[int]] = {}  # ids of messages that wait for their recipient
        self._own_ids = own_ids
        self._emit = emit
        self._pending: list[tuple[Request, PrivateIntent, int]] = []

    def send(self, intent: PrivateIntent, now: float) -> None:
        """Send a private message. Raises `LineTooLongError`."""
        origin = RequestOrigin.TYPED if intent.typed else RequestOrigin.UI
        request, own_id = make_request(intent.command, origin), next(self._own_ids)
        proof = self._timelines.of(intent.location).sending(own_id, intent.text)
        self._emit(events.MessagePending(own_id, intent.location, intent.text, proof=proof))
        self._pending.append((request, intent, own_id))
        self._sender.send(request, now)

    def delivered(self, request: Request | None) -> None:
        """Confirm the message of this request: the server has delivered it."""
        for intent, own_id in self._take(request):
            self.partner_is_back(intent.location)
            self._emit(events.MessageSent(own_id))

    def kept(self, request: Request | None) -> None:
        """Report that the server keeps the message of this request for its recipient."""
        for intent, own_id in self._take(request):
            waiting = self._kept.setdefault(intent.location, [])
            waiting.append(own_id)
            self._emit(events.MessageKept(own_id))

    def partner_is_back(self, place: str) -> None:
        """Report the messages that were kept for the partner of a conversation as sent."""
        for own_id in self._kept.pop(place, ()):
            self._emit(events.MessageSent(own_id))

    def rejected(self, request: Request, reason: str) -> None:
        """Move the text of this request back to the composer: the server did not deliver it."""
        for intent, own_id in self._take(request):
            self._timelines.of(intent.location).withdrawn(own_id)
            self._emit(events.MessageRejected(own_id))
            self._emit(replace(intent.returned(reason), is_reported=True))

    def unanswered(self, request: Request) -> None:
        """Report the message of this request as unconfirmed: no reply will come."""
        for _, own_id in self._take(request):
            self._emit(events.MessageUnconfirmed(own_id))

    def abandon_pending(self) -> None:
        """Report all pending messages as unconfirmed: the connection has ended."""
        for request in [request for request, _, _ in self._pending]:
            self.unanswered(request)

    def _take(self, request: Request | None) -> list[tuple[PrivateIntent, int]]:
        found = [(intent, own_id) for other, intent, own_id in self._pending if other is request]
        self._pending = [pending for pending in self._pending if pending[0] is not request]
        for intent, _ in found:
            self._timelines.of(intent.location).settled()
        return found


def with_advice(text: str) -> str:
    """Return a reply of the server, with what the user can do if a message was not kept."""
    recipient = history_replies.parse_too_many_waiting(text)
    return text if recipient is None else f"{text}. Send it again when {recipient} has read them"
