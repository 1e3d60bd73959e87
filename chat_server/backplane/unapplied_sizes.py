"""How much of each client is on its way through the log, and whether there is space for more."""

from __future__ import annotations

import threading

from chat_server.backplane.pending import AnySession, Pending
from chat_server.tuning import Tuning


class _Client:
    """How much of one session is not applied yet."""

    __slots__ = ("count", "settled", "size")

    def __init__(self) -> None:
        self.count = self.size = 0
        self.settled: threading.Event | None = None


class UnappliedSizes:
    """The sizes of all requests that are not applied yet. Guarded by the lock of `Outgoing`.

    Bounded by `redis_queue_bytes` and `redis_client_bytes`, as far as callers ask `has_space`.
    """

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._clients: dict[AnySession, _Client] = {}
        self.total = 0
        """In bytes."""

    def has_space(self, pending: Pending) -> bool:
        """Return whether another request fits. One that is larger than the bound passes alone."""
        client = None if pending.session is None else self._clients.get(pending.session)
        if client is not None and client.size + pending.size > self._tuning.redis_client_bytes:
            return False
        return not self.total or self.total + pending.size <= self._tuning.redis_queue_bytes

    def add(self, pending: Pending) -> None:
        """Count a request."""
        self.total += pending.size
        if pending.session is not None:
            client = self._clients.get(pending.session)
            if client is None:
                client = self._clients[pending.session] = _Client()
            client.count += 1
            client.size += pending.size

    def remove(self, pending: Pending) -> None:
        """Count a request no more. Set the event of its session if that was the last one."""
        self.total -= pending.size
        session = pending.session
        if session is not None:
            client = self._clients[session]
            client.count -= 1
            client.size -= pending.size
            if not client.count:
                del self._clients[session]
                if client.settled is not None:
                    client.settled.set()

    def event_when_settled(self, session: AnySession) -> threading.Event | None:
        """Return an event that is set once nothing of a session is left. None: nothing is."""
        client = self._clients.get(session)
        if client is None:
            return None
        if client.settled is None:
            client.settled = threading.Event()
        return client.settled
