"""What goes to the server, in order, and what it has not answered or echoed yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from chat_server.wire.protocol import LineTooLong, encode_line, encode_message
from chat_tui.input.parser import command, deed_line
from chat_tui.protocol.echo_matcher import Echoes, Said
from chat_tui.protocol.pending_requests import (
    UNANSWERED,
    Answer,
    Kind,
    Origin,
    Outstanding,
    Request,
    request,
)

SILENT_MESSAGE: Final = 0.2
"""Seconds after which a server that reads one line at a time has read a message (section 6)."""


class Outbound:
    """The lines to the server. Most servers are sent everything at once, and answer in order.

    The first servers take one `recv` for one line: there, `one_at_a_time`, a line goes out when
    what answers the one before has come, or for a message 0.2 seconds have gone.
    """

    def __init__(self, commands: Collection[str], now: float) -> None:
        """`commands` are those that the server listed, each with its slash."""
        self.commands = frozenset(commands)
        self.one_at_a_time = "/help" not in self.commands
        self.echoing = False
        """Whether the server sends back what we say."""
        self._waiting: deque[tuple[Request | Said, bytes]] = deque()
        self._requests = Outstanding()
        self._echoes = Echoes()
        self._in_flight: Request | Said | None = None
        self._flight_ends = 0.0
        self._progress_at = now
        self._lines: list[bytes] = []

    def take_lines(self) -> list[bytes]:
        """What has to be sent since the last call, each with its LF."""
        taken, self._lines = self._lines, []
        return taken

    def requests(self) -> Iterator[Request]:
        """All that was asked and is not answered, also what still waits to go out; in order."""
        yield from self._requests
        for item, _ in self._waiting:
            if isinstance(item, Request):
                yield item

    def ask(
        self, word: str, *arguments: str, now: float, origin: Origin = Origin.OWN
    ) -> Request | None:
        """Send a command that was not typed; None where the server does not have it.

        So it is too where the name in it came from a server whose lines are longer than ours.
        """
        if word not in self.commands:
            return None
        asked = request(command(word, *arguments), origin)
        try:
            self.send(asked, now)
        except LineTooLong:
            return None
        return asked

    def ask_once(self, word: str, now: float) -> None:
        """Ask something for the client itself, unless that is being asked already."""
        if not any(a.line == word and a.origin is Origin.OWN for a in self.requests()):
            self.ask(word, now=now)

    def send(self, asked: Request, now: float) -> None:
        """Send a command. Raises `LineTooLong`."""
        self._waiting.append((asked, encode_line(asked.line)))
        self.advance(now)

    def say(self, said: Said, now: float) -> None:
        """Send a message. Raises `LineTooLong`."""
        deed = encode_line(deed_line(said.text).line) if said.is_action else None
        self._waiting.append((said, deed or encode_message(said.text)))
        self.advance(now)

    def advance(self, now: float) -> None:
        """Send what may go out now."""
        while self._waiting and not (self.one_at_a_time and self._is_busy(now)):
            item, line = self._waiting.popleft()
            self._in_flight, self._flight_ends = item, now + SILENT_MESSAGE
            if isinstance(item, Request):
                item.asked_at = now
                # What has to be hashed first says nothing about the way.
                way = item.kind is not Kind.PASSWORD
                item.alone = way and not self._requests and not self._echoes
                self._requests.add(item)
            elif self.echoing:
                self._echoes.expect(item)
            self._lines.append(line)

    def hurry(self) -> None:
        """Wait no longer for what answers the line before: the server has been silent for long."""
        self._in_flight = None

    def match(self, answer: Answer, now: float) -> tuple[Request | None, list[Request]]:
        """The request that `answer` answers, if any, and those that now never will be."""
        found, passed = self._requests.match(answer)
        self._no_longer_in_flight(passed)
        if found is not None:
            self._progress_at = now
            if not answer.more:
                self._no_longer_in_flight([found])
        return found, passed

    def was_given_up(self, answer: Answer) -> bool:
        """Whether this answers, too late, what the client had asked for itself."""
        return self._requests.was_given_up(answer)

    @property
    def oldest(self) -> Request | None:
        """The request whose answer comes next."""
        return self._requests.oldest

    def take_oldest(self, now: float) -> None:
        """The oldest request was answered in words that are not known here."""
        self._progress_at = now
        self._no_longer_in_flight([self._requests.take_oldest()])

    def give_up(self, now: float) -> list[Request]:
        """The requests that wait too long, though nothing else of ours was answered meanwhile.

        Where a server takes our lines slowly, at the rate that it allows, there is progress.
        """
        if now - self._progress_at <= UNANSWERED:
            return []
        given_up = self._requests.give_up(now - UNANSWERED)
        self._no_longer_in_flight(given_up)
        return given_up

    def heard_myself(
        self, text: str, now: float, *, is_action: bool = False
    ) -> tuple[Said | None, list[Said]]:
        """An own message came back: the one that it proves, and those that it leaves unproved."""
        said, passed = self._echoes.heard(text, is_action=is_action)
        if said is not None:
            self._progress_at = now
            self._no_longer_in_flight([said])
        return said, passed

    def take_said(self) -> list[Said]:
        """All that was said and is not proved, oldest first; no proof is awaited any more."""
        unsent = [item for item, _ in self._waiting if isinstance(item, Said)]
        return self._echoes.take_all() + unsent

    def _no_longer_in_flight(self, items: Sequence[Request | Said | None]) -> None:
        if any(item is self._in_flight for item in items):
            self._in_flight = None

    def _is_busy(self, now: float) -> bool:
        if isinstance(self._in_flight, Said) and now >= self._flight_ends:
            self._in_flight = None
        return self._in_flight is not None
