"""A blocking stream of bytes over a connected TCP socket, plain or inside TLS.

Who may call what: one thread reads. Writing is serialised by the stream's `lock` (the outbox takes
it in the server). Any thread may `shutdown` or `abort`, which wakes a blocked read. Only the thread
that owns the stream may `close` it: the number of a closed file is reused at once, and a late
writer would write to a stranger.

TLS is an `SSLObject` between two memory BIOs, never an `SSLSocket`. OpenSSL allows no two threads
in one SSL object, and an `SSLSocket` has no lock of its own: with a reader and a writer it corrupts
its records, and a peer that asks for new keys (RFC 8446, section 4.6.3) while we send can crash the
process. Here the lock is held while OpenSSL computes and over sends that do not block, never while
waiting; and what leaves OpenSSL goes out in the order in which it left.
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
from typing import Final

READ_SIZE: Final = 65536
"""Most bytes taken by one read: many lines share one system call and one look at the hub."""

_MAX_RECORD: Final = 16384
"""Most bytes of plain text in one TLS record (RFC 8446, section 5.1)."""

_MAX_UNSENT: Final = 64 * 1024
"""Bytes that TLS itself may have to say to a peer that reads nothing: answers to new keys, above
all. Beyond them the peer wants our memory, not our answers."""

_HANDSHAKE, _ALERT = 0x16, 0x15
"""The first byte of what a peer sends that begins with TLS (RFC 8446, section 5.1)."""

_MAX_PLAINTEXT: Final = 1024
"""Most bytes that are kept of a plain-text answer to a handshake."""

_DONT_WAIT: Final = socket.MSG_DONTWAIT

_HANGUP: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL
_PEER_FINISHED: Final = getattr(select, "POLLRDHUP", select.POLLHUP)
_LINGER_RESET: Final = struct.pack("ii", 1, 0)


class PlaintextPeerError(OSError):
    """The peer did not begin with TLS but with `data`, which is all that came, or its start."""

    def __init__(self, data: bytes) -> None:
        super().__init__(errno.EPROTO, "plain text where TLS belongs")
        self.data = data


class Stream:
    """A connected socket in blocking mode; never `settimeout`, which would change writes too."""

    __slots__ = ("_socket", "lock")

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(True)
        # Lines are small and each is somebody's waiting eye: Nagle would hold them for 40 ms.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self.lock = threading.Lock()
        """Held by whoever calls `send_some` or `finish`; `recv` and `send_all` are called without
        it. The last in the order of locks."""

    @property
    def cut_short(self) -> bool:
        """Whether the input ended without its sender saying so. Plain text can't tell."""
        return False

    @property
    def unsent(self) -> int:
        """Bytes that wait in the stream itself for the kernel: none, in plain text."""
        return 0

    def fileno(self) -> int:
        """The file number, -1 once closed."""
        return self._socket.fileno()

    def handshake(self, timeout: float) -> None:
        """Make ready what has to be agreed on before the first byte: nothing, in plain text."""

    def fall_back_to_plaintext(self) -> None:
        """Go on in plain text, as here in any case."""

    def recv(self, timeout: float | None = None) -> bytes:
        """The next bytes, at most `READ_SIZE`; empty at the end. Blocks, `timeout` seconds at most.

        Raises `TimeoutError` when the time is over and `OSError` when the connection is broken.
        """
        if timeout is not None and not self._poll(select.POLLIN, timeout):
            raise TimeoutError
        return self._socket.recv(READ_SIZE)

    def send_some(self, data: bytes | memoryview) -> int:
        """Give the kernel what it takes at once; never blocks. The caller holds the lock.

        Returns the number of bytes that need no more care, 0 where the kernel's buffer is full.
        The rest has to be offered before anything else. Raises `OSError` when broken.
        """
        try:
            return self._socket.send(data, _DONT_WAIT)
        except BlockingIOError:
            return 0

    def send_all(self, data: bytes) -> None:
        """Send everything, blocking as long as it takes. Raises `OSError` when broken."""
        self._socket.sendall(data)

    def peer_is_gone(self) -> bool:
        """Whether the connection was reset or shut down on both sides; never blocks."""
        return bool(self._poll(0, 0.0) & _HANGUP)

    def peer_has_finished(self) -> bool:
        """Whether the peer has closed its sending half, or is gone; never blocks."""
        return bool(self._poll(_PEER_FINISHED, 0.0))

    def finish(self) -> bool:
        """Say that nothing more will be sent (FIN). The caller holds the lock.

        Returns False where the kernel did not take that yet: to be called again. Silent where the
        connection is gone. What is read afterwards is only to be thrown away.
        """
        self._shutdown(socket.SHUT_WR)
        return True

    def shutdown(self) -> None:
        """End both directions and wake a blocked read. Any thread; silent where already gone."""
        self._shutdown(socket.SHUT_RDWR)

    def abort(self) -> None:
        """As `shutdown`, and let `close` reset the connection instead of flushing it."""
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        self.shutdown()

    def close(self) -> None:
        """Free the file number. Only the owning thread; may be called twice."""
        self._socket.close()

    def _shutdown(self, how: int) -> None:
        with suppress(OSError):
            self._socket.shutdown(how)

    def _poll(self, events: int, timeout: float | None) -> int:
        poller = select.poll()
        poller.register(self._socket.fileno(), events)
        ready = poller.poll(None if timeout is None else max(0.0, timeout) * 1000)
        return ready[0][1] if ready else 0


class TlsStream(Stream):
    """A stream inside TLS; `handshake` comes before everything else."""

    __slots__ = (
        "_at_end",
        "_cut_short",
        "_finishing",
        "_incoming",
        "_is_server",
        "_object",
        "_outgoing",
        "_plain",
        "_ready",
        "_sealed",
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
        """`host`: whom a client wants to talk to. Raises `ValueError` where that is no name."""
        super().__init__(connected)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=host
        )
        self._is_server = server_side
        self._ready = False
        self._plain = False
        self._finishing = False
        self._at_end = False
        self._cut_short = False
        self._unsent = b""
        """What left OpenSSL and the kernel has not taken."""
        self._sealed = 0
        """How many bytes of plain text in there the caller was not told of: it offers them again
        first, and then they are not encrypted a second time."""

    @property
    def cut_short(self) -> bool:
        """Whether the input ended without close_notify: whoever is in between can do that."""
        return self._cut_short

    @property
    def unsent(self) -> int:
        """As `Stream.unsent`: a record that the kernel takes piece by piece. Under the lock."""
        return len(self._unsent)

    def handshake(self, timeout: float) -> None:
        """Agree on keys, within `timeout` seconds in all, however the bytes trickle.

        The owning thread, once. Raises `TimeoutError`, `PlaintextPeerError` where the peer speaks
        no
        TLS, `ssl.SSLError` where the two do not come together, and any other `OSError`.
        """
        deadline = time.monotonic() + timeout
        first = True
        while True:
            with self.lock:
                agreed = self._step_handshake()
                flushed = self._flush()
                if agreed and flushed:
                    self._ready = True
                    return
            events = (0 if agreed else select.POLLIN) | (0 if flushed else select.POLLOUT)
            left = deadline - time.monotonic()
            # Asked apart: to whom never lets the socket run dry, a poll alone would never say no.
            ready = self._poll(events, left) if left > 0 else 0
            if not ready:
                raise TimeoutError
            if agreed or not ready & ~select.POLLOUT:
                continue
            raw = self._socket.recv(READ_SIZE)
            if first and raw:
                first = False
                self._check_tls_start(raw, deadline)
            if not raw:
                raise ConnectionResetError(errno.ECONNRESET, "the peer ended the handshake")
            with self.lock:
                self._incoming.write(raw)

    def peer_certificate(self) -> bytes | None:
        """The peer's certificate in DER, whether it was verified or not; after the handshake."""
        with self.lock:
            return self._object.getpeercert(binary_form=True)

    def fall_back_to_plaintext(self) -> None:
        """Go on without TLS, to tell a peer that speaks none why nothing comes of it.

        Only after a handshake that came to nothing; never to say what is not for everybody.
        """
        with self.lock:
            assert not self._ready
            self._unsent = b""
            self._plain = True

    def recv(self, timeout: float | None = None) -> bytes:
        """As `Stream.recv`. Raises `ssl.SSLError`, an `OSError`, where the records are no good."""
        deadline = None if timeout is None else time.monotonic() + timeout
        left = timeout
        while True:
            with self.lock:
                data = None if self._plain or self._finishing else self._read()
            if data is not None:
                return data
            if left is not None and left < 0:  # records that hold nothing buy no time
                raise TimeoutError
            raw = super().recv(left)
            left = None if deadline is None else deadline - time.monotonic()
            with self.lock:
                if self._finishing and raw:
                    continue  # nothing that comes now counts, and close_notify was not waited for
                if self._plain or self._finishing:
                    return raw
                if raw:
                    self._incoming.write(raw)
                else:
                    self._at_end = True

    def send_some(self, data: bytes | memoryview) -> int:
        """As `Stream.send_some`, a record at a time, each made only once the one before is out."""
        if self._plain:
            return super().send_some(data)
        if not self._ready:
            raise OSError(errno.ENOTCONN, "no keys yet")
        if not self._flush():
            return 0
        taken, self._sealed = self._sealed, 0
        view = memoryview(data)
        while taken < len(view):
            piece = view[taken : taken + _MAX_RECORD]
            self._object.write(piece)
            if not self._flush():
                self._sealed = len(piece)
                return taken
            taken += len(piece)
        return taken

    def send_all(self, data: bytes) -> None:
        """As `Stream.send_all`; other threads may read meanwhile."""
        rest = memoryview(data)
        while True:
            with self.lock:
                rest = rest[self.send_some(rest) :]
            if not rest:
                return
            self._poll(select.POLLOUT, None)

    def finish(self) -> bool:
        """As `Stream.finish`, with a close_notify before the FIN."""
        if self._ready and not self._finishing:
            # It asks for the peer's close_notify at once, which is not waited for.
            with suppress(ssl.SSLError):
                self._object.unwrap()
        self._finishing = True
        with suppress(OSError):
            if not self._plain and not self._flush():
                return False
        return super().finish()

    # What follows holds the lock.

    def _step_handshake(self) -> bool:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError:
            with suppress(OSError):
                self._flush()  # the alert: it tells the peer why
            raise
        return True

    def _read(self) -> bytes | None:
        """What can be decrypted now; empty at the end, None where more has to come first."""
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
            # OpenSSL is not told of an end that nobody announced: it would refuse to encrypt from
            # then on, and what the peer had asked before is still to be answered.
            ended = self._cut_short = self._at_end
        except ssl.SSLZeroReturnError:
            ended = True
        finally:
            # Reading makes TLS answer: new keys, an alert. Where the way out is gone, what has
            # come in still counts; but a peer that takes no answers is not listened to for ever.
            with suppress(OSError):
                self._flush()
            if len(self._unsent) > _MAX_UNSENT + _MAX_RECORD:
                raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        return b"".join(parts) if parts or ended else None

    def _flush(self) -> bool:
        """Give the kernel what left OpenSSL. Returns whether it took everything."""
        if self._outgoing.pending:
            self._unsent += self._outgoing.read()
        if not self._unsent:
            return True
        self._unsent = self._unsent[super().send_some(self._unsent) :]
        return not self._unsent

    def _check_tls_start(self, raw: bytes, deadline: float) -> None:
        """Raise `PlaintextPeerError` with the first line where these first bytes are no TLS."""
        if raw[0] == _HANDSHAKE or (raw[0] == _ALERT and not self._is_server):
            return
        while b"\n" not in raw and len(raw) < _MAX_PLAINTEXT:
            left = min(1.0, deadline - time.monotonic())
            if not self._poll(select.POLLIN, left):
                break
            more = self._socket.recv(_MAX_PLAINTEXT)
            if not more:
                break
            raw += more
        raise PlaintextPeerError(raw[:_MAX_PLAINTEXT])
