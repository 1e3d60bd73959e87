"""The outbox: what one client has not taken yet, bounded and in order."""

from __future__ import annotations

import time
from collections import deque
from enum import Enum, auto
from typing import Final

from chat_server.delivery.throttle_credit import ThrottleCredit
from chat_server.wire import Stream

_FLUSH_SIZE: Final = 256 * 1024
"""Bytes joined for one send: roughly what a kernel buffer takes at once."""


class OutboxState(Enum):
    """The state of an outbox. It only moves downwards in this list."""

    OPEN = auto()
    """Takes lines."""
    FINISHING = auto()
    """Has its last line. The backlog is still sent."""
    HALF_CLOSED = auto()
    """Everything is sent, and so is FIN. What the client still sends is discarded."""
    ABORTED = auto()
    """Ended with a reset: the client was too slow, or is gone."""
    CLOSED = auto()
    """The file descriptor is free. No thread may use the stream again."""


_OPEN: Final = OutboxState.OPEN
"""Read for every line of every recipient. In Python 3.11, `OutboxState.OPEN` takes three times as
long."""


class Outbox:
    """The output of one client, for any thread.

    The draining thread calls `send` and `send_last`, the flusher and a throttled publisher `flush`,
    the client's own thread `close`. Each takes the stream's lock, the last in the lock order, and
    holds it only over a non-blocking send. So two threads never interleave their bytes, and no
    thread writes to a file descriptor that the client's own thread has closed.
    """

    __slots__ = (
        "_chunks",
        "_credit",
        "_flushed",
        "_limit",
        "_lock",
        "_stream",
        "backlog",
        "finished_at",
        "lag_threshold",
        "lagging_since",
        "progressed_at",
        "state",
        "was_too_slow",
    )

    def __init__(self, stream: Stream, limit: int, lag_threshold: int) -> None:
        """Create an open outbox. Above `limit` bytes of backlog it aborts the connection.

        Above `lag_threshold` bytes the client lags.
        """
        self._stream = stream
        self._limit = limit
        self.lag_threshold = lag_threshold
        self._lock = stream.lock  # one lock for both: the reader of a TLS stream takes it as well
        self._chunks: deque[bytes | memoryview] = deque()
        self._credit = ThrottleCredit()
        self._flushed = 0
        """Bytes of the backlog that the kernel has taken, on a system that does not report what the
        client has acknowledged."""
        self.backlog = 0
        """Bytes that the kernel has not taken yet. Read without the lock, as a hint."""
        self.state = OutboxState.OPEN
        self.progressed_at = time.monotonic()
        """When the kernel last took bytes of this client."""
        self.lagging_since = 0.0
        """When the backlog last passed the threshold. Meaningless below it."""
        self.finished_at = 0.0
        """When the last line was queued (FINISHING), or sent with its FIN (HALF_CLOSED)."""
        self.was_too_slow = False
        """Aborted because the client did not read, not because it disconnected. For the log."""

    def fileno(self) -> int:
        """Return the stream's file descriptor to poll; -1 once it is closed."""
        return self._stream.fileno()

    def send(self, data: bytes) -> bool:
        """Send `data` at once if there is no backlog, or queue it behind the backlog.

        Never block. Return True if the flusher must track this outbox. A backlog over the limit
        aborts the connection.
        """
        with self._lock:
            if self.state is not _OPEN:
                return False
            try:
                taken = 0 if self.backlog else self._stream.send_some(data)
            except OSError:
                self._abort(too_slow=False)
                return False
            if taken == len(data):
                return False
            self._queue_remainder(data, taken)
            return True

    def send_last(self, data: bytes) -> bool:
        """Send `data` like `send`, accept nothing more, and send FIN when the backlog is empty."""
        with self._lock:
            if self.state is not _OPEN:
                return False
            self.state = OutboxState.FINISHING
            self.finished_at = time.monotonic()
            taken = 0 if self.backlog else self._try_send(data)
            if taken < len(data):
                self._queue_remainder(data, taken)
            self._finish_when_empty()
            return True

    def flush(self) -> None:
        """Send as much of the backlog as the kernel takes. Never block."""
        with self._lock:
            while self._chunks:  # OPEN or FINISHING: every transition out of these clears it
                chunk = self._next_chunk()
                unsent = self._stream.unsent
                taken = self._try_send(chunk)
                if self.state is OutboxState.ABORTED:
                    return
                # No part of a TLS record counts as taken before all of it is. Without `unsent`, a
                # client that reads slowly would look stalled meanwhile.
                if taken or self._stream.unsent < unsent:
                    self.progressed_at = time.monotonic()
                self.backlog -= taken
                self._flushed += taken
                if taken < len(chunk):
                    self._chunks.appendleft(memoryview(chunk)[taken:])
                    return
            self._finish_when_empty()

    def throttle_credit(self) -> float:
        """Return the seconds that publishers may still wait for this client now."""
        with self._lock:
            acknowledged = self._stream.acknowledged()
            self._credit.earn(self._flushed if acknowledged is None else acknowledged)
            return self._credit.seconds

    def spend_throttle_credit(self, start: float, end: float) -> None:
        """Note that a publisher has waited for this client, in seconds of the monotonic clock."""
        with self._lock:
            self._credit.spend(start, end)

    def abort(self, *, too_slow: bool = False) -> None:
        """Reset the connection and wake the client's own thread. Any thread."""
        with self._lock:
            self._abort(too_slow=too_slow)

    @property
    def needs_attention(self) -> bool:
        """True if a deadline is running: the client lags, or its last line is not sent yet."""
        return self.state is OutboxState.FINISHING or self.backlog > self.lag_threshold

    def is_gone(self) -> bool:
        """Return whether the client can receive nothing more. Any thread; never blocks."""
        with self._lock:
            ended = self.state in (OutboxState.ABORTED, OutboxState.CLOSED)
            return ended or self._stream.peer_is_gone()

    def wake(self) -> None:
        """Shut down both directions, so that the client's own thread stops reading. Any thread."""
        with self._lock:
            if self.state is not OutboxState.CLOSED:
                self._stream.shutdown()

    def close(self) -> None:
        """Close the stream. Nothing is sent afterwards. Only for the client's own thread."""
        with self._lock:
            self.state = OutboxState.CLOSED
            self._chunks.clear()
            self.backlog = 0
            self._stream.close()

    def _try_send(self, data: bytes | memoryview) -> int:
        """Do one non-blocking send. Return the number of bytes consumed.

        Those are the bytes that the kernel took, or all if the connection broke and was aborted.
        """
        try:
            return self._stream.send_some(data)
        except OSError:
            self._abort(too_slow=False)
            return len(data)

    def _queue_remainder(self, data: bytes, sent: int) -> None:
        """Append what the kernel did not take to the backlog. Abort over the limit."""
        rest = memoryview(data)[sent:] if sent else data
        if not self.backlog:
            self.progressed_at = time.monotonic()
        if self.backlog <= self.lag_threshold < self.backlog + len(rest):
            self.lagging_since = time.monotonic()
        self._chunks.append(rest)
        self.backlog += len(rest)
        if self.backlog > self._limit:
            self._abort(too_slow=True)

    def _next_chunk(self) -> bytes | memoryview:
        """Return the next bytes to send. Small chunks are joined, so that they share a call."""
        first = self._chunks.popleft()
        if not self._chunks or len(first) >= _FLUSH_SIZE:
            return first
        parts = [first]
        size = len(first)
        while self._chunks and size < _FLUSH_SIZE:
            parts.append(self._chunks.popleft())
            size += len(parts[-1])
        return b"".join(parts)

    def _finish_when_empty(self) -> None:
        if self.state is OutboxState.FINISHING and not self._chunks and self._stream.finish():
            self.state = OutboxState.HALF_CLOSED
            self.finished_at = time.monotonic()

    def _abort(self, *, too_slow: bool) -> None:
        if self.state in (OutboxState.ABORTED, OutboxState.CLOSED):
            return
        self.state = OutboxState.ABORTED
        self.was_too_slow = too_slow
        self._chunks.clear()
        self.backlog = 0
        self._stream.abort()
