"""OwnMessages: send messages to the room and confirm them by their echoes (protocol section 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chat_server.wire import Action, Message, PrivateMessage
from chat_tui import events
from chat_tui.events import Event
from chat_tui.protocol.echo_matcher import OutgoingMessage
from chat_tui.protocol.pending_requests import Request, RequestKind
from chat_tui.protocol.send_queue import SendQueue
from chat_tui.protocol.timelines import Timelines


class OwnMessages:
    """The user's messages to the room. The client stays subscribed to itself for their echoes.

    If the server rejects that subscription, a message counts as sent once its line is queued.
    """

    def __init__(
        self,
        name: str,
        sender: SendQueue,
        timelines: Timelines,
        own_ids: Iterator[int],
        emit: Callable[[Event], None],
    ) -> None:
        self.name = name
        """The user's name as the server writes it."""
        self.ready = False
        """True once it is known whether the server echoes our messages."""
        self._sender = sender
        self._timelines = timelines
        self._own_ids = own_ids
        self._emit = emit
        self._self_subscription: Request | None = None

    def subscribe_to_self(self, now: float) -> None:
        """Request the echoes of our messages."""
        self._self_subscription = self._sender.request("/subscribe", self.name, now=now)
        if self._self_subscription is None:
            self._echo_unavailable()

    def command_sent(self, request: Request, now: float) -> None:
        """Subscribe to ourselves again if the user's command may end that subscription.

        The request goes out right after the command, so no message can be sent between the two.
        """
        if (
            request.kind is RequestKind.UNSUBSCRIBE
            and request.subject
            and request.is_about(self.name)
        ):
            self.subscribe_to_self(now)

    def subscription_answered(self, request: Request | None, name: str | None) -> bool:
        """Return True if this answers our subscription to ourselves.

        `name`: our name as the server writes it. None: the server rejected the subscription.
        """
        if request is None or request is not self._self_subscription:
            return False
        self._self_subscription = None
        if name is None:
            self._echo_unavailable()
        else:
            self.name = name
            self._sender.echoing = self.ready = True
        return True

    def send(self, text: str, room: str, now: float, *, is_action: bool = False) -> None:
        """Send a text to the current room. It is in its published form and fits in a line.

        `is_action`: send it as an action (`/me`).
        """
        own_id = next(self._own_ids)
        proof = self._timelines.of(room).sending(own_id, text, is_action=is_action)
        message = OutgoingMessage(own_id, text, is_action, room, has_proof=proof is not None)
        self._emit(events.MessagePending(message.id, room, text, is_action, proof))
        self._sender.send_message(message, now)
        if not self._sender.echoing:
            self._sent(message, None)

    def match_echo(
        self, message: Message | Action | PrivateMessage, now: float
    ) -> OutgoingMessage | None:
        """Return the message of this connection whose echo this is, or None."""
        if isinstance(message, PrivateMessage) or message.author != self.name or message.past:
            return None
        confirmed, skipped = self._sender.match_echo(
            message.text, now, is_action=isinstance(message, Action)
        )
        for unconfirmed in skipped:
            self._unconfirmed(unconfirmed)
        if confirmed is not None:
            self._sent(confirmed, message.time)
        return confirmed

    def abandon_pending(self) -> None:
        """Report all pending messages as unconfirmed: the connection has ended."""
        for message in self._sender.take_unconfirmed():
            self._unconfirmed(message)

    def _sent(self, message: OutgoingMessage, time: str | None) -> None:
        self._timelines.of(message.room).settled()
        self._emit(events.MessageSent(message.id, time))

    def _unconfirmed(self, message: OutgoingMessage) -> None:
        self._timelines.of(message.room).settled()
        self._emit(events.MessageUnconfirmed(message.id))

    def _echo_unavailable(self) -> None:
        self.ready = True
        self._sender.echoing = False
        for message in self._sender.take_unconfirmed():
            self._sent(message, None)
