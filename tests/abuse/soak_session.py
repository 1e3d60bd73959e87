"""One session of a user of the soak: what it sends, and checks of what it reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from enum import Enum, auto
from itertools import count
from typing import Final, NamedTuple

from tests.abuse.client_pool import PooledClient

LOGGED_OUT: Final = "[SERVER] Logged out due to new login"
GOODBYE: Final = "[SERVER] Goodbye"
LAST_COMMAND: Final = "/lastword"

_STAMP: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d"
_MESSAGE: Final = re.compile(
    rf"\[(?:\d\d:\d\d:\d\d|({_STAMP}))\] (\S+): (\d+) (\d+) (\d+) (\S+) x*"
)
_PAGE_OF_ROOM: Final = re.compile(r"\[SERVER\] (?:History of|Found in) '(\S+)'")
_PAGE_WITH_USER: Final = "[SERVER] History with "
_NOT_KEPT: Final = "[SERVER] Not kept: messages before "
_FOOT: Final = "[SERVER] End of history"
_ROOM: Final = re.compile(r"\[SERVER\] Joined room '(\S+)'")
_SUBSCRIPTION: Final = re.compile(r"\[SERVER\] (Subscribed to|Unsubscribed from) (\S+)")
_SUBSCRIPTIONS: Final = "[SERVER] Subscriptions: "

_sessions = count(1)


class SoakPosition(NamedTuple):
    """The position of a message among all messages of its author. It only rises."""

    session: int
    stay: int
    number: int


class SoakUser:
    """An account, whose subscriptions and latest read messages outlive a session."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.latest_read: dict[str, SoakPosition] = {}
        """By author: the latest message that the newest session, or one before it, has read."""
        self.session: SoakSession | None = None


class SessionEnding(Enum):
    """How a session is expected to end."""

    QUIT = auto()
    HALF_CLOSE = auto()
    TAKEN_OVER = auto()


class SoakSession(PooledClient):
    """A session from LOGIN to the end of the stream.

    Each message contains its session, the stay in a room, its number in that stay, and the room. A
    reader therefore detects a repeated or late message, one of another room, and one of a user that
    it does not follow. While its room and subscriptions stay the same, it also detects a gap.
    """

    def __init__(
        self, port: int, user: SoakUser, fault: Callable[[str], None], *, narrow: bool = False
    ) -> None:
        """`fault`: receives each violation."""
        super().__init__(port, narrow=narrow)
        self.user = user
        self.is_greeted = False
        self.ending: SessionEnding | None = None
        self.messages = 0
        """Number of live messages read."""
        self._fault = fault
        self._has_stalled = False
        self._number = next(_sessions)
        self._last_line = ""
        self._last_command_was_answered = False
        # As an author: what was sent.
        self._room_stay = 0
        self._published = 0
        self.room = "lobby"
        # As a reader: what the server sent.
        self._read_room = "lobby"
        # A copy: an older session may still read messages from before this one started.
        self._latest_read = user.latest_read = dict(user.latest_read)
        self._page: list[str] | None = None
        """The stamps of the page that the session is reading. None outside of a page."""
        self._subscriptions: set[str] = set()
        self._listed_subscriptions: list[str] | None = []
        """The reply to /subs so far. None once it is complete."""
        self._gapless_authors: set[str] = set()
        """Authors whose messages must all arrive, from the latest one that was read."""
        self.send(f"LOGIN {user.name} pw-of-{user.name}", "/subs")

    # Sending

    def publish(self, texts: Collection[str]) -> None:
        """Publish messages with these paddings."""
        lines = []
        for text in texts:
            lines.append(f"{self._number} {self._room_stay} {self._published} {self.room} {text}")
            self._published += 1
        self.send(*lines)

    def join(self, room: str) -> None:
        if room != self.room:
            self.room = room
            self._room_stay += 1
            self._published = 0
            self.send("/leave" if room == "lobby" else f"/join {room}")

    def stall(self) -> None:
        """Stop reading until `reads` is set again. The server may cut the session for it."""
        self.reads = False
        self._has_stalled = True

    def leave(self, ending: SessionEnding) -> None:
        """Start to end the session. Its last lines are still read."""
        self.ending = ending
        self.reads = True
        if ending is SessionEnding.QUIT:
            self.send("/quit", "a line after it is ignored")
        elif ending is SessionEnding.HALF_CLOSE:
            self.send(LAST_COMMAND)
            self.send_eof()

    # Reading

    def line_received(self, line: str) -> None:
        self._last_line = line
        if self._page is not None:
            self._read_page(self._page, line)
        elif match := _MESSAGE.fullmatch(line):
            _, author, session, stay, number, room = match.groups()
            self._check_message(author, SoakPosition(int(session), int(stay), int(number)), room)
        elif match := _PAGE_OF_ROOM.fullmatch(line):
            self._page = []
            if match[1] != self._read_room:
                self._fault(f"{self.user.name} reads {line!r} in {self._read_room}")
        elif line.startswith(_PAGE_WITH_USER):
            self._page = []
        elif match := _ROOM.fullmatch(line):
            self._read_room = match[1]
            self._gapless_authors.clear()
        elif match := _SUBSCRIPTION.fullmatch(line):
            if match[1] == "Subscribed to":
                self._subscriptions.add(match[2])
            else:
                self._subscriptions.discard(match[2])
            self._gapless_authors.clear()
        elif line.startswith(_SUBSCRIPTIONS):
            self._read_subscriptions(line.removeprefix(_SUBSCRIPTIONS))
        elif line.startswith("[SERVER] Available commands: "):
            self.is_greeted = True
        elif line == f"[ERROR] Unknown command: {LAST_COMMAND} (try /help)":
            self._last_command_was_answered = True
        elif not line.startswith("[SERVER] "):
            self._fault(f"{self.user.name} reads {line[:200]!r}")

    def _read_page(self, stamps: list[str], line: str) -> None:
        """Read a line of a page: messages of the room with rising stamps, a remark or the foot."""
        if line.startswith(_FOOT):
            self._page = None
        elif match := _MESSAGE.fullmatch(line):
            stamp, _, _, _, _, room = match.groups()
            problem = ""
            if stamp is None or (stamps and stamp <= stamps[-1]):
                problem = f"after {stamps[-1:]}"
            elif room != self._read_room:
                problem = f"in {self._read_room}"
            if problem:
                self._fault(f"{self.user.name} reads {line[:200]!r} in a page, {problem}")
            stamps.append(stamp)
        elif not line.startswith(_NOT_KEPT):
            self._fault(f"{self.user.name} reads {line[:200]!r} in a page")

    def _read_subscriptions(self, names: str) -> None:
        if self._listed_subscriptions is None:
            return
        self._listed_subscriptions += names.removesuffix(",").split(", ")
        if not names.endswith(","):
            self._subscriptions.update(self._listed_subscriptions)
            self._listed_subscriptions = None

    def _check_message(self, author: str, position: SoakPosition, room: str) -> None:
        self.messages += 1
        user = self.user
        last = self._latest_read.get(author)
        problem = ""
        if room != self._read_room:
            problem = f"in {self._read_room}"
        elif self._listed_subscriptions is None and not (
            author in self._subscriptions or ("*" in self._subscriptions and author != user.name)
        ):
            problem = f"following only {sorted(self._subscriptions)}"
        elif last is not None and position <= last:
            problem = f"after {last}"
        elif last is not None and author in self._gapless_authors:
            is_next = position.number == (last.number + 1 if position[:2] == last[:2] else 0)
            if not is_next:
                problem = f"right after {last}"
        if problem:
            self._fault(f"{user.name} reads {position} of {author} in {room}, {problem}")
        self._latest_read[author] = position
        self._gapless_authors.add(author)

    def stream_ended(self) -> None:
        if self._has_stalled:
            return
        if self.was_reset:
            self._fault(f"{self.user.name} was reset, {self.ending}")
        elif self.unfinished_line:
            self._fault(f"{self.user.name} was closed in the middle of {self.unfinished_line!r}")
        is_expected_end = {
            SessionEnding.QUIT: self._last_line == GOODBYE,
            SessionEnding.HALF_CLOSE: self._last_command_was_answered,
            SessionEnding.TAKEN_OVER: self._last_line == LOGGED_OUT,
            None: False,
        }[self.ending]
        if not is_expected_end:
            self._fault(f"{self.user.name} ended at {self.ending} with {self._last_line!r}")
