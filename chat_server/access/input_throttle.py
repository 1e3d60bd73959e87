"""Input throttles: what a client may send before its login, and bytes per second afterwards.

Each read costs the interpreter about as much as a hundred lines do, however little it brings. So
both throttles count reads as well as bytes: input that comes in tiny pieces is left in the kernel
for a moment, and the next read takes it all at once. A TLS record of 27 bytes that requests new
keys costs as much as ten lines, so each record counts as some bytes as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from chat_server.access.token_bucket import TokenBucket
from chat_server.wire import CLIENT_LINE_LIMIT, READ_SIZE, InputLimitError

MAX_LOGIN_READS: Final = 256
"""Reads before the login: one for each key of a terminal that sends every key at once."""

MAX_LOGIN_BYTES: Final = 64 * 1024
"""Bytes from the socket before the login: a TLS handshake, and a record of full size that begins
with the LOGIN line and continues with the lines of a script."""

_FREE_READS: Final = 10
"""Reads at full speed: a handshake and a record of full size with the LOGIN line need up to
eight."""

_PAUSE: Final = 0.05
"""Seconds between any two further reads. It is too short for a user to notice."""

_READS_PER_SECOND: Final = 320.0
"""Further reads of all clients together that have not logged in. The more of them there are, the
longer each one waits."""

_MAX_PAUSE: Final = 2.0

_RECORD_CHARGE: Final = 256
"""Least bytes that a TLS record counts as. A login may take 256 records, like its reads. A session
at the line rate may send each line, and 15 times as many, in a record of its own."""

_MIN_CHARGE: Final = CLIENT_LINE_LIMIT // 2
_MIN_CHARGE_SECONDS: Final = 0.05
"""Least bytes that a read of a session counts as, but at most what it gains in this time. So lines
at the line rate never wait, and tiny pieces cause some 20 reads a second."""

_QUANTUM_SECONDS: Final = 0.1
"""A session that has used up its bytes reads again once it has gained what this time brings."""


class PreLoginThrottle:
    """The limit on the input of one client that has not logged in. See `wire.InputThrottle`."""

    __slots__ = ("_bytes", "_clients", "_clock", "_discarding", "_next_read", "_reads")

    def __init__(
        self,
        clients: Callable[[], int] = lambda: 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clients` returns how many have not logged in. `clock` returns monotonic seconds."""
        self._clients = clients
        self._clock = clock
        self._reads = 0
        self._bytes = 0
        self._next_read = 0.0
        self._discarding = False

    def discard(self) -> None:
        """From now on the input is dropped: the pace stays, and the limits no longer count."""
        self._discarding = True

    def seconds_to_wait(self) -> float:
        """Return the seconds to wait before the next read.

        Raises `InputLimitError` after the last one.
        """
        if not self._discarding and (
            self._reads >= MAX_LOGIN_READS or self._bytes >= MAX_LOGIN_BYTES
        ):
            raise InputLimitError
        if self._reads < _FREE_READS and not self._discarding:
            return 0.0
        return max(0.0, self._next_read - self._clock())

    def read_size(self) -> int:
        """Return the most bytes of the next read. A short one bounds the lines or TLS records."""
        return READ_SIZE if self._discarding else CLIENT_LINE_LIMIT

    def record(self, size: int, tls_records: int = 0) -> None:
        """Record a read of `size` bytes, in which so many TLS records begin."""
        self._reads += 1
        self._bytes += max(size, tls_records * _RECORD_CHARGE)
        pause = min(_MAX_PAUSE, max(_PAUSE, self._clients() / _READS_PER_SECOND))
        self._next_read = self._clock() + pause


class SessionThrottle:
    """The limit on the bytes per second of one session: a token bucket of bytes.

    See `wire.InputThrottle`.
    """

    __slots__ = ("_bucket", "_min_charge", "_quantum", "_rate", "_record_charge")

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`rate`: bytes per second, above 0. `burst`: bytes that may come at once.

        `clock` returns monotonic seconds.
        """
        self._rate = rate
        self._bucket = TokenBucket(rate, burst, clock)
        self._quantum = min(burst, rate * _QUANTUM_SECONDS)
        self._min_charge = min(_MIN_CHARGE, rate * _MIN_CHARGE_SECONDS)
        self._record_charge = self._min_charge * _RECORD_CHARGE / _MIN_CHARGE

    def seconds_to_wait(self) -> float:
        """Return the seconds to wait before the next read."""
        return max(0.0, (self._quantum - self._bucket.refill()) / self._rate)

    def read_size(self) -> int:
        """Return the most bytes of the next read: those that the session may send now."""
        return max(1, min(READ_SIZE, int(max(self._bucket.tokens, self._min_charge))))

    def record(self, size: int, tls_records: int = 0) -> None:
        """Take the bytes of a read, in which so many TLS records begin, from the bucket."""
        self._bucket.tokens -= max(size, self._min_charge, tls_records * self._record_charge)
