"""A blocking stream of bytes over a connected TCP socket. `tls_stream.py` adds TLS to it.

Threads: one thread reads. The stream's `lock` serializes writes (in the server, the outbox takes
it). Any thread may call `shutdown` or `abort`, which wake a blocked read. Only the thread that owns
the stream may call `close`: the operating system reuses the number of a closed file at once, and a
late writer would write to another peer.
"""

from __future__ import annotations

import errno
import fcntl
import select
import socket
import struct
import sys
import termios
import threading
import time
from contextlib import suppress
from typing import Final, Protocol

READ_SIZE: Final = 65536
"""Most bytes of one read. Many lines then share one system call and one lock of the hub."""

_LONGEST_PAUSE: Final = 3600.0
"""Seconds of one call of poll, which cannot express a month, while a throttle delays a read."""

_DONT_WAIT: Final = socket.MSG_DONTWAIT

_HANGUP: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL
_PEER_FINISHED: Final = getattr(select, "POLLRDHUP", select.POLLHUP)
_LINGER_RESET: Final = struct.pack("ii", 1, 0)

_BYTES_ACKED: Final = struct.Struct("=Q")
_BYTES_ACKED_OFFSET: Final = 120
"""`tcpi_bytes_acked` in `struct tcp_info` of Linux, the same on every architecture."""


class InputLimitError(OSError):
    """The peer sent more than the stream's throttle admits in all."""

    def __init__(self) -> None:
        super().__init__(errno.EMSGSIZE, "too much input")


class InputThrottle(Protocol):
    """A limit on what a stream receives from its socket. Used by the reading thread only.

    It counts what the socket delivers, not what is decrypted, and TLS records. So it also bounds
    the work that a peer causes without sending any text, by records that are empty, tiny or request
    new keys.
    """

    def seconds_to_wait(self) -> float:
        """Return the seconds to wait before the next read, or 0.0.

        Raises `InputLimitError` if there must not be another one.
        """

    def read_size(self) -> int:
        """Return the most bytes of the next read, at least 1."""

    def record(self, size: int, tls_records: int = 0) -> None:
        """Record a read of `size` bytes, in which so many TLS records begin."""


class Stream:
    """A connected socket in blocking mode, never with `settimeout`, which would affect writes."""

    __slots__ = ("_socket", "lock", "throttle")

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(True)
        # Lines are small and latency matters: Nagle would delay them by 40 ms.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self.lock = threading.Lock()
        """Held by callers of `send_some` and `finish`, but not of `recv`, `send_all` and
        `finish_and_close`. Last in the lock order."""
        self.throttle: InputThrottle | None = None
        """Slows down the reads. Only the reading thread uses and replaces it. None: no limit."""

    @property
    def truncated(self) -> bool:
        """True if the input ended without an end marker, which plain text does not have."""
        return False

    @property
    def unsent(self) -> int:
        """Bytes that wait in the stream itself for the kernel. Always 0 in plain text."""
        return 0

    def fileno(self) -> int:
        """Return the file number, or -1 once closed."""
        return self._socket.fileno()

    def handshake(self, timeout: float) -> None:
        """Prepare the stream before the first byte. Plain text needs nothing."""

    def fall_back_to_plaintext(self) -> None:
        """Continue in plain text, which this stream uses anyway."""

    def recv(self, timeout: float | None = None) -> bytes:
        """Return the next bytes, at most `READ_SIZE`, or none at the end. Block up to `timeout` s.

        Raises `TimeoutError` if the time is over, `InputLimitError` if the throttle admits no more,
        and `OSError` if the connection is broken.
        """
        return self._receive(timeout)

    def send_some(self, data: bytes | memoryview) -> int:
        """Hand the kernel the bytes that it accepts at once, without blocking. Needs the lock.

        Return the number of bytes that are done with: 0 if the kernel's buffer is full. The caller
        must offer the rest before any other bytes. Raises `OSError` if the connection is broken.
        """
        try:
            return self._socket.send(data, _DONT_WAIT)
        except BlockingIOError:
            return 0

    def send_all(self, data: bytes) -> None:
        """Send everything, blocking as long as it takes. Raises `OSError` if broken."""
        self._socket.sendall(data)

    def peer_is_gone(self) -> bool:
        """Return whether the connection was reset or shut down on both sides. Never block."""
        return bool(self._poll(0, 0.0) & _HANGUP)

    def peer_has_finished(self) -> bool:
        """Return whether the peer closed its sending half, or is gone. Never block."""
        return bool(self._poll(_PEER_FINISHED, 0.0))

    def unacknowledged(self) -> int:
        """Return the sent bytes that the peer's system has not acknowledged. 0 if unknown."""
        with suppress(OSError, ValueError):  # ValueError: the stream is closed
            return int.from_bytes(
                fcntl.ioctl(self.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder
            )
        return 0

    def acknowledged(self) -> int | None:
        """Return the bytes that the peer's system has acknowledged since the connection began.

        None if the system does not report it, or the stream is closed. Never block.
        """
        if sys.platform == "linux":
            with suppress(OSError, struct.error):  # struct.error: Linux before 4.1
                info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
                (count,) = _BYTES_ACKED.unpack_from(info, _BYTES_ACKED_OFFSET)
                return int(count)
        return None

    def finish(self) -> bool:
        """Send the end of the stream (FIN). Needs the lock.

        Return False if the kernel did not accept it yet; then call again. Does nothing if the
        connection is gone. The caller must drop everything that it reads afterwards.
        """
        self._shutdown(socket.SHUT_WR)
        return True

    def shutdown(self) -> None:
        """End both directions and wake a blocked read. Any thread. Does nothing if already gone."""
        self._shutdown(socket.SHUT_RDWR)

    def abort(self) -> None:
        """Like `shutdown`, but `close` then resets the connection instead of flushing it."""
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        self.shutdown()

    def close(self) -> None:
        """Free the file number. Only the owning thread may call this. It may be called twice."""
        self._socket.close()

    def finish_and_close(self) -> None:
        """Send the end of the stream if the kernel accepts it at once, then close. Never block.

        For a connection that its owner gives up in good order. A plain `close` gives the peer of a
        TLS stream a truncated connection. It is a reset if the kernel still holds input, and after
        a TLS 1.3 handshake it does: the session tickets. Takes the lock.
        """
        with self.lock:
            self.finish()
        self.close()

    def _receive(self, timeout: float | None) -> bytes:
        """Receive from the socket at the pace of the throttle. Every read of a stream is here."""
        throttle = self.throttle
        if throttle is None:
            if timeout is not None and not self._poll(select.POLLIN, timeout):
                raise TimeoutError
            return self._socket.recv(READ_SIZE)
        deadline = None if timeout is None else time.monotonic() + timeout
        while (wait := throttle.seconds_to_wait()) > 0:
            wait = min(wait, _LONGEST_PAUSE)
            if deadline is not None:
                wait = min(wait, deadline - time.monotonic())
            # Input does not end this wait, or a peer that sends byte by byte would wake the thread
            # for each of them. A reset, or a `shutdown` by another thread, does.
            if self._poll(0, wait) or (deadline is not None and time.monotonic() >= deadline):
                break
        if deadline is not None and not self._poll(select.POLLIN, deadline - time.monotonic()):
            raise TimeoutError
        data = self._socket.recv(throttle.read_size())
        throttle.record(len(data), self._count_records(data))
        return data

    def _count_records(self, data: bytes) -> int:
        """Return how many TLS records begin in the input `data`."""
        return 0

    def _shutdown(self, how: int) -> None:
        with suppress(OSError):
            self._socket.shutdown(how)

    def _poll(self, events: int, timeout: float | None) -> int:
        poller = select.poll()
        poller.register(self._socket.fileno(), events)
        ready = poller.poll(None if timeout is None else max(0.0, timeout) * 1000)
        return ready[0][1] if ready else 0
