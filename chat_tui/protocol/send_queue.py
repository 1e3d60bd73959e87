"""What goes to the server, in order, and what it has not answered or echoed yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from chat_server.wire import LineTooLongError, encode_line, encode_message
from chat_tui.input import ServerCapabilities, action_command, make_command
from chat_tui.protocol.echo_matcher import EchoMatcher, SentMessage
from chat_tui.protocol.pending_requests import (
    REQUEST_TIMEOUT,
    ParsedReply,
    PendingRequests,
    Request,
    RequestKind,
    RequestOrigin,
    make_request,
)

SILENT_MESSAGE_SECONDS: Final = 0.2
"""Seconds after which a server that reads one line at a time has read a message (section 6)."""


class SendQueue:
    """The lines to the server. Most servers are sent everything at once, and answer in order.

    The first servers take one `recv` for one line: there, `one_at_a_time`, a line goes out when
    what answers the one before has come, or for a message 0.2 seconds have gone.
    """

    def __init__(self, capabilities: ServerCapabilities, now: float) -> None:
        self.capabilities = capabilities
        self.echoing = False
        """Whether the server sends back what we say."""
        self._waiting: deque[tuple[Request | SentMessage, bytes]] = deque()
        self._requests = PendingRequests()
        self._echoes = EchoMatcher()
        self._in_flight: Request | SentMessage | None = None
        self._flight_ends = 0.0
        self._last_progress = now
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
        self, word: str, *arguments: str, now: float, origin: RequestOrigin = RequestOrigin.INTERNAL
    ) -> Request | None:
        """Send a command that was not typed; None where the server does not have it.

        So it is too where the name in it came from a server whose lines are longer than ours.
        """
        if not self.capabilities.supports(word):
            return None
        request = make_request(make_command(word, *arguments), origin)
        try:
            self.send(request, now)
        except LineTooLongError:
            return None
        return request

    def ask_once(self, word: str, now: float) -> None:
        """Ask something for the client itself, unless that is being asked already."""
        if not any(a.line == word and a.origin is RequestOrigin.INTERNAL for a in self.requests()):
            self.ask(word, now=now)

    def send(self, request: Request, now: float) -> None:
        """Send a command. Raises `LineTooLongError`."""
        self._waiting.append((request, encode_line(request.line)))
        self.advance(now)

    def send_message(self, message: SentMessage, now: float) -> None:
        """Send a message. Raises `LineTooLongError`."""
        action = encode_line(action_command(message.text).line) if message.is_action else None
        self._waiting.append((message, action or encode_message(message.text)))
        self.advance(now)

    def advance(self, now: float) -> None:
        """Send what may go out now."""
        while self._waiting and not (not self.capabilities.pipelining and self._is_busy(now)):
            item, line = self._waiting.popleft()
            self._in_flight, self._flight_ends = item, now + SILENT_MESSAGE_SECONDS
            if isinstance(item, Request):
                item.sent_at = now
                # What has to be hashed first says nothing about the way.
                way = item.kind is not RequestKind.PASSWORD
                item.alone = way and not self._requests and not self._echoes
                self._requests.add(item)
            elif self.echoing:
                self._echoes.expect(item)
            self._lines.append(line)

    def skip_wait(self) -> None:
        """Wait no longer for what answers the line before: the server has been silent for long."""
        self._in_flight = None

    def match(self, answer: ParsedReply, now: float) -> tuple[Request | None, list[Request]]:
        """The request that `answer` answers, if any, and those that now never will be."""
        found, passed = self._requests.match(answer)
        self._clear_in_flight(passed)
        if found is not None:
            self._last_progress = now
            if not answer.more:
                self._clear_in_flight([found])
        return found, passed

    def was_given_up(self, answer: ParsedReply) -> bool:
        """Whether this answers, too late, what the client had asked for itself."""
        return self._requests.was_expired(answer)

    @property
    def oldest(self) -> Request | None:
        """The request whose answer comes next."""
        return self._requests.oldest

    def answer_oldest(self, now: float) -> None:
        """The oldest request was answered in words that are not known here."""
        self._last_progress = now
        self._clear_in_flight([self._requests.take_oldest()])

    def expire(self, now: float) -> list[Request]:
        """The requests that wait too long, though nothing else of ours was answered meanwhile.

        Where a server takes our lines slowly, at the rate that it allows, there is progress.
        """
        if now - self._last_progress <= REQUEST_TIMEOUT:
            return []
        given_up = self._requests.expire(now - REQUEST_TIMEOUT)
        self._clear_in_flight(given_up)
        return given_up

    def match_echo(
        self, text: str, now: float, *, is_action: bool = False
    ) -> tuple[SentMessage | None, list[SentMessage]]:
        """An own message came back: the one that it proves, and those that it leaves unproved."""
        said, passed = self._echoes.match(text, is_action=is_action)
        if said is not None:
            self._last_progress = now
            self._clear_in_flight([said])
        return said, passed

    def take_unconfirmed(self) -> list[SentMessage]:
        """All that was said and is not proved, oldest first; no proof is awaited any more."""
        unsent = [item for item, _ in self._waiting if isinstance(item, SentMessage)]
        return self._echoes.take_pending() + unsent

    def _clear_in_flight(self, items: Sequence[Request | SentMessage | None]) -> None:
        if any(item is self._in_flight for item in items):
            self._in_flight = None

    def _is_busy(self, now: float) -> bool:
        if isinstance(self._in_flight, SentMessage) and now >= self._flight_ends:
            self._in_flight = None
        return self._in_flight is not None
