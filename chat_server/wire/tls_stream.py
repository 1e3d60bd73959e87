"""A stream inside TLS, for both sides of a connection.

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
import time
from contextlib import suppress
from typing import Final

from chat_server.wire.stream import READ_SIZE, Stream
from chat_server.wire.tls_records import TlsRecordCounter

_MAX_RECORD: Final = 16384
"""Most bytes of plain text in one TLS record (RFC 8446, section 5.1)."""

_MAX_UNSENT: Final = 64 * 1024
"""Most bytes that TLS itself may queue for a peer that reads nothing, mainly replies to key
updates. A peer that causes more tries to exhaust the memory."""

_HANDSHAKE, _ALERT = 0x16, 0x15
"""Possible first bytes of a peer that begins with TLS (RFC 8446, section 5.1)."""

_MAX_PLAINTEXT: Final = 1024
"""Most bytes that are kept of a plain-text reply to a handshake."""


class PlaintextPeerError(OSError):
    """The peer did not begin with TLS. `data` is what it sent, or the start of it."""

    def __init__(self, data: bytes) -> None:
        super().__init__(errno.EPROTO, "plain text instead of TLS")
        self.data = data


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
