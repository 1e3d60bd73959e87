"""The flusher: a thread that sends what kernel buffers did not take, and gives stuck readers up."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Final

from chat_server.delivery.outbox import Outbox, OutboxState
from chat_server.tuning import Tuning

FLUSH_INTERVAL: Final = 0.02
"""Seconds between two offers of the flusher to a lagging reader's kernel buffer. Linux reports a
socket as writable only when a third of its buffer is free, which may be a megabyte or more. With
nothing but that report, a reader that takes 200 KB a second looked stalled for five seconds."""

_POLL_INTERVAL: Final = 0.5
"""Seconds between two checks of any other tracked outbox."""


class Flusher:
    """A thread that serves outboxes with a backlog, and outboxes that are finishing.

    Any thread may call any public method.
    """

    def __init__(self, tuning: Tuning, drain: Callable[[], None]) -> None:
        """`drain()` sends what is queued, unless another thread does. Called after each wake-up."""
        self._tuning = tuning
        self._drain = drain
        self._tracked: set[Outbox] = set()
        """Not all of them lag."""
        self._progress = threading.Condition(threading.Lock())
        """Notified after each pass. Its lock guards `_tracked`."""
        self._wake_read = self._wake_write = -1
        self._stopping = False
        self._thread = threading.Thread(target=self._flush_forever, name="flusher", daemon=True)

    def start(self) -> None:
        """Start the thread. Raises `RuntimeError` if the system refuses one more."""
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread. Call once, after every client's thread has ended."""
        self._stopping = True
        self.wake()
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    @property
    def is_alive(self) -> bool:
        """True while the thread runs."""
        return self._thread.is_alive()

    @property
    def has_tracked(self) -> bool:
        """True if it serves an outbox. Read without a lock, as a hint."""
        return bool(self._tracked)

    def backlogs(self) -> list[int]:
        """Return the unsent bytes of each outbox that has any."""
        with self._progress:
            return [outbox.backlog for outbox in self._tracked if outbox.backlog]

    def track(self, outboxes: list[Outbox]) -> None:
        """Serve these outboxes as well, until they need no more."""
        with self._progress:
            known = len(self._tracked)
            self._tracked.update(outboxes)
            grown = len(self._tracked) > known
        if grown:
            self.wake()

    def wake(self) -> None:
        """Let the thread drain the queue and look at its outboxes."""
        # If the pipe is full, a wake-up is pending. If it is closed, the flusher has stopped.
        with suppress(OSError):
            os.write(self._wake_write, b"!")

    def wait_for_pass(self, seconds: float) -> None:
        """Wait until the thread has looked at its outboxes, or for so many seconds."""
        with self._progress:
            self._progress.wait(seconds)

    def wait_flushed(self, outbox: Outbox) -> None:
        """Wait until the last line of `outbox` is sent or the flusher has given up.

        Only for its client's own thread. Bounded by `longest_flush_seconds`. The outbox is still
        open while another thread has not sent yet what is queued, the last line included.
        """
        with self._progress:
            self._progress.wait_for(
                lambda: outbox.state not in (OutboxState.OPEN, OutboxState.FINISHING)
            )

    def _flush_forever(self) -> None:
        while not self._stopping:
            with self._progress:
                tracked = list(self._tracked)
            writable = self._wait(tracked)
            self._drain()
            for outbox in tracked:
                if outbox.needs_attention or outbox in writable:
                    outbox.flush()
            now = time.monotonic()
            for outbox in tracked:
                if self._deadline(outbox) <= now:
                    self._give_up(outbox)
            with self._progress:
                # A sending thread appends first and calls `track` afterwards. So an outbox
                # that is empty here and filled right after this comes back.
                self._tracked.difference_update([o for o in tracked if not self._needs_flusher(o)])
                self._progress.notify_all()

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
        wait = FLUSH_INTERVAL if outbox.needs_attention else _POLL_INTERVAL
        return time.monotonic() + wait

    def _deadline(self, outbox: Outbox) -> float:
        """Return when the flusher gives this outbox up, on the monotonic clock."""
        tuning = self._tuning
        match outbox.state:
            case OutboxState.OPEN if outbox.backlog > outbox.lag_threshold:
                return max(outbox.progressed_at, outbox.lagging_since) + tuning.stall_seconds
            case OutboxState.FINISHING:
                return min(
                    max(outbox.progressed_at, outbox.finished_at) + tuning.flush_seconds,
                    outbox.finished_at + tuning.longest_flush_seconds,
                )
            case OutboxState.HALF_CLOSED:
                return outbox.finished_at + tuning.linger_seconds
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
                with self._progress:
                    self._tracked.discard(outbox)
            case _:
                pass
