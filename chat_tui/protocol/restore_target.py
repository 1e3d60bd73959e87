"""What a connection is to bring about, or to bring back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestoreTarget:
    """Where a person wants to be once signed in, and whom they want to follow.

    `is_reconnect`: they were there before, and it was the connection that was lost.
    """

    room: str | None = None
    subscriptions: frozenset[str] = frozenset()
    is_reconnect: bool = False
