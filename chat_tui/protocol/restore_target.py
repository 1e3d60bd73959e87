"""RestoreTarget: state to restore after signing in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestoreTarget:
    """The room and the subscriptions to restore after signing in."""

    room: str | None = None
    """None: stay in the lobby."""
    subscriptions: frozenset[str] = frozenset()
    """Names of users to follow; may hold "*" for everyone."""
    is_reconnect: bool = False
    """True if a session was lost. False on the first sign-in."""
    since: str = ""
    """A time as the server reads it: the log of the room begins there. Empty: with the latest
    messages."""
    uses_history: bool = True
    """False: request no past messages, as on a server without history."""
