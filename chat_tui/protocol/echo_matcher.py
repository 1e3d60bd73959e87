"""Our own messages on their way, and the echoes that prove that the server took them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message of ours, in the server's form."""

    id: int
    text: str
    is_action: bool = False


class EchoMatcher:
    """What we said and have not heard back yet, oldest first.

    A server delivers one publisher's messages in order, so the echo of a later one tells that the
    earlier ones will not be echoed any more. Of equal texts the oldest is meant.
    """

    def __init__(self) -> None:
        self._pending: deque[SentMessage] = deque()

    def __len__(self) -> int:
        return len(self._pending)

    def expect(self, message: SentMessage) -> None:
        """A message goes out."""
        self._pending.append(message)

    def match(
        self, text: str, *, is_action: bool = False
    ) -> tuple[SentMessage | None, list[SentMessage]]:
        """An own message came back: the one that it proves, and those that it leaves unproved.

        None where it is none of these (it was said before, or by other means).
        """
        if self._pending and self._pending[0] == SentMessage(self._pending[0].id, text, is_action):
            return self._pending.popleft(), []
        heard = (text, is_action)
        said = [(said.text, said.is_action) for said in self._pending]
        if heard not in said:  # the first servers trim a message on both sides
            heard = (text.strip(), is_action)
            said = [(one.strip(), done) for one, done in said]
        if heard not in said:
            return None, []
        passed = [self._pending.popleft() for _ in range(said.index(heard))]
        return self._pending.popleft(), passed

    def take_pending(self) -> list[SentMessage]:
        """Nothing more will be heard: all that is unproved, oldest first."""
        awaited, self._pending = list(self._pending), deque()
        return awaited
