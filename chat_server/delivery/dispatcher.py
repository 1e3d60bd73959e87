"""The dispatcher: one queue, the thread that drains it, and the flusher for lagging readers.

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
import select
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from math import inf
from typing import Final, NamedTuple

from chat_server.config import Config
from chat_server.delivery.batch import Batch
from chat_server.delivery.outbox import Outbox, OutboxState

_ROUND_BYTES: Final = 256 * 1024
"""Queued bytes sent in one round. More would overfill outboxes at once."""

_QUEUE_BYTES: Final = 1024 * 1024
"""Above this a publisher waits for the drain lock and drains, so the queue stays bounded."""

_ROUNDS: Final = 16
"""Rounds that one client's thread sends for others before the flusher takes over."""

_CROWD: Final = 4
"""Writes for different recipients in one round that show a crowd: several clients send at once."""

_MAX_YIELDS: Final = 8
"""Times that the drainer of a crowd yields before a round."""

_FLUSH_INTERVAL: Final = 0.02
"""Seconds between two offers of the flusher to a lagging reader's kernel buffer. Linux reports a
socket as writable only when a third of its buffer is free, which may be a megabyte or more. With
nothing but that report, a reader that takes 200 KB a second looked stalled for five seconds."""

_POLL_INTERVAL: Final = 0.5
"""Seconds between two checks of any other tracked outbox."""


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
        self._is_crowded = False
        """The last round was for a crowd. Only for the holder of the drain lock."""
        self._tracked: set[Outbox] = set()
        """Outboxes that the flusher serves: with a backlog, or finishing. Not all of them lag."""
        self._flusher_progress = threading.Condition(threading.Lock())
        """Notified after each pass of the flusher. Its lock guards `_tracked`."""
        self._wake_read = self._wake_write = -1
        self._stopping = False
        self.bytes_out = 0
        """Bytes passed to outboxes so far. Changed under the drain lock, read without it."""
        self._round: Callable[[], None] = self._send_round
        self._flusher = threading.Thread(target=self._flush_forever, name="flusher", daemon=True)

    def start(self) -> None:
        """Start the flusher. Raises `RuntimeError` if no thread can be started."""
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._flusher.start()

    def stop(self) -> None:
        """Stop the flusher. Call once, after every client's thread has ended."""
        self._stopping = True
        self._wake_flusher()
        self._flusher.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    @property
    def is_alive(self) -> bool:
        """True while the flusher runs."""
        return self._flusher.is_alive()

    def backlog(self) -> tuple[int, int]:
        """Return the unsent bytes, queued or in outboxes, and the number of outboxes with any."""
        with self._flusher_progress:
            waiting = [outbox.backlog for outbox in self._tracked if outbox.backlog]
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
    def has_tracked(self) -> bool:
        """True if the flusher tracks an outbox. Read without a lock, as a hint."""
        return bool(self._tracked)

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
                if self._is_crowded:
                    self._gather()
                self._round()
            finally:
                self._drain_lock.release()
            with self._queue_lock:
                if not self._queue:
                    return
        self._wake_flusher()

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
        if not self._tracked:
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
            with self._flusher_progress:
                self._flusher_progress.wait(
                    min(until - now, _FLUSH_INTERVAL, max(credits.values()))
                )
            before, now = now, time.monotonic()
            for outbox in slow:
                outbox.flush()
                outbox.spend_throttle_credit(before, now)

    def wait_flushed(self, outbox: Outbox) -> None:
        """Wait until the last line of `outbox` is sent or the flusher has given up.

        Only for its client's own thread. Bounded by `longest_flush_seconds`. The outbox is still
        open while another thread has not sent yet what is queued, the last line included.
        """
        with self._flusher_progress:
            self._flusher_progress.wait_for(
                lambda: outbox.state not in (OutboxState.OPEN, OutboxState.FINISHING)
            )

    def _is_queue_empty(self) -> bool:
        """Look at the queue after a release of the drain lock. `drain` says why with this lock."""
        with self._queue_lock:
            return not self._queue

    def _gather(self) -> None:
        """Let the other readers that are runnable queue their lines first, to share the sends.

        Otherwise the first of forty readers would send its line alone, to forty recipients, while
        the others wait to be run. With 40 clients that all send to all, with one message each in
        flight, a round has 37 writes with this and 4 without, at a third of the CPU time. The
        caller holds the drain lock. Without other runnable threads it costs one call, about 1 us.
        """
        queued = len(self._queue)
        for _ in range(_MAX_YIELDS):
            os.sched_yield()  # it releases the interpreter as well
            if len(self._queue) == queued or self._queued_bytes >= _ROUND_BYTES:
                return
            queued = len(self._queue)

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
            self._is_crowded = False
            data = b"".join([item.data for item in batch])
            self.bytes_out += size * len(targets)
            unsent = [outbox for outbox in targets if outbox.send(data)]
        else:
            self._is_crowded = len(batch) >= _CROWD
            unsent = self._send_grouped(batch)
        if unsent:
            self._track(unsent)

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

    def _track(self, outboxes: list[Outbox]) -> None:
        with self._flusher_progress:
            known = len(self._tracked)
            self._tracked.update(outboxes)
            grown = len(self._tracked) > known
        if grown:
            self._wake_flusher()

    def _wake_flusher(self) -> None:
        # If the pipe is full, a wake-up is pending. If it is closed, the flusher has stopped.
        with suppress(OSError):
            os.write(self._wake_write, b"!")

    def _flush_forever(self) -> None:
        while not self._stopping:
            with self._flusher_progress:
                tracked = list(self._tracked)
            writable = self._wait(tracked)
            if self._queue:
                self.drain()
            for outbox in tracked:
                if outbox.needs_attention or outbox in writable:
                    outbox.flush()
            now = time.monotonic()
            for outbox in tracked:
                if self._deadline(outbox) <= now:
                    self._give_up(outbox)
            with self._flusher_progress:
                # A sending thread appends first and calls `_track` afterwards. So an outbox
                # that is empty here and filled right after this comes back.
                self._tracked.difference_update([o for o in tracked if not self._needs_flusher(o)])
                self._flusher_progress.notify_all()

    def _wait(self, tracked: list[Outbox]) -> set[Outbox]:
        """Block until an outbox is writable or due, or a thread wakes the flusher."""
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        by_file: dict[int, Outbox] = {}
        due = inf
        for outbox in tracked:
            # Another thread has emptied or closed it. As long as it is in the table, no thread
            # would wake the flusher when it fills again.
            if not self._needs_flusher(outbox):
                due = 0.0
            due = min(due, self._deadline(outbox), self._next_check(outbox))
            file = outbox.fileno()
            if outbox.backlog and file >= 0:
                by_file[file] = outbox
                poller.register(file, select.POLLOUT)
        timeout = None if due == inf else max(0.0, due - time.monotonic()) * 1000 + 1
        writable = set()
        for file, _ in poller.poll(timeout):
            if file == self._wake_read:
                self._drain_wakeups()
            else:
                writable.add(by_file[file])
        return writable

    def _drain_wakeups(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake_read, 4096)

    @staticmethod
    def _needs_flusher(outbox: Outbox) -> bool:
        """Return True if the flusher still has to track `outbox`."""
        match outbox.state:
            case OutboxState.OPEN:
                return outbox.backlog > 0
            case OutboxState.FINISHING | OutboxState.HALF_CLOSED:
                return True
            case _:
                return False

    @staticmethod
    def _next_check(outbox: Outbox) -> float:
        """Return when to check a tracked outbox again, whatever the kernel reports about it.

        Never infinite: no thread wakes the flusher when a small backlog passes the threshold, or
        when it empties or closes the outbox.
        """
        wait = _FLUSH_INTERVAL if outbox.needs_attention else _POLL_INTERVAL
        return time.monotonic() + wait

    def _deadline(self, outbox: Outbox) -> float:
        """Return when the flusher gives this outbox up, on the monotonic clock."""
        config = self._config
        match outbox.state:
            case OutboxState.OPEN if outbox.backlog > outbox.lag_threshold:
                return max(outbox.progressed_at, outbox.lagging_since) + config.tuning.stall_seconds
            case OutboxState.FINISHING:
                return min(
                    max(outbox.progressed_at, outbox.finished_at) + config.tuning.flush_seconds,
                    outbox.finished_at + config.tuning.longest_flush_seconds,
                )
            case OutboxState.HALF_CLOSED:
                return outbox.finished_at + config.tuning.linger_seconds
            case _:
                return inf

    def _give_up(self, outbox: Outbox) -> None:
        match outbox.state:
            case OutboxState.OPEN:
                outbox.abort(too_slow=True)
            case OutboxState.FINISHING:
                outbox.abort()
            case OutboxState.HALF_CLOSED:
                outbox.wake()
                with self._flusher_progress:
                    self._tracked.discard(outbox)
            case _:
                pass
