"""A client that catches up with `/history new`, written from the protocol page alone.

It turns stamps on, asks in each room that it enters for everything newer than the newest message
that it has of that room, and keeps what arrives live until the pages are complete.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from tests.abuse.client_pool import PooledClient

_STAMP: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d"
STAMPED: Final = re.compile(rf"\[({_STAMP})\] (?:\* (\S+) |(\S+)(?: -> \S+)?: )(.*)")
"""A message with its stamp: group 1 the stamp, 2 or 3 the author, 4 the text."""

_SHORT: Final = re.compile(r"\[\d\d:\d\d:\d\d\] ")
_UNSTAMPED: Final = re.compile(r"\[(\d\d:\d\d:\d\d)\] (?:\* (\S+) |(\S+): )(.*)")
_JOINED: Final = re.compile(r"\[SERVER\] Joined room '(\S+)'")
_HEAD: Final = re.compile(r"\[SERVER\] History of '(\S+)'")
_FOOT: Final = "[SERVER] End of history"
_LATER: Final = "; later: "

BEGINNING: Final = "1970-01-01T00:00:00.000000+00:00"
"""A stamp before every message. A client that has never been in a room asks from here."""


class ReadMessage(NamedTuple):
    """A message as a client has read it."""

    stamp: str
    author: str
    text: str


class CatchUpUser:
    """An account, and everything that its client has kept over all sessions."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.log: dict[str, list[ReadMessage]] = {}
        """By room, in the order of reading."""
        self.session: CatchUpSession | None = None
        """The newest session. Older ones are not read any more: their program has ended."""
        self.is_subscribed = False
        self.from_pages = 0
        """How many of the messages came in pages."""

    def newest(self, room: str) -> str:
        """Return the stamp to catch up from."""
        log = self.log.get(room)
        return log[-1].stamp if log else BEGINNING


class CatchUpSession(PooledClient):
    """A session from its LOGIN until it breaks off."""

    def __init__(
        self,
        port: int,
        user: CatchUpUser,
        fault: Callable[[str], None],
        *,
        narrow: bool = False,
        asks_late: bool = False,
    ) -> None:
        """`asks_late`: ask for history only after the first live message of the room."""
        super().__init__(port, narrow=narrow)
        self.user = user
        self.room: str | None = None
        """None until stamps are on: what arrives before has no stamp, and is in the page."""
        self.has_caught_up = False
        self.is_moving = False
        """True from a request to move until the room has changed."""
        self._fault = fault
        self._asks_late = asks_late
        self._is_asking = False
        self._is_in_page = False
        self._live: list[ReadMessage] = []
        """Live messages that wait until the pages are complete. Lost if the session ends before."""
        user.session = self
        self.send(f"LOGIN {user.name} pw-of-{user.name}")
        if not user.is_subscribed:
            self.send("/subscribe *")
        self.greet()

    def greet(self) -> None:
        """Send the first lines after the login."""
        self.send("/stamps on")

    def join(self, room: str) -> None:
        """Ask to move to another room. Only if it has caught up and is not moving."""
        self.is_moving = True
        self.send("/leave" if room == "lobby" else f"/join {room}")

    def line_received(self, line: str) -> None:
        if self.user.session is not self:
            return
        if match := STAMPED.fullmatch(line):
            self._message_received(ReadMessage(match[1], match[2] or match[3], match[4]))
        elif match := _JOINED.fullmatch(line):
            self._enter(match[1])
        elif line == "[SERVER] Stamps on":
            self._enter("lobby")
        elif match := _HEAD.fullmatch(line):
            self._is_in_page = True
            if match[1] != self.room:
                self._fault(f"{self.user.name} in {self.room} reads {line!r}")
        elif line.startswith(_FOOT):
            self._page_ended(line)
        elif line == "[SERVER] Subscribed to *":
            self.user.is_subscribed = True
        elif _SHORT.match(line):
            if self.room is not None:
                self._fault(f"{self.user.name} reads {line!r} with stamps on")
        elif not line.startswith("[SERVER] ") or line.startswith("[SERVER] Not kept"):
            self._fault(f"{self.user.name} reads {line[:200]!r}")

    def _enter(self, room: str) -> None:
        self.room = room
        self.has_caught_up = self.is_moving = False
        self._live.clear()
        self._is_asking = False
        if not self._asks_late:
            self._ask()

    def _ask(self) -> None:
        assert self.room is not None
        self._is_asking = True
        self.send(f"/history new {self.user.newest(self.room)}")

    def _message_received(self, message: ReadMessage) -> None:
        if self.room is None:
            self._fault(f"{self.user.name} reads {message} with stamps off")
        elif self._is_in_page:
            self.user.from_pages += 1
            self._keep(message)
        elif self.has_caught_up:
            self._keep(message)
        else:
            self._live.append(message)
            if not self._is_asking:
                self._ask()

    def _keep(self, message: ReadMessage) -> None:
        assert self.room is not None
        self.user.log.setdefault(self.room, []).append(message)

    def _page_ended(self, foot: str) -> None:
        self._is_in_page = False
        _, _, later = foot.partition(_LATER)
        if later:
            self.send(later)
            return
        self.has_caught_up = True
        for message in self._live:
            self._keep(message)
        self._live.clear()


class NetcatSession(CatchUpSession):
    """A session without stamps, as of a user at netcat: a page begins at the read marker."""

    def greet(self) -> None:
        """Nothing: `Available commands` says that the user is in the lobby."""

    def line_received(self, line: str) -> None:
        if self.user.session is not self:
            return
        match = STAMPED.fullmatch(line) or _UNSTAMPED.fullmatch(line)
        if match:
            self.user.from_pages += self._is_in_page
            self._keep(ReadMessage("", match[2] or match[3], match[4]))
        elif line.startswith("[SERVER] Available commands: "):
            self._enter("lobby")
        else:
            super().line_received(line)

    def _ask(self) -> None:
        self._is_asking = True
        self.send("/history new")
