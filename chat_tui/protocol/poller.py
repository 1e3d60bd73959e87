"""Keeping up with rooms and people on one connection, and noticing that the server is dead."""

from __future__ import annotations

from typing import Final

from chat_tui.protocol.heartbeat import Pulse
from chat_tui.protocol.send_queue import Outbound

_SIGNS_OF_LIFE: Final = ("/rooms", "/subs", "/who")
"""What a silent server is asked, the first that it has."""


class Lookout:
    """Asks on the client's own account. Times are of one monotonic clock."""

    def __init__(self, out: Outbound, now: float) -> None:
        self._out = out
        self._pulse = Pulse(now)
        self.presence = False
        """Whether the server tells who comes and goes."""

    def heard(self, now: float) -> None:
        """The newest bytes came then, if only part of a line."""
        self._pulse.heard(now)

    def people_moved(self, now: float) -> None:
        """Somebody came or went, says the server."""
        self._pulse.people_moved(now)

    def entered(self, now: float) -> None:
        """We are in another room."""
        self._out.ask_once("/who", now)
        self.look_around(now)

    def look_around(self, now: float) -> None:
        """Ask which rooms there are; and who is here, where the server does not tell by itself."""
        self._pulse.looked(now)
        self._out.ask_once("/rooms", now)
        if not self.presence:
            self._out.ask_once("/who", now)

    def tick(self, now: float) -> bool:
        """Time has passed; False where the server is dead."""
        if self._pulse.is_dead(now):
            return False
        sign_of_life = next((word for word in _SIGNS_OF_LIFE if word in self._out.commands), None)
        if sign_of_life is not None and self._pulse.heartbeat_due(now):
            self._out.hurry()
            self._out.ask_once(sign_of_life, now)
        elif self._pulse.look_due(now):
            self.look_around(now)
        return True
