"""What we say ourselves, and how we learn that the server took it (section 4 of the contract)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from chat_server.wire.protocol import Action, Message, Private
from chat_tui import events
from chat_tui.events import Event
from chat_tui.protocol.echo_matcher import Said
from chat_tui.protocol.pending_requests import Kind, Request
from chat_tui.protocol.send_queue import Outbound


class OwnWords:
    """Keeps us subscribed to ourselves, and matches what comes back with what was said.

    Where the server does not let us hear ourselves, what was said counts as sent once it is out.
    """

    def __init__(
        self, name: str, out: Outbound, own_ids: Iterator[int], tell: Callable[[Event], None]
    ) -> None:
        self.name = name
        """Our own name, as the server writes it."""
        self.may_speak = False
        """Whether it is known that our words come back, or that they do not."""
        self._out = out
        self._own_ids = own_ids
        self._tell = tell
        self._to_myself: Request | None = None

    def listen(self, now: float) -> None:
        """Subscribe to ourselves."""
        self._to_myself = self._out.ask("/subscribe", self.name, now=now)
        if self._to_myself is None:
            self._do_not_return()

    def unsubscribed(self, asked: Request, now: float) -> None:
        """A command was sent that may unsubscribe us from ourselves.

        What is sent right behind it makes up for that: no word of ours goes between the two.
        """
        if asked.kind is Kind.UNSUBSCRIBE and asked.subject and asked.is_about(self.name):
            self.listen(now)

    def answered(self, asked: Request | None, name: str | None) -> bool:
        """Whether this request was ours to hear ourselves; it was granted to `name`, or refused."""
        if asked is None or asked is not self._to_myself:
            return False
        self._to_myself = None
        if name is None:
            self._do_not_return()
        else:
            self.name = name
            self._out.echoing = self.may_speak = True
        return True

    def say(self, text: str, room: str, now: float, *, is_action: bool = False) -> None:
        """Say a text, in the server's form and not too long, in the room that we are in.

        `is_action`: tell that we do it.
        """
        said = Said(next(self._own_ids), text, is_action)
        self._tell(events.OwnPending(said.id, room, text, is_action))
        self._out.say(said, now)
        if not self._out.echoing:
            self._tell(events.OwnSent(said.id))

    def heard(self, message: Message | Action | Private, now: float) -> bool:
        """Whether this is the echo of something that we said here."""
        if isinstance(message, Private) or message.author != self.name or message.past:
            return False
        done = isinstance(message, Action)
        said, passed = self._out.heard_myself(message.text, now, is_action=done)
        for unproved in passed:
            self._tell(events.OwnUnconfirmed(unproved.id))
        if said is not None:
            self._tell(events.OwnSent(said.id, message.time))
        return said is not None

    def settle(self) -> None:
        """The connection is over: what did not come back may have arrived or not."""
        for said in self._out.take_said():
            self._tell(events.OwnUnconfirmed(said.id))

    def _do_not_return(self) -> None:
        self.may_speak = True
        self._out.echoing = False
        for said in self._out.take_said():
            self._tell(events.OwnSent(said.id))
