"""ProtocolHarness: a `ClientProtocol` whose server and clock the test controls."""

from __future__ import annotations

from itertools import count
from typing import TypeVar

from chat_server.wire import replies
from chat_tui.events import Event, LatencyMeasured, QueuedTextChanged
from chat_tui.input import parse_submission
from chat_tui.protocol import ClientProtocol, EndReason
from chat_tui.protocol.restore_target import RestoreTarget

PROMPT = f"[SERVER] {replies.LOGIN_PROMPT}"
ACCEPTED = f"[SERVER] {replies.LOGIN_SUCCESSFUL}"
ALL = (
    "/join, /leave, /rooms, /subscribe, /unsubscribe, /subs, /who, /presence, "
    "/msg, /me, /help, /quit"
)
SIX = "/join, /leave, /rooms, /subscribe, /unsubscribe, /subs"

E = TypeVar("E", bound=Event)


class ProtocolHarness:
    """A connection of alice, with methods for the user, the server and the clock."""

    def __init__(self, target: RestoreTarget | None = None, *, user: str = "alice") -> None:
        self.now = 1000.0
        self.protocol = ClientProtocol(
            user, "secret", target or RestoreTarget(), count(1), self.now
        )

    def server(self, *lines: str) -> ProtocolHarness:
        """Receive these lines from the server."""
        for line in lines:
            self.protocol.receive(line, self.now)
        return self

    def after(self, seconds: float) -> ProtocolHarness:
        """Move the clock."""
        self.now += seconds
        self.protocol.tick(self.now)
        return self

    def types(self, text: str, recipient: str = "") -> ProtocolHarness:
        """Submit text, as the user does with Enter."""
        self.protocol.submit(parse_submission(text, recipient), self.now)
        return self

    def clicks(self, room: str) -> ProtocolHarness:
        """Join a room, as a click does."""
        self.protocol.join(room, self.now)
        return self

    def toggles(self, name: str) -> ProtocolHarness:
        """Follow or unfollow a user."""
        self.protocol.toggle_follow(name, self.now)
        return self

    def breaks(self, reason: str = "cut") -> ProtocolHarness:
        """Lose the connection."""
        self.protocol.connection_lost(reason, self.now)
        return self

    def sent(self) -> list[str]:
        """Return the lines sent since the last call."""
        return [line.decode().removesuffix("\n") for line in self.protocol.take_lines()]

    def events(self) -> list[Event]:
        """Return the events since the last call, without latency and queue updates."""
        received = self.protocol.take_events()
        return [
            event
            for event in received
            if not isinstance(event, LatencyMeasured | QueuedTextChanged)
        ]

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one kind since the last call. Drop the others."""
        return [event for event in self.protocol.take_events() if isinstance(event, kind)]

    def ending(self) -> EndReason | None:
        """Return why the connection must be closed, or None."""
        return self.protocol.end_reason

    def fresh(self) -> ProtocolHarness:
        """Drop the lines and events so far."""
        self.sent()
        self.events()
        return self


def online(
    target: RestoreTarget | None = None,
    *,
    room: str = "lobby",
    subs: str = "none",
    user: str = "alice",
    commands: str = ALL,
) -> ProtocolHarness:
    """Return a session on a current server, after all replies to its first commands."""
    harness = ProtocolHarness(target, user=user)
    harness.server(PROMPT, ACCEPTED, f"[SERVER] Available commands: {commands}")
    harness.server(f"[SERVER] Subscribed to {user}", "[SERVER] Presence on")
    if room == "lobby":
        harness.server(f"[SERVER] In room 'lobby': {user}", "[SERVER] Active rooms: lobby (1)")
        harness.server(f"[SERVER] Subscriptions: {subs}")
    else:
        harness.server(f"[SERVER] Joined room '{room}'", f"[SERVER] Subscriptions: {subs}")
        harness.server(f"[SERVER] In room '{room}': {user}")
        harness.server(f"[SERVER] Active rooms: lobby (0), {room} (1)")
    return harness.fresh()


def online_legacy(target: RestoreTarget | None = None) -> ProtocolHarness:
    """Return a session on a legacy server, after all replies to its first commands."""
    harness = ProtocolHarness(target)
    harness.server("[SERVER] Welcome to the chat server", PROMPT)
    harness.server(ACCEPTED, f"[SERVER] Available commands: {SIX}")
    harness.server("[SERVER] Subscribed to alice", "[SERVER] Active rooms: lobby")
    harness.server("[SERVER] Subscriptions: alice")
    return harness.fresh()
