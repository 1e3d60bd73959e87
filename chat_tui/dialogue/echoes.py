"""Our own messages on their way, and the echoes that prove that the server took them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """A message of ours, in the server's form."""

    id: int
    text: str


class Echoes:
    """What we said and have not heard back yet, oldest first.

    A server delivers one publisher's messages in order, so the echo of a later one tells that the
    earlier ones will not be echoed any more. Of equal texts the oldest is meant.
    """

    def __init__(self) -> None:
        self._awaited: deque[Said] = deque()

    def __len__(self) -> int:
        return len(self._awaited)

    def expect(self, said: Said) -> None:
        """A message goes out."""
        self._awaited.append(said)

    def heard(self, text: str) -> tuple[Said | None, list[Said]]:
        """An own message came back: the one that it proves, and those that it leaves unproved.

        None where it is none of these (it was said before, or by other means).
        """
        if self._awaited and self._awaited[0].text == text:
            return self._awaited.popleft(), []
        texts = [said.text for said in self._awaited]
        if text not in texts:  # the first servers trim a message on both sides
            texts = [said.strip() for said in texts]
            text = text.strip()
        if text not in texts:
            return None, []
        passed = [self._awaited.popleft() for _ in range(texts.index(text))]
        return self._awaited.popleft(), passed

    def take_all(self) -> list[Said]:
        """Nothing more will be heard: all that is unproved, oldest first."""
        awaited, self._awaited = list(self._awaited), deque()
        return awaited
