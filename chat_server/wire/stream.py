"""A blocking stream of bytes over a connected TCP socket, in plain text or inside TLS.

Threads: one thread reads. The stream's `lock` serializes writes (in the server, the outbox takes
it). Any thread may call `shutdown` or `abort`, which wake a blocked read. Only the thread that owns
the stream may call `close`: the operating system reuses the number of a closed file at once, and a
late writer would write to another peer.

TLS is an `SSLObject` between two memory BIOs, never an `SSLSocket`. OpenSSL does not allow two
threads in one SSL object, and an `SSLSocket` has no lock of its own. With a reader and a writer it
corrupts its records, and a peer that requests new keys (RFC 8446, section 4.6.3) during a send can
crash the process. Here the lock is held while OpenSSL computes and during sends that do not block,
never while waiting. Bytes are sent in the order in which they left OpenSSL.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from typing import Final, Protocol

from chat_server.wire.tls_records import TlsRecordCounter

READ_SIZE: Final = 65536
"""Most bytes of one read. Many lines then share one system call and one lock of the hub."""

_MAX_RECORD: Final = 16384
"""Most bytes of plain text in one TLS record (RFC 8446, section 5.1)."""

_MAX_UNSENT: Final = 64 * 1024
"""Most bytes that TLS itself may queue for a peer that reads nothing, mainly replies to key
updates. A peer that causes more tries to exhaust the memory."""

_LONGEST_PAUSE: Final = 3600.0
"""Seconds of one call of poll, which cannot express a month, while a throttle delays a read."""

_HANDSHAKE, _ALERT = 0x16, 0x15
"""Possible first bytes of a peer that begins with TLS (RFC 8446, section 5.1)."""

_MAX_PLAINTEXT: Final = 1024
"""Most bytes that are kept of a plain-text reply to a handshake."""

_DONT_WAIT: Final = socket.MSG_DONTWAIT

_HANGUP: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL
_PEER_FINISHED: Final = getattr(select, "POLLRDHUP", select.POLLHUP)
_LINGER_RESET: Final = struct.pack("ii", 1, 0)


class PlaintextPeerError(OSError):
    """The peer did not begin with TLS. `data` is what it sent, or the start of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(errno.EPROTO, "plain text instead of TLS")
        self.data = data


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


class TlsStream(Stream):
    """A stream inside TLS. `handshake` must be called first."""

    __slots__ = (
        "_at_end",
        "_finishing",
        "_incoming",
        "_is_server",
        "_object",
        "_outgoing",
        "_plain",
        "_ready",
        "_records",
        "_truncated",
        "_uncredited",
        "_unsent",
    )

    def __init__(
        self,
        connected: socket.socket,
        context: ssl.SSLContext,
        *,
        server_side: bool = False,
        host: str | None = None,
    ) -> None:
        """`host`: the server name that a client expects.

        Raises `ValueError` if it is not a name.
        """
        super().__init__(connected)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=host
        )
        self._is_server = server_side
        self._records = TlsRecordCounter()
        self._ready = False
        self._plain = False
        self._finishing = False
        self._at_end = False
        self._truncated = False
        self._unsent = b""
        """Bytes that left OpenSSL and that the kernel has not accepted."""
        self._uncredited = 0
        """Bytes of plain text in `_unsent` that the caller was not credited for. The caller offers
        them again first, and they are not encrypted a second time."""

    @property
    def truncated(self) -> bool:
        """True if the input ended without a close_notify. An attacker in between can cause that."""
        return self._truncated

    @property
    def unsent(self) -> int:
        """Like `Stream.unsent`: a record that the kernel accepts piece by piece. Needs the lock."""
        return len(self._unsent)

    def handshake(self, timeout: float) -> None:
        """Do the handshake within `timeout` seconds in all, however slowly the bytes arrive.

        The owning thread calls this once. Raises `TimeoutError`, `PlaintextPeerError` if the peer
        does not speak TLS, `InputLimitError`, `ssl.SSLError` if the handshake fails, or any other
        `OSError`.
        """
        deadline = time.monotonic() + timeout
        first = True
        while True:
            with self.lock:
                done = self._step_handshake()
                flushed = self._flush()
                if done and flushed:
                    self._ready = True
                    return
            events = (0 if done else select.POLLIN) | (0 if flushed else select.POLLOUT)
            left = deadline - time.monotonic()
            # Check the deadline first: if a peer always has bytes ready, poll never times out.
            ready = self._poll(events, left) if left > 0 else 0
            if not ready:
                raise TimeoutError
            if done or not ready & ~select.POLLOUT:
                continue
            raw = self._receive(left)
            if first and raw:
                first = False
                self._check_tls_start(raw, deadline)
            if not raw:
                raise ConnectionResetError(errno.ECONNRESET, "the peer ended the handshake")
            with self.lock:
                self._incoming.write(raw)

    def peer_certificate(self) -> bytes | None:
        """Return the peer's certificate in DER, verified or not. Call it after the handshake."""
        with self.lock:
            return self._object.getpeercert(binary_form=True)

    def fall_back_to_plaintext(self) -> None:
        """Continue without TLS, to report the error to a peer that does not speak it.

        Only after a failed handshake, and never for anything confidential.
        """
        with self.lock:
            assert not self._ready
            self._unsent = b""
            self._plain = True

    def recv(self, timeout: float | None = None) -> bytes:
        """Like `Stream.recv`. Raises `ssl.SSLError`, an `OSError`, if a record is invalid."""
        deadline = None if timeout is None else time.monotonic() + timeout
        left = timeout
        while True:
            with self.lock:
                data = None if self._plain or self._finishing else self._read()
            if data is not None:
                return data
            if left is not None and left < 0:  # empty records must not extend the deadline
                raise TimeoutError
            raw = self._receive(left)
            left = None if deadline is None else deadline - time.monotonic()
            with self.lock:
                if self._finishing and raw:
                    continue  # drop it: we have finished and do not wait for close_notify
                if self._plain or self._finishing:
                    return raw
                if raw:
                    self._incoming.write(raw)
                else:
                    self._at_end = True

    def send_some(self, data: bytes | memoryview) -> int:
        """Like `Stream.send_some`, record by record, each made once the last one is sent."""
        if self._plain:
            return super().send_some(data)
        if not self._ready:
            raise OSError(errno.ENOTCONN, "no keys yet")
        if not self._flush():
            return 0
        taken, self._uncredited = self._uncredited, 0
        view = memoryview(data)
        while taken < len(view):
            piece = view[taken : taken + _MAX_RECORD]
            self._object.write(piece)
            if not self._flush():
                self._uncredited = len(piece)
                return taken
            taken += len(piece)
        return taken

    def send_all(self, data: bytes) -> None:
        """Like `Stream.send_all`. Other threads may read meanwhile."""
        rest = memoryview(data)
        while True:
            with self.lock:
                rest = rest[self.send_some(rest) :]
            if not rest:
                return
            self._poll(select.POLLOUT, None)

    def finish(self) -> bool:
        """Like `Stream.finish`, with a close_notify before the FIN."""
        if self._ready and not self._finishing:
            # OpenSSL expects the peer's close_notify at once, but we do not wait for that.
            with suppress(ssl.SSLError):
                self._object.unwrap()
        self._finishing = True
        with suppress(OSError):
            if not self._plain and not self._flush():
                return False
        return super().finish()

    def _count_records(self, data: bytes) -> int:
        return 0 if self._plain else self._records.count(data)

    # The methods below need the lock.

    def _step_handshake(self) -> bool:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError:
            with suppress(OSError):
                self._flush()  # the alert, which gives the peer the reason
            raise
        return True

    def _read(self) -> bytes | None:
        """Return what can be decrypted now: empty at the end, None if bytes are still missing."""
        parts: list[bytes] = []
        size = 0
        ended = False
        try:
            while size < READ_SIZE:
                part = self._object.read(READ_SIZE - size)
                if not part:
                    ended = True
                    break
                parts.append(part)
                size += len(part)
        except ssl.SSLWantReadError:
            # Do not report an end without close_notify to OpenSSL. It would refuse to encrypt from
            # then on, but earlier requests of the peer still need replies.
            ended = self._truncated = self._at_end
        except ssl.SSLZeroReturnError:
            ended = True
        finally:
            # Reading makes TLS reply: new keys, an alert. If sending fails, received data still
            # counts. But a peer that accepts no replies must not be read for ever.
            with suppress(OSError):
                self._flush()
            if len(self._unsent) > _MAX_UNSENT + _MAX_RECORD:
                raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        return b"".join(parts) if parts or ended else None

    def _flush(self) -> bool:
        """Hand the kernel what left OpenSSL. Return whether it accepted everything."""
        if self._outgoing.pending:
            self._unsent += self._outgoing.read()
        if not self._unsent:
            return True
        self._unsent = self._unsent[super().send_some(self._unsent) :]
        return not self._unsent

    def _check_tls_start(self, raw: bytes, deadline: float) -> None:
        """Check that these first bytes are TLS. Raises `PlaintextPeerError` with the first line."""
        if raw[0] == _HANDSHAKE or (raw[0] == _ALERT and not self._is_server):
            return
        while b"\n" not in raw and len(raw) < _MAX_PLAINTEXT:
            left = min(1.0, deadline - time.monotonic())
            if not self._poll(select.POLLIN, left):
                break
            more = self._receive(left)
            if not more:
                break
            raw += more
        raise PlaintextPeerError(raw[:_MAX_PLAINTEXT])
