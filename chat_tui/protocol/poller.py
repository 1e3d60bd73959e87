"""Poller: keep rooms and members up to date, and detect a dead server."""

from __future__ import annotations

from typing import Final

from chat_tui.protocol.heartbeat import Heartbeat
from chat_tui.protocol.send_queue import SendQueue

_HEARTBEAT_COMMANDS: Final = ("/rooms", "/subs", "/who")
"""The client sends the first of these that the server has as a heartbeat request."""


class Poller:
    """The requests that the client makes for itself. Times are seconds of one monotonic clock."""

    def __init__(self, sender: SendQueue, now: float) -> None:
        self._sender = sender
        self._heartbeat = Heartbeat(now)
        self.presence = False
        """True if the server sends presence notices."""

    def bytes_received(self, now: float) -> None:
        """Record the time of the newest byte, even if it was not the end of a line."""
        self._heartbeat.bytes_received(now)

    def presence_changed(self, now: float) -> None:
        """Refresh soon: the server reported that a user came or went."""
        self._heartbeat.presence_changed(now)

    def room_entered(self, now: float) -> None:
        """Request the members of the new room, and refresh."""
        self._sender.request_once("/who", now)
        self.refresh(now)

    def refresh(self, now: float) -> None:
        """Request the rooms. Without presence notices, request the members of this room, too."""
        self._heartbeat.refreshed(now)
        self._sender.request_once("/rooms", now)
        if not self.presence:
            self._sender.request_once("/who", now)

    def tick(self, now: float) -> bool:
        """Send the requests that are due. Return False if the server is dead."""
        if self._heartbeat.is_dead(now):
            return False
        command = next(filter(self._sender.capabilities.supports, _HEARTBEAT_COMMANDS), None)
        if command is not None and self._heartbeat.heartbeat_due(now):
            self._sender.skip_wait()
            self._sender.request_once(command, now)
        elif self._heartbeat.refresh_due(now):
            self.refresh(now)
        return True
