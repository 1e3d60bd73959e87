"""A blocking stream of bytes over a connected TCP socket; later also over TLS.

Who may call what: one thread reads. Writing is serialised by the caller (the outbox's lock in the
server, the one writer thread in the client). Any thread may `shutdown` or `abort`, which wakes a
blocked read. Only the thread that owns the stream may `close` it: the number of a closed file is
reused at once, and a late writer would write to a stranger.
"""

from __future__ import annotations

import select
import socket
import struct
from contextlib import suppress
from typing import Final

READ_SIZE: Final = 65536
"""Most bytes taken by one read: many lines share one system call and one look at the hub."""

_DONT_WAIT: Final = socket.MSG_DONTWAIT

_HANG_UP: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL
_PEER_FINISHED: Final = getattr(select, "POLLRDHUP", select.POLLHUP)
_LINGER_RESET: Final = struct.pack("ii", 1, 0)


class Stream:
    """A connected socket in blocking mode; never `settimeout`, which would change writes too."""

    __slots__ = ("_socket",)

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(True)
        # Lines are small and each is somebody's waiting eye: Nagle would hold them for 40 ms.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected

    def fileno(self) -> int:
        """The file number, -1 once closed."""
        return self._socket.fileno()

    def recv(self, timeout: float | None = None) -> bytes:
        """The next bytes, at most `READ_SIZE`; empty at the end. Blocks, `timeout` seconds at most.

        Raises `TimeoutError` when the time is over and `OSError` when the connection is broken.
        """
        if timeout is not None and not self._wait(select.POLLIN, timeout):
            raise TimeoutError
        return self._socket.recv(READ_SIZE)

    def send_some(self, data: bytes | memoryview) -> int:
        """Give the kernel what it takes at once; never blocks.

        Returns the number of bytes taken, 0 where its buffer is full. Raises `OSError` when broken.
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
        return bool(self._poll(0, 0.0) & _HANG_UP)

    def peer_has_finished(self) -> bool:
        """Whether the peer has closed its sending half, or is gone; never blocks."""
        return bool(self._poll(_PEER_FINISHED, 0.0))

    def finish(self) -> None:
        """Say that nothing more will be sent (FIN). Silent where the connection is gone."""
        self._shutdown(socket.SHUT_WR)

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

    def _wait(self, events: int, timeout: float) -> bool:
        return bool(self._poll(events, timeout))

    def _poll(self, events: int, timeout: float) -> int:
        poller = select.poll()
        poller.register(self._socket.fileno(), events)
        ready = poller.poll(max(0.0, timeout) * 1000)
        return ready[0][1] if ready else 0
