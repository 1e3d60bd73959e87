"""EchoMatcher: match the echoes of own messages with the messages on their way."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """An own message, in its published form, queued or sent."""

    id: int
    text: str
    is_action: bool = False
    room: str = field(default="", compare=False)
    has_proof: bool = field(default=False, compare=False)


class EchoMatcher:
    """The sent messages that the server has not echoed yet, oldest first.

    The server delivers the messages of one publisher in order. The echo of a later message
    therefore means that earlier ones will not be echoed any more. If several messages have the same
    text, the echo confirms the oldest.
    """

    def __init__(self) -> None:
        self._pending: deque[OutgoingMessage] = deque()

    def __len__(self) -> int:
        return len(self._pending)

    def expect(self, message: OutgoingMessage) -> None:
        """Expect the echo of a message that is being sent."""
        self._pending.append(message)

    def match(
        self, text: str, *, is_action: bool = False
    ) -> tuple[OutgoingMessage | None, list[OutgoingMessage]]:
        """Return the message that this echo confirms, and those that it leaves unconfirmed.

        The message is None if it is not pending: it was sent earlier or by another client.
        """
        if self._pending and self._pending[0] == OutgoingMessage(
            self._pending[0].id, text, is_action
        ):
            return self._pending.popleft(), []
        echo = (text, is_action)
        sent = [(message.text, message.is_action) for message in self._pending]
        if echo not in sent:  # legacy servers trim a message on both sides
            echo = (text.strip(), is_action)
            sent = [(sent_text.strip(), action) for sent_text, action in sent]
        if echo not in sent:
            return None, []
        skipped = [self._pending.popleft() for _ in range(sent.index(echo))]
        return self._pending.popleft(), skipped

    def take_pending(self) -> list[OutgoingMessage]:
        """Return all pending messages, oldest first, and stop expecting their echoes."""
        pending, self._pending = list(self._pending), deque()
        return pending
