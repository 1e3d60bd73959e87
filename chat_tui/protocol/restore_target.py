"""What a connection is to bring about, or to bring back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wish:
    """Where a person wants to be once signed in, and whom they want to follow.

    `again`: they were there before, and it was the connection that was lost.
    """

    room: str | None = None
    follow: frozenset[str] = frozenset()
    again: bool = False
