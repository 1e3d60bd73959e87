"""SendQueue: lines to the server, in order, and the replies and echoes that are still missing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from chat_server.wire import LineTooLongError, encode_line, encode_message
from chat_tui.input import ServerCapabilities, action_command, make_command
from chat_tui.protocol.echo_matcher import EchoMatcher, OutgoingMessage
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
"""Seconds after which a server without pipelining has read a message (protocol section 6)."""

_SLOW_KINDS: Final = frozenset({RequestKind.PASSWORD, RequestKind.HISTORY, RequestKind.SEARCH})
"""Requests whose answer takes longer than the round trip: hashing a password, reading a disk."""


class SendQueue:
    """The lines to the server. With pipelining, all lines go out at once; replies come in order.

    Legacy servers take one `recv` for one line. To a server without pipelining, a line goes out
    only after the reply to the line before, or 0.2 seconds after a message.
    """

    def __init__(self, capabilities: ServerCapabilities, now: float) -> None:
        self.capabilities = capabilities
        self.echoing = False
        """True if the server echoes our messages."""
        self._waiting: deque[tuple[Request | OutgoingMessage, bytes]] = deque()
        self._requests = PendingRequests()
        self._echoes = EchoMatcher()
        self._in_flight: Request | OutgoingMessage | None = None
        self._flight_ends = 0.0
        self._last_progress = now
        self._lines: list[bytes] = []

    def take_lines(self) -> list[bytes]:
        """Return the lines to send since the last call, each with its LF."""
        taken, self._lines = self._lines, []
        return taken

    def requests(self) -> Iterator[Request]:
        """Yield all unanswered requests in order, including those not sent yet."""
        yield from self._requests
        for item, _ in self._waiting:
            if isinstance(item, Request):
                yield item

    def requested_rooms(self) -> list[str]:
        """Return the rooms of the unanswered room changes, in order."""
        return [r.subject for r in self.requests() if r.kind is RequestKind.JOIN]

    def request(
        self, word: str, *arguments: str, now: float, origin: RequestOrigin = RequestOrigin.INTERNAL
    ) -> Request | None:
        """Send a command that the user did not type. Return None if it cannot be sent.

        It cannot be sent if the server does not have it, or if the line is too long: a name in it
        may come from a server whose lines are longer than ours.
        """
        if not self.capabilities.supports(word):
            return None
        request = make_request(make_command(word, *arguments), origin)
        try:
            self.send(request, now)
        except LineTooLongError:
            return None
        return request

    def request_once(self, word: str, now: float) -> None:
        """Send a command for the client itself, unless the same request is pending."""
        if not any(
            pending.line == word and pending.origin is RequestOrigin.INTERNAL
            for pending in self.requests()
        ):
            self.request(word, now=now)

    def send(self, request: Request, now: float) -> None:
        """Send a command. Raises `LineTooLongError`."""
        self._waiting.append((request, encode_line(request.line)))
        self.advance(now)

    def send_message(self, message: OutgoingMessage, now: float) -> None:
        """Send a message. Raises `LineTooLongError`."""
        action = encode_line(action_command(message.text).line) if message.is_action else None
        self._waiting.append((message, action or encode_message(message.text)))
        self.advance(now)

    def advance(self, now: float) -> None:
        """Send all lines that may go out now."""
        while self._waiting and (self.capabilities.pipelining or not self._is_busy(now)):
            item, line = self._waiting.popleft()
            self._in_flight, self._flight_ends = item, now + SILENT_MESSAGE_SECONDS
            if isinstance(item, Request):
                item.sent_at = now
                is_fast = item.kind not in _SLOW_KINDS
                item.measures_latency = is_fast and not self._requests and not self._echoes
                self._requests.add(item)
            elif self.echoing:
                self._echoes.expect(item)
            self._lines.append(line)

    def skip_wait(self) -> None:
        """Stop waiting for the reply to the line before: the server has been silent for long."""
        self._in_flight = None

    def match(self, answer: ParsedReply, now: float) -> tuple[Request | None, list[Request]]:
        """Return the request that `answer` answers, if any, and those that it leaves unanswered."""
        found, skipped = self._requests.match(answer)
        self._clear_in_flight(skipped)
        if found is not None:
            self._last_progress = now
            if not answer.more:
                self._clear_in_flight([found])
        return found, skipped

    def consume_late_internal_reply(self, answer: ParsedReply) -> bool:
        """Return True if this is the late answer to an expired request of the client itself.

        The last line of the answer forgets the request.
        """
        return self._requests.consume_late_internal_reply(answer)

    @property
    def oldest(self) -> Request | None:
        """The request that the server answers next."""
        return self._requests.oldest

    def answer_oldest(self, now: float) -> None:
        """Record that the server answered the oldest request with a text unknown to the client."""
        self._last_progress = now
        self._clear_in_flight([self._requests.take_oldest()])

    def made_progress(self, now: float) -> None:
        """Let no request time out until `REQUEST_TIMEOUT` seconds after `now`."""
        self._last_progress = now

    def expire(self, now: float) -> list[Request]:
        """Return the requests that have timed out.

        None times out while the server answers other requests: a server that takes our lines
        slowly, at its rate limit, makes progress.
        """
        if now - self._last_progress <= REQUEST_TIMEOUT:
            return []
        expired = self._requests.expire(now - REQUEST_TIMEOUT)
        self._clear_in_flight(expired)
        return expired

    def match_echo(
        self, text: str, now: float, *, is_action: bool = False
    ) -> tuple[OutgoingMessage | None, list[OutgoingMessage]]:
        """Return the message that this echo confirms, and those that it leaves unconfirmed."""
        message, skipped = self._echoes.match(text, is_action=is_action)
        if message is not None:
            self._last_progress = now
            self._clear_in_flight([message])
        return message, skipped

    def take_unconfirmed(self) -> list[OutgoingMessage]:
        """Return all unconfirmed messages, oldest first, and stop expecting echoes."""
        unsent = [item for item, _ in self._waiting if isinstance(item, OutgoingMessage)]
        return self._echoes.take_pending() + unsent

    def _clear_in_flight(self, items: Sequence[Request | OutgoingMessage | None]) -> None:
        if any(item is self._in_flight for item in items):
            self._in_flight = None

    def _is_busy(self, now: float) -> bool:
        if isinstance(self._in_flight, OutgoingMessage) and now >= self._flight_ends:
            self._in_flight = None
        return self._in_flight is not None
