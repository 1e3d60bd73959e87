"""A batch: what one thread delivers for others before it drains the queue."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Protocol

from chat_server.delivery import crowd_scheduling
from chat_server.delivery.outbox import Outbox


class SendQueue(Protocol):
    """The part of the dispatcher that a batch needs. Its methods are described there."""

    @property
    def is_crowded(self) -> bool:
        """True if several clients send at once."""

    @property
    def has_tracked(self) -> bool:
        """True if the flusher tracks an outbox."""

    def drain(self) -> None:
        """Send what is queued, unless another thread is doing so."""

    def drain_to_limit(self) -> None:
        """Drain while too much is queued."""

    def wait_for_lagging(self, recipients: Iterable[tuple[Outbox, ...]]) -> None:
        """Wait a moment for recipients that lag."""


class Batch:
    """A context manager that sends what was queued in it: `with delivery.batch() as batch`.

    On exit it drains the queue, then waits for lagging recipients of the batch. Reusable, not
    reentrant, and used by one thread.
    """

    __slots__ = ("_is_in_crowd", "_outbox", "_queue", "_recipients")

    def __init__(self, queue: SendQueue, outbox: Outbox | None) -> None:
        """Create a batch. `outbox` belongs to the calling client thread; None elsewhere."""
        self._queue = queue
        self._outbox = outbox
        self._is_in_crowd = False
        self._recipients: dict[int, tuple[Outbox, ...]] = {}
        """By identity: a busy author has the same recipients, one tuple, again and again."""

    def __enter__(self) -> Batch:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        queue = self._queue
        queue.drain()
        if queue.is_crowded is not self._is_in_crowd:
            self._is_in_crowd = not self._is_in_crowd
            if self._outbox is not None:  # otherwise the batch does not last as long as its thread
                crowd_scheduling.set_policy(is_in_crowd=self._is_in_crowd)
        if exception_type is None and queue.has_tracked:
            own = () if self._outbox is None else (self._outbox,)
            queue.wait_for_lagging((own, *self._recipients.values()))
        self._recipients.clear()

    def add(self, recipients: tuple[Outbox, ...]) -> None:
        """Remember the recipients of the client's messages, and wait if the queue is too long."""
        if recipients:
            self._recipients[id(recipients)] = recipients
            self._queue.drain_to_limit()

    def flush(self) -> None:
        """Drain the queue before the end of the batch, because its thread is about to wait."""
        self._queue.drain()

    def throttle_replies(self) -> None:
        """Give the client time to read: one batch may ask for more replies than an outbox holds."""
        queue, outbox = self._queue, self._outbox
        queue.drain_to_limit()
        if outbox is not None and outbox.needs_attention:
            queue.drain()
            queue.wait_for_lagging(((outbox,),))
