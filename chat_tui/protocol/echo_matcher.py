"""Our own messages on their way, and the echoes that prove that the server took them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """A message of ours, in the server's form."""

    id: int
    text: str
    is_action: bool = False


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

    def heard(self, text: str, *, is_action: bool = False) -> tuple[Said | None, list[Said]]:
        """An own message came back: the one that it proves, and those that it leaves unproved.

        None where it is none of these (it was said before, or by other means).
        """
        if self._awaited and self._awaited[0] == Said(self._awaited[0].id, text, is_action):
            return self._awaited.popleft(), []
        heard = (text, is_action)
        said = [(said.text, said.is_action) for said in self._awaited]
        if heard not in said:  # the first servers trim a message on both sides
            heard = (text.strip(), is_action)
            said = [(one.strip(), done) for one, done in said]
        if heard not in said:
            return None, []
        passed = [self._awaited.popleft() for _ in range(said.index(heard))]
        return self._awaited.popleft(), passed

    def take_all(self) -> list[Said]:
        """Nothing more will be heard: all that is unproved, oldest first."""
        awaited, self._awaited = list(self._awaited), deque()
        return awaited
