"""Keeping up with rooms and people on one connection, and noticing that the server is dead."""

from __future__ import annotations

from typing import Final

from chat_tui.protocol.heartbeat import Heartbeat
from chat_tui.protocol.send_queue import SendQueue

_HEARTBEAT_COMMANDS: Final = ("/rooms", "/subs", "/who")
"""What a silent server is asked, the first that it has."""


class Poller:
    """Asks on the client's own account. Times are of one monotonic clock."""

    def __init__(self, sender: SendQueue, now: float) -> None:
        self._sender = sender
        self._heartbeat = Heartbeat(now)
        self.presence = False
        """Whether the server tells who comes and goes."""

    def bytes_received(self, now: float) -> None:
        """The newest bytes came then, if only part of a line."""
        self._heartbeat.bytes_received(now)

    def presence_changed(self, now: float) -> None:
        """Somebody came or went, says the server."""
        self._heartbeat.presence_changed(now)

    def room_entered(self, now: float) -> None:
        """We are in another room."""
        self._sender.ask_once("/who", now)
        self.refresh(now)

    def refresh(self, now: float) -> None:
        """Ask which rooms there are; and who is here, where the server does not tell by itself."""
        self._heartbeat.refreshed(now)
        self._sender.ask_once("/rooms", now)
        if not self.presence:
            self._sender.ask_once("/who", now)

    def tick(self, now: float) -> bool:
        """Time has passed; False where the server is dead."""
        if self._heartbeat.is_dead(now):
            return False
        sign_of_life = next(filter(self._sender.capabilities.supports, _HEARTBEAT_COMMANDS), None)
        if sign_of_life is not None and self._heartbeat.heartbeat_due(now):
            self._sender.skip_wait()
            self._sender.ask_once(sign_of_life, now)
        elif self._heartbeat.refresh_due(now):
            self.refresh(now)
        return True
