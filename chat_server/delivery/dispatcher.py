"""The dispatcher: one queue, and the thread that drains it.

A thread that decides something for others (in the hub, under its lock) only appends to the
queue. Once it has released the hub's lock, the client thread that gets the drain lock *without
waiting* sends what all threads have queued: grouped by recipient, joined, one non-blocking send
each. The other threads return to their sockets at once. So a quiet server wakes no thread to
deliver a line, and under load many messages share a system call. While a crowd talks, the thread
that drains lets the other readers queue their lines first. What a kernel buffer does not take
stays in the recipient's outbox, and the flusher thread sends it when the socket becomes writable.

One publisher's appends are in order, only one thread drains at a time, and each recipient
has one outbox. So each reader gets one publisher's lines in the order in which they were sent.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from chat_server.config import Config
from chat_server.delivery.batch import Batch
from chat_server.delivery.flusher import FLUSH_INTERVAL, Flusher
from chat_server.delivery.outbox import Outbox

_ROUND_BYTES: Final = 256 * 1024
"""Queued bytes sent in one round. More would overfill outboxes at once."""

_QUEUE_BYTES: Final = 1024 * 1024
"""Above this a publisher waits for the drain lock and drains, so the queue stays bounded."""

_ROUNDS: Final = 16
"""Rounds that one client's thread sends for others before the flusher takes over."""

_CROWD: Final = 4
"""Writes in one round that show a crowd: so many clients send at once."""

_GATHER_SECONDS: Final = 0.001
"""How long the drainer of a crowd waits for others before a round: forty of them need 0.6 ms."""


class _QueuedWrite(NamedTuple):
    targets: tuple[Outbox, ...]
    data: bytes
    last: bool


class Dispatcher:
    """The queue of bytes for outboxes, which keeps the order in which they were queued."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._queue: deque[_QueuedWrite] = deque()
        self._queued_bytes = 0
        self._taken = 0
        """How many writes were taken from the queue so far. Changed under the drain lock."""
        self._queue_lock = threading.Lock()
        self._drain_lock = threading.Lock()
        self._crowd = 0
        """The writes of the last round for a crowd, halved for each smaller round since. Changed
        under the drain lock, read without it."""
        self.bytes_out = 0
        """Bytes passed to outboxes so far. Changed under the drain lock, read without it."""
        self._round: Callable[[], None] = self._send_round
        self._flusher = Flusher(config.tuning, self.drain)

    def start(self) -> None:
        """Start the flusher. Raises `RuntimeError` if no thread can be started."""
        self._flusher.start()

    def stop(self) -> None:
        """Stop the flusher. Call once, after every client's thread has ended."""
        self._flusher.stop()

    @property
    def is_alive(self) -> bool:
        """True while the flusher runs."""
        return self._flusher.is_alive

    def backlog(self) -> tuple[int, int]:
        """Return the unsent bytes, queued or in outboxes, and the number of outboxes with any."""
        waiting = self._flusher.backlogs()
        return self._queued_bytes + sum(waiting), len(waiting)

    def time_fan_out(self, observe: Callable[[float], None]) -> None:
        """Call `observe` with the duration of each round of sending, in seconds, from now on.

        It is called under the drain lock and may take leaf locks only. Without a call of this
        method, no round is timed.
        """

        def timed_round() -> None:
            if self._queue:  # only the holder of the drain lock takes from it
                started = time.perf_counter()
                self._send_round()
                observe(time.perf_counter() - started)

        self._round = timed_round

    def deliver(self, targets: tuple[Outbox, ...], data: bytes, last: bool = False) -> None:
        """Queue `data` for each of `targets`. If `last`, accept no more data for `targets`.

        Only appends, so it may be called under the hub's lock. Call it within a `batch`, which
        drains the queue after the caller has released its locks.
        """
        with self._queue_lock:
            self._queue.append(_QueuedWrite(targets, data, last))
            self._queued_bytes += len(data)

    def batch(self, outbox: Outbox | None = None) -> Batch:
        """Return a batch for one thread. `outbox` is the one of the client that it serves.

        Outside this package, every call of `deliver` is made within a batch.
        """
        return Batch(self, outbox)

    @property
    def is_crowded(self) -> bool:
        """True if several clients send at once. Read without a lock, as a hint."""
        return self._crowd >= _CROWD

    @property
    def has_tracked(self) -> bool:
        """True if the flusher tracks an outbox. Read without a lock, as a hint."""
        return self._flusher.has_tracked

    def drain(self) -> None:
        """Send what any thread has queued, unless another thread does so. The caller holds no lock.

        Invariant: a thread that has held the drain lock looks at the queue after the release,
        *under the queue's lock*. Then no append is missed. A thread that appends takes the queue's
        lock, releases it, and only then tries the drain lock. If its append comes before the look,
        the look sees it. If it comes after, it also comes after the release of the drain lock, so
        the thread gets that lock, or another thread has it and will look. Without the queue's lock
        this argument needs the interpreter lock: a processor may do the look before the release.
        """
        if not self._queue:  # a thread sees its own appends, so another one has taken them
            return
        for _ in range(_ROUNDS):
            if not self._drain_lock.acquire(blocking=False):
                return
            try:
                if self._crowd >= _CROWD:
                    self._gather()
                self._round()
            finally:
                self._drain_lock.release()
            with self._queue_lock:
                if not self._queue:
                    return
        self._flusher.wake()

    def drain_to_limit(self) -> None:
        """Wait for the drain lock and drain, while more is queued than the bound."""
        while self._queued_bytes > _QUEUE_BYTES:
            with self._drain_lock:
                self._round()
            if not self._is_queue_empty():
                self.drain()

    def settle(self) -> None:
        """Send what was queued before the call, or wait until other threads have. No locks held.

        Afterwards an outbox without a backlog has sent everything that was queued for it then.
        """
        with self._queue_lock:
            last = self._taken + len(self._queue)
        while True:
            with self._drain_lock:  # a thread that has taken writes sends them before it releases
                if self._taken >= last:
                    break
                self._round()
        if not self._is_queue_empty():
            self.drain()

    def wait_for_lagging(self, recipients: Iterable[tuple[Outbox, ...]]) -> None:
        """Slow a publisher down, after the fan-out of a batch, for lagging readers.

        Protocol section 5. Wait at most `throttle_seconds` in all, and only for those `recipients`
        that lag and have throttle credit.
        """
        if not self._flusher.has_tracked:
            return
        now = time.monotonic()
        until = now + self._config.tuning.throttle_seconds
        slow = set().union(*recipients)
        while now < until:
            credits = {
                outbox: credit
                for outbox in slow
                if outbox.backlog > outbox.lag_threshold and (credit := outbox.throttle_credit())
            }
            if not credits:
                return
            slow = set(credits)
            self._flusher.wait_for_pass(min(until - now, FLUSH_INTERVAL, max(credits.values())))
            before, now = now, time.monotonic()
            for outbox in slow:
                outbox.flush()
                outbox.spend_throttle_credit(before, now)

    def wait_flushed(self, outbox: Outbox) -> None:
        """Wait until the last line of `outbox` is sent or given up. See `Flusher.wait_flushed`."""
        self._flusher.wait_flushed(outbox)

    def _is_queue_empty(self) -> bool:
        """Look at the queue after a release of the drain lock. `drain` says why with this lock."""
        with self._queue_lock:
            return not self._queue

    def _gather(self) -> None:
        """Let the other readers that are runnable queue their lines first, to share the sends.

        Otherwise the first of forty readers would send its line alone, to forty recipients, while
        the others wait to be run. With 40 clients that all send to all, with one message each in
        flight, a round has 37 writes with this and 4 without, at a third of the CPU time. It ends
        when as many have queued as in the last crowd, or none more. The caller holds the drain
        lock. Without other runnable threads it costs one call, about 1 us.
        """
        until = time.monotonic() + _GATHER_SECONDS
        queued = 0
        while queued < len(self._queue) < self._crowd and self._queued_bytes < _ROUND_BYTES:
            queued = len(self._queue)
            os.sched_yield()  # it releases the interpreter as well
            if time.monotonic() > until:
                return

    def _send_round(self) -> None:
        """Send a part of the queue, one send a recipient. The caller holds the drain lock."""
        batch: list[_QueuedWrite] = []
        size = 0
        with self._queue_lock:
            while self._queue and size < _ROUND_BYTES:
                item = self._queue.popleft()
                size += len(item.data)
                batch.append(item)
            self._queued_bytes -= size
            self._taken += len(batch)
        if not batch:
            return
        targets = batch[0].targets
        if all(item.targets is targets and not item.last for item in batch):
            self._crowd //= 2
            data = b"".join([item.data for item in batch])
            self.bytes_out += size * len(targets)
            unsent = [outbox for outbox in targets if outbox.send(data)]
        else:
            self._crowd = len(batch) if len(batch) >= _CROWD else self._crowd // 2
            unsent = self._send_grouped(batch)
        if unsent:
            self._flusher.track(unsent)

    def _send_grouped(self, batch: list[_QueuedWrite]) -> list[Outbox]:
        """Send each recipient its parts of the round. Return those that the flusher must track."""
        parts: defaultdict[Outbox, list[bytes]] = defaultdict(list)
        finished: set[Outbox] = set()
        for targets, data, last in batch:
            if finished:
                targets = tuple(outbox for outbox in targets if outbox not in finished)
            for outbox in targets:
                parts[outbox].append(data)
            if last:
                finished.update(targets)
        unsent = []
        bytes_out = 0
        for outbox, own in parts.items():
            joined = own[0] if len(own) == 1 else b"".join(own)
            bytes_out += len(joined)
            if outbox.send_last(joined) if outbox in finished else outbox.send(joined):
                unsent.append(outbox)
        self.bytes_out += bytes_out
        return unsent
