"""One visit of a person of the soak: what it sends, and whether what it reads may be so."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from enum import Enum, auto
from itertools import count
from typing import Final, NamedTuple

from tests.abuse.client_pool import PooledClient

LOGGED_OUT: Final = "[SERVER] Logged out due to new login"
GOODBYE: Final = "[SERVER] Goodbye"
LAST_WORD: Final = "/lastword"

_MESSAGE: Final = re.compile(r"\[\d\d:\d\d:\d\d\] (\S+): (\d+) (\d+) (\d+) (\S+) x*")
_ROOM: Final = re.compile(r"\[SERVER\] Joined room '(\S+)'")
_SUBSCRIPTION: Final = re.compile(r"\[SERVER\] (Subscribed to|Unsubscribed from) (\S+)")
_SUBSCRIPTIONS: Final = "[SERVER] Subscriptions: "

_visits = count(1)


class SoakTarget(NamedTuple):
    """Where a message stands among all that its author says; it only ever rises."""

    visit: int
    stay: int
    number: int


class SoakUser:
    """An account, whose subscriptions and reading go on from visit to visit."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.read_up_to: dict[str, SoakTarget] = {}
        """By author, what the newest visit has read, and what those before it had when it began."""
        self.visit: SoakSession | None = None


class SessionEnding(Enum):
    """How a visit is to end."""

    QUIT = auto()
    HALF_CLOSE = auto()
    TAKEN_OVER = auto()


class SoakSession(PooledClient):
    """From LOGIN to the end of the stream.

    Each message names its visit, the stay in a room, its number in that stay and the room. So a
    reader sees a message that comes twice, too late, from another room or from somebody whom it
    does not follow; and a gap, as long as it stays in a room and follows whom it followed.
    """

    def __init__(
        self, port: int, person: SoakUser, fault: Callable[[str], None], *, narrow: bool = False
    ) -> None:
        """`fault` takes what must not be."""
        super().__init__(port, narrow=narrow)
        self.person = person
        self.is_greeted = False
        self.farewell: SessionEnding | None = None
        self.messages = 0
        """Live messages that were read."""
        self._fault = fault
        self._has_stalled = False
        self._number = next(_visits)
        self._last_line = ""
        self._last_word_was_answered = False
        # As a speaker: what was sent.
        self._stay = 0
        self._said = 0
        self.room = "lobby"
        # As a reader: what the server said.
        self._read_room = "lobby"
        # A copy: an older visit may still read, late, what was said before this one began.
        self._read_up_to = person.read_up_to = dict(person.read_up_to)
        self._follows: set[str] = set()
        self._listed_follows: list[str] | None = []
        """What came of the answer to /subs; None once it is whole."""
        self._heard_here: set[str] = set()
        """Authors of whom, from the last message read, every further one must come."""
        self.send(f"LOGIN {person.name} pw-of-{person.name}", "/subs")

    # Speaking

    def say(self, texts: Collection[str]) -> None:
        """Publish messages, `texts` being their padding."""
        lines = []
        for text in texts:
            lines.append(f"{self._number} {self._stay} {self._said} {self.room} {text}")
            self._said += 1
        self.send(*lines)

    def join(self, room: str) -> None:
        if room != self.room:
            self.room = room
            self._stay += 1
            self._said = 0
            self.send("/leave" if room == "lobby" else f"/join {room}")

    def stall(self) -> None:
        """Read nothing, until `listens` is set again; the server may cut it for that."""
        self.listens = False
        self._has_stalled = True

    def part(self, farewell: SessionEnding) -> None:
        """Let the visit end; its last lines are read."""
        self.farewell = farewell
        self.listens = True
        if farewell is SessionEnding.QUIT:
            self.send("/quit", "nothing after it is taken")
        elif farewell is SessionEnding.HALF_CLOSE:
            self.send(LAST_WORD)
            self.finish()

    # Reading

    def heard(self, line: str) -> None:
        self._last_line = line
        if match := _MESSAGE.fullmatch(line):
            author, visit, stay, number, room = match.groups()
            self._heard_message(author, SoakTarget(int(visit), int(stay), int(number)), room)
        elif match := _ROOM.fullmatch(line):
            self._read_room = match[1]
            self._heard_here.clear()
        elif match := _SUBSCRIPTION.fullmatch(line):
            if match[1] == "Subscribed to":
                self._follows.add(match[2])
            else:
                self._follows.discard(match[2])
            self._heard_here.clear()
        elif line.startswith(_SUBSCRIPTIONS):
            self._heard_subscriptions(line.removeprefix(_SUBSCRIPTIONS))
        elif line.startswith("[SERVER] Available commands: "):
            self.is_greeted = True
        elif line == f"[ERROR] Unknown command: {LAST_WORD} (try /help)":
            self._last_word_was_answered = True
        elif not line.startswith("[SERVER] "):
            self._fault(f"{self.person.name} reads {line[:200]!r}")

    def _heard_subscriptions(self, names: str) -> None:
        if self._listed_follows is None:
            return
        self._listed_follows += names.removesuffix(",").split(", ")
        if not names.endswith(","):
            self._follows.update(self._listed_follows)
            self._listed_follows = None

    def _heard_message(self, author: str, place: SoakTarget, room: str) -> None:
        self.messages += 1
        person = self.person
        last = self._read_up_to.get(author)
        problem = ""
        if room != self._read_room:
            problem = f"in {self._read_room}"
        elif self._listed_follows is None and not (
            author in self._follows or ("*" in self._follows and author != person.name)
        ):
            problem = f"following only {sorted(self._follows)}"
        elif last is not None and place <= last:
            problem = f"after {last}"
        elif last is not None and author in self._heard_here:
            is_next = place.number == (last.number + 1 if place[:2] == last[:2] else 0)
            if not is_next:
                problem = f"right after {last}"
        if problem:
            self._fault(f"{person.name} reads {place} of {author} in {room}, {problem}")
        self._read_up_to[author] = place
        self._heard_here.add(author)

    def ended(self) -> None:
        if self._has_stalled:
            return
        if self.was_reset:
            self._fault(f"{self.person.name} was reset, {self.farewell}")
        elif self.unfinished_line:
            self._fault(f"{self.person.name} was closed within {self.unfinished_line!r}")
        went_well = {
            SessionEnding.QUIT: self._last_line == GOODBYE,
            SessionEnding.HALF_CLOSE: self._last_word_was_answered,
            SessionEnding.TAKEN_OVER: self._last_line == LOGGED_OUT,
            None: False,
        }[self.farewell]
        if not went_well:
            self._fault(f"{self.person.name} ended at {self.farewell} with {self._last_line!r}")
