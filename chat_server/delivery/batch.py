"""A batch: what one thread delivers for others before it drains the queue."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from chat_server.delivery.outbox import Outbox

if TYPE_CHECKING:
    from chat_server.delivery.dispatcher import Dispatcher


class Batch:
    """A context manager that sends what was queued in it: `with delivery.batch() as batch`.

    On exit it drains the queue, then throttles its thread for the recipients in the batch that lag.
    One object can be entered again and again, but only by one thread and not while it is entered.
    """

    __slots__ = ("_dispatcher", "_outbox", "_recipients")

    def __init__(self, dispatcher: Dispatcher, outbox: Outbox | None) -> None:
        """`outbox` is the one of the client whose thread this is; None if it is not a client's."""
        self._dispatcher = dispatcher
        self._outbox = outbox
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
        dispatcher = self._dispatcher
        dispatcher.drain()
        if exception_type is None and dispatcher.has_lagging:
            own = () if self._outbox is None else (self._outbox,)
            dispatcher.throttle((own, *self._recipients.values()))
        self._recipients.clear()

    def add(self, recipients: tuple[Outbox, ...]) -> None:
        """Remember the recipients of the client's messages, and wait if the queue is too long."""
        if recipients:
            self._recipients[id(recipients)] = recipients
            self._dispatcher.apply_backpressure()

    def flush(self) -> None:
        """Drain the queue before the end of the batch, because its thread is about to wait."""
        self._dispatcher.drain()

    def throttle_replies(self) -> None:
        """Give the client time to read: one batch may ask for more replies than an outbox holds."""
        dispatcher, outbox = self._dispatcher, self._outbox
        dispatcher.apply_backpressure()
        if outbox is not None and outbox.needs_attention:
            dispatcher.drain()
            dispatcher.throttle(((outbox,),))
