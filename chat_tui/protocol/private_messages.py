"""What we say to one person alone, and how we learn what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from chat_tui import events
from chat_tui.events import Event
from chat_tui.input.parser import CommandLine, composed, private_line
from chat_tui.protocol.pending_requests import Origin, Request, request
from chat_tui.protocol.send_queue import Outbound


@dataclass(frozen=True, slots=True)
class Privately:
    """A text in the server's form for one person; `typed`: as a command, wherever one was."""

    name: str
    text: str
    typed: bool

    @property
    def place(self) -> str:
        """The conversation that it belongs to."""
        return f"@{self.name}"

    @property
    def command(self) -> CommandLine:
        """The command that says it."""
        return private_line(self.name, self.text)

    def returned(self, reason: str) -> events.TextReturned:
        """It goes back to where it was typed."""
        if self.typed:  # a command says by itself whom it is meant for
            return events.TextReturned(self.command.line, reason)
        return events.TextReturned(composed([self.text]), reason, self.place)


class PrivateWords:
    """The server's answer is the proof; what has none when the connection ends may have arrived."""

    def __init__(
        self, out: Outbound, own_ids: Iterator[int], tell: Callable[[Event], None]
    ) -> None:
        self._out = out
        self._own_ids = own_ids
        self._tell = tell
        self._asked: list[tuple[Request, Privately, int]] = []

    def say(self, wanted: Privately, now: float) -> None:
        """Say it. Raises `LineTooLong`."""
        origin = Origin.TYPED if wanted.typed else Origin.CLICKED
        asked, own_id = request(wanted.command, origin), next(self._own_ids)
        self._tell(events.OwnPending(own_id, wanted.place, wanted.text))
        self._asked.append((asked, wanted, own_id))
        self._out.send(asked, now)

    def delivered(self, asked: Request | None) -> None:
        """The server says that it sent it."""
        for _, own_id in self._take(asked):
            self._tell(events.OwnSent(own_id))

    def refused(self, asked: Request, reason: str) -> None:
        """It reached nobody."""
        for wanted, own_id in self._take(asked):
            self._tell(events.OwnRefused(own_id))
            self._tell(replace(wanted.returned(reason), is_told=True))

    def unanswered(self, asked: Request) -> None:
        """What became of it will never be known."""
        for _, own_id in self._take(asked):
            self._tell(events.OwnUnconfirmed(own_id))

    def settle(self) -> None:
        """The connection is over."""
        for asked in [asked for asked, _, _ in self._asked]:
            self.unanswered(asked)

    def _take(self, asked: Request | None) -> list[tuple[Privately, int]]:
        found = [(wanted, own_id) for other, wanted, own_id in self._asked if other is asked]
        self._asked = [known for known in self._asked if known[0] is not asked]
        return found
