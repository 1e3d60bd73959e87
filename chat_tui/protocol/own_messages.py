"""What we say ourselves, and how we learn that the server took it (section 4 of the contract)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chat_server.wire import Action, Message, PrivateMessage
from chat_tui import events
from chat_tui.events import Event
from chat_tui.protocol.echo_matcher import SentMessage
from chat_tui.protocol.pending_requests import Request, RequestKind
from chat_tui.protocol.send_queue import SendQueue


class OwnMessages:
    """Keeps us subscribed to ourselves, and matches what comes back with what was said.

    Where the server does not let us hear ourselves, what was said counts as sent once it is out.
    """

    def __init__(
        self, name: str, sender: SendQueue, own_ids: Iterator[int], emit: Callable[[Event], None]
    ) -> None:
        self.name = name
        """Our own name, as the server writes it."""
        self.ready = False
        """Whether it is known that our words come back, or that they do not."""
        self._sender = sender
        self._own_ids = own_ids
        self._emit = emit
        self._self_subscription: Request | None = None

    def subscribe_to_self(self, now: float) -> None:
        """Subscribe to ourselves."""
        self._self_subscription = self._sender.ask("/subscribe", self.name, now=now)
        if self._self_subscription is None:
            self._echo_unavailable()

    def unsubscribed(self, request: Request, now: float) -> None:
        """A command was sent that may unsubscribe us from ourselves.

        What is sent right behind it makes up for that: no word of ours goes between the two.
        """
        if (
            request.kind is RequestKind.UNSUBSCRIBE
            and request.subject
            and request.is_about(self.name)
        ):
            self.subscribe_to_self(now)

    def answered(self, request: Request | None, name: str | None) -> bool:
        """Whether this request was ours to hear ourselves; it was granted to `name`, or refused."""
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
        """Say a text, in the server's form and not too long, in the room that we are in.

        `is_action`: tell that we do it.
        """
        said = SentMessage(next(self._own_ids), text, is_action)
        self._emit(events.MessagePending(said.id, room, text, is_action))
        self._sender.send_message(said, now)
        if not self._sender.echoing:
            self._emit(events.MessageSent(said.id))

    def match_echo(self, message: Message | Action | PrivateMessage, now: float) -> bool:
        """Whether this is the echo of something that we said here."""
        if isinstance(message, PrivateMessage) or message.author != self.name or message.past:
            return False
        done = isinstance(message, Action)
        said, passed = self._sender.match_echo(message.text, now, is_action=done)
        for unproved in passed:
            self._emit(events.MessageUnconfirmed(unproved.id))
        if said is not None:
            self._emit(events.MessageSent(said.id, message.time))
        return said is not None

    def settle(self) -> None:
        """The connection is over: what did not come back may have arrived or not."""
        for said in self._sender.take_unconfirmed():
            self._emit(events.MessageUnconfirmed(said.id))

    def _echo_unavailable(self) -> None:
        self.ready = True
        self._sender.echoing = False
        for said in self._sender.take_unconfirmed():
            self._emit(events.MessageSent(said.id))
