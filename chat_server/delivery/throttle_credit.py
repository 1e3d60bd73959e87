"""Throttle credit: how long publishers may still wait for one reader. Earned by what it takes.

A reader that takes bytes in steps must not look like one that takes nothing. The receive window of
a full buffer opens in steps of a sixteenth of the buffer, or of a segment if that is less (Linux,
`__tcp_select_window`). So with a buffer of 6 MiB and a reader of 2 MB/s, the server's kernel passes
nothing on for 0.2 s, again and again, although the client reads all the time.

Bytes that the client's system has *acknowledged* earn credit, and waits spend it:

- All waits for one reader take at most 0.1 s, plus 1 s for each 64 KiB acknowledged, and at most
  1 s without an acknowledgement in between. So a hostile reader pays for each wait with bytes.
- A reader of at least 64 KiB/s has credit left at the end of each step of at most 1 s. The steps
  before have paid for it. The first step is paid for by the buffer that was full: sixteen steps.
"""

from __future__ import annotations

from typing import Final

_FIRST_SECONDS: Final = 0.1
"""Credit of a reader that has taken nothing: one wait of `Tuning.throttle_seconds`."""

_MAX_SECONDS: Final = 1.0
"""Most credit: the step of a reader of 2 MB/s with a buffer of 32 MiB, the most on Linux. In this
time a publisher adds ten batches of 64 KiB, and an outbox has room for twelve above the threshold.
"""

_SECONDS_PER_BYTE: Final = 1.0 / (64 * 1024)
"""Credit for each acknowledged byte. A reader at less than 64 KiB/s is waited for in part of the
time, as it would take a minute to catch up with an outbox."""

_UNREAD_BYTES: Final = 128 * 1024
"""The first bytes earn nothing. The system of a client that never reads acknowledges them: twice
the usual first receive buffer of Linux."""


class ThrottleCredit:
    """The credit of one reader in seconds. Guarded by the lock of its outbox."""

    __slots__ = ("_acknowledged", "_spent_until", "seconds")

    def __init__(self) -> None:
        self.seconds = _FIRST_SECONDS
        """Never negative."""
        self._acknowledged = _UNREAD_BYTES
        self._spent_until = 0.0

    def earn(self, acknowledged: int) -> None:
        """Add credit for what the client has acknowledged: all bytes since its connection began."""
        new = acknowledged - self._acknowledged
        if new > 0:
            self._acknowledged = acknowledged
            self.seconds = min(_MAX_SECONDS, self.seconds + new * _SECONDS_PER_BYTE)

    def spend(self, start: float, end: float) -> None:
        """Subtract a wait from `start` to `end`, in seconds of the monotonic clock.

        Waits of several publishers at the same time count once.
        """
        self.seconds = max(0.0, self.seconds - max(0.0, end - max(start, self._spent_until)))
        self._spent_until = max(end, self._spent_until)
