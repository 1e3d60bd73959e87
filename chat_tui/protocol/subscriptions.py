"""SubscriptionSync: current and desired subscriptions, and the difference to restore."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from chat_tui.protocol.pending_requests import Request, RequestKind

MAX_PIPELINED_RESTORES: Final = 8
"""Subscriptions that are requested again without waiting for a reply. Each request counts against
the client's rate limit, and lines that the user types meanwhile must not queue behind hundreds of
them."""


class SubscriptionSync:
    """The user's subscriptions ("*": everyone), without the subscription to themselves.

    The server keeps subscriptions when a connection is lost, and forgets them when it restarts.
    After signing in, the client lists what is left and requests the rest again.
    """

    def __init__(self, desired: Iterable[str]) -> None:
        """`desired`: the subscriptions to have once signed in."""
        self.desired = set(desired)
        self.current: set[str] = set()
        self._missing: deque[str] | None = None  # None: not known yet
        self._requested: set[str] = set()
        self._rejected: list[str] = []
        self._answer_count = 0

    @property
    def is_restored(self) -> bool:
        """True once all missing subscriptions, or the first 8 of them, have been answered."""
        if self._missing is None:
            return False
        return (
            not (self._missing or self._requested) or self._answer_count >= MAX_PIPELINED_RESTORES
        )

    @property
    def are_requested(self) -> bool:
        """True once all missing subscriptions have been requested."""
        return self._missing is not None and not self._missing

    def desired_after(self, requests: Iterable[Request]) -> set[str]:
        """Return the desired subscriptions once these requests have succeeded."""
        desired = set(self.desired)
        for request in requests:
            if request.kind is RequestKind.SUBSCRIBE and request.subject:
                desired.add(request.subject)
            elif request.kind is RequestKind.UNSUBSCRIBE:
                desired.discard(request.subject)
        return desired

    def toggle_command(self, name: str, requests: Iterable[Request]) -> str:
        """Return the command that reverses the newest of these requests about `name`.

        Without such a request, return the one that reverses the current subscription.
        """
        follow = name not in self.current
        for request in requests:
            if request.subject == name:
                if request.kind is RequestKind.SUBSCRIBE:
                    follow = False
                elif request.kind is RequestKind.UNSUBSCRIBE:
                    follow = True
        return "/subscribe" if follow else "/unsubscribe"

    def listed(self, names: Iterable[str]) -> None:
        """Take the subscriptions that the server listed."""
        self.current = set(names)
        if self._missing is None:
            self._missing = deque(sorted(self.desired - self.current))
        self.desired |= self.current

    def restore_without_list(self) -> None:
        """Restore all desired subscriptions: the server cannot list those that are left."""
        if self._missing is None:
            self._missing = deque(sorted(self.desired))

    def take_due(self) -> list[str]:
        """Return the names to subscribe to now. Each name is returned once."""
        names: list[str] = []
        while self._missing and len(self._requested) < MAX_PIPELINED_RESTORES:
            name = self._missing.popleft()
            if name in self.desired and name not in self.current:
                self._requested.add(name)
                names.append(name)
        return names

    def subscribed(self, name: str) -> None:
        """Record that the server confirmed a subscription."""
        self._answered(name)
        self.current.add(name)
        self.desired.add(name)

    def unsubscribed(self, name: str) -> None:
        """Record that the server confirmed the end of a subscription."""
        self.current.discard(name)
        self.desired.discard(name)

    def rejected(self, name: str) -> None:
        """Record that the server rejected a subscription."""
        self.desired.discard(name)
        if self._answered(name):
            self._rejected.append(name)

    def take_rejected(self) -> list[str]:
        """Return the names that could not be restored. Empty until the last answer has arrived."""
        if self._missing or self._requested:
            return []
        rejected, self._rejected = self._rejected, []
        return rejected

    def _answered(self, name: str) -> bool:
        """Return True if this answers a restore request."""
        if name not in self._requested:
            return False
        self._requested.discard(name)
        self._answer_count += 1
        return True
