"""The outbox: what one receiver has still to take, bounded and in order."""

from __future__ import annotations

import time
from collections import deque
from enum import Enum, auto
from typing import Final

from chat_server.wire import Stream

_FLUSH_SIZE: Final = 256 * 1024
"""Bytes joined for one send: what a kernel buffer takes at once, roughly."""


class OutboxState(Enum):
    """The life of an outbox; it only ever moves downwards."""

    OPEN = auto()
    """Takes lines."""
    FINISHING = auto()
    """Has its last line; what is there still goes out."""
    FINISHED = auto()
    """Everything is out and FIN is sent; what the client still sends is thrown away."""
    CUT = auto()
    """Given up with a reset: too slow, or gone."""
    CLOSED = auto()
    """The file number is free; nothing may touch the stream again."""


_OPEN: Final = OutboxState.OPEN
"""Read for every line of every receiver: in Python 3.11, `OutboxState.OPEN` takes three times"
" as long."""


class Outbox:
    """The way to one client, from any thread.

    The drainer calls `send` and `send_last`, the flusher and a throttled publisher `flush`, the
    client's own thread `close`. Each takes the stream's lock, the last in the order of locks, and
    holds it only over a non-blocking send: so two threads never interleave their bytes, and nobody
    ever writes to a file number that the client's own thread has given back.
    """

    __slots__ = (
        "_chunks",
        "_limit",
        "_lock",
        "_stream",
        "backlog",
        "finished_at",
        "lag_threshold",
        "lagging_since",
        "progressed_at",
        "state",
        "throttle_exhausted",
        "was_too_slow",
    )

    def __init__(self, stream: Stream, limit: int, lag_threshold: int) -> None:
        """`limit`: most bytes of backlog. `lag_threshold`: the backlog above which a reader"
        " lags."""
        self._stream = stream
        self._limit = limit
        self.lag_threshold = lag_threshold
        self._lock = stream.lock  # one lock for both: a TLS stream's reader takes it, too
        self._chunks: deque[bytes | memoryview] = deque()
        self.backlog = 0
        """Bytes not yet taken by the kernel. Read without the lock, as a hint."""
        self.state = OutboxState.OPEN
        self.progressed_at = time.monotonic()
        """When the kernel last took something of this client's."""
        self.lagging_since = 0.0
        """When the backlog last passed the mark; of no meaning below it."""
        self.throttle_exhausted = False
        """A publisher has waited for this reader in vain; nobody does again until it takes more."""
        self.finished_at = 0.0
        """When the last line was decided (FINISHING) or sent with its FIN (FINISHED)."""
        self.was_too_slow = False
        """Cut because it did not read, not because it went away; for the log."""

    def fileno(self) -> int:
        """The stream's file number, to wait for; -1 once closed."""
        return self._stream.fileno()

    def send(self, data: bytes) -> bool:
        """Pass on what was decided for this client: at once where nothing waits, else behind it.

        Never blocks. Returns whether the flusher must look after this outbox. A backlog over the
        limit cuts the client.
        """
        with self._lock:
            if self.state is not _OPEN:
                return False
            try:
                taken = 0 if self.backlog else self._stream.send_some(data)
            except OSError:
                self._cut(too_slow=False)
                return False
            if taken == len(data):
                return False
            self._queue_remainder(data, taken)
            return True

    def send_last(self, data: bytes) -> bool:
        """As `send`, but nothing after it is taken any more, and FIN follows once all is out."""
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
        """Offer the backlog to the kernel, as far as it takes it. Never blocks."""
        with self._lock:
            while self._chunks:  # so the phase is OPEN or FINISHING: whatever ends them clears it
                chunk = self._next_chunk()
                unsent = self._stream.unsent
                taken = self._try_send(chunk)
                if self.state is OutboxState.CUT:
                    return
                # Of a TLS record no part counts as taken before all of it is: who reads slowly, but
                # reads, would look as if it took nothing for as long as that lasts.
                if taken or self._stream.unsent < unsent:
                    self.progressed_at = time.monotonic()
                    self.throttle_exhausted = False
                self.backlog -= taken
                if taken < len(chunk):
                    self._chunks.appendleft(memoryview(chunk)[taken:])
                    return
            self._finish_when_empty()

    def cut(self, *, too_slow: bool = False) -> None:
        """Give this client up with a reset and wake its thread. Any thread."""
        with self._lock:
            self._cut(too_slow=too_slow)

    @property
    def needs_attention(self) -> bool:
        """Whether time runs against this reader: it lags, or its last line is still to go out."""
        return self.state is OutboxState.FINISHING or self.backlog > self.lag_threshold

    def wake(self) -> None:
        """End both directions so that the client's own thread comes out of its read. Any thread."""
        with self._lock:
            if self.state is not OutboxState.CLOSED:
                self._stream.shutdown()

    def close(self) -> None:
        """Free the file number; only the client's own thread. Nothing is sent afterwards."""
        with self._lock:
            self.state = OutboxState.CLOSED
            self._chunks.clear()
            self.backlog = 0
            self._stream.close()

    def _try_send(self, data: bytes | memoryview) -> int:
        """One non-blocking send. Returns how many bytes need no more care.

        Those are what the kernel took; and all, where the connection broke and was cut.
        """
        try:
            return self._stream.send_some(data)
        except OSError:
            self._cut(too_slow=False)
            return len(data)

    def _queue_remainder(self, data: bytes, sent: int) -> None:
        """Put what the kernel did not take behind the backlog; over the limit, cut."""
        rest = memoryview(data)[sent:] if sent else data
        if not self.backlog:
            self.progressed_at = time.monotonic()
        if self.backlog <= self.lag_threshold < self.backlog + len(rest):
            self.lagging_since = time.monotonic()
        self._chunks.append(rest)
        self.backlog += len(rest)
        if self.backlog > self._limit:
            self._cut(too_slow=True)

    def _next_chunk(self) -> bytes | memoryview:
        """The next bytes to offer: small chunks are joined, so that they share a system call."""
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
            self.state = OutboxState.FINISHED
            self.finished_at = time.monotonic()

    def _cut(self, *, too_slow: bool) -> None:
        if self.state in (OutboxState.CUT, OutboxState.CLOSED):
            return
        self.state = OutboxState.CUT
        self.was_too_slow = too_slow
        self._chunks.clear()
        self.backlog = 0
        self._stream.abort()
