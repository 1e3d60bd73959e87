"""Looking up a host and connecting to one of its addresses, within one deadline for everything."""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from chat_server.wire import Stream
from chat_tui.account import is_loopback

_POLL_SECONDS: Final = 0.2
"""Seconds after which a connecting thread looks whether it is still wanted."""


class TcpConnectError(Exception):
    """No address was reached; the text says why. Without words where it is no longer wanted.

    `silent`: one of them did not answer, and may be there. `refused`: none was silent, and one of
    them said that nobody listens.
    """

    def __init__(self, message: str, *, silent: bool = False, refused: bool = False) -> None:
        super().__init__(message)
        self.silent = silent
        self.refused = refused


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """One address of a host, with a port."""

    family: int
    sockaddr: tuple[object, ...]
    """As a socket takes it: the address as text, the port, and more for IPv6."""

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent there stays on this machine."""
        return is_loopback(str(self.sockaddr[0]))

    def with_port(self, port: int) -> SocketAddress:
        """The same machine, another port."""
        return SocketAddress(self.family, (self.sockaddr[0], port, *self.sockaddr[2:]))


class TcpConnector:
    """The sockets of one try. One thread calls it; any other may `cancel`."""

    def __init__(
        self, host: str, port: int, timeout: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`within`: seconds for all that is done here, from now on."""
        self.host = host
        self.port = port
        self._timeout = timeout
        self._clock = clock
        self._deadline = clock() + timeout
        self._lock = threading.Lock()  # guards what follows; leaf
        self._active = True
        self._stream: Stream | None = None

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline, 0.0 after it."""
        return max(0.0, self._deadline - self._clock())

    @property
    def timeout_message(self) -> str:
        """What to say once the time is over."""
        return f"{self.host} port {self.port} did not answer within {self._timeout:.0f} s"

    def cancel(self) -> None:
        """It is no longer wanted: what goes on ends soon, a look-up when it does."""
        with self._lock:
            self._active = False
            if self._stream is not None:
                self._stream.shutdown()

    def set_stream(self, stream: Stream | None) -> None:
        """Whom a `cancel` wakes; None: nobody any more. The stream must not be closed before."""
        with self._lock:
            self._stream = stream
            if stream is not None and not self._active:
                stream.shutdown()

    def resolve(self) -> list[SocketAddress]:
        """All addresses of the host, at the port. Blocks. Raises `TcpConnectError`."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            words = f"There is no host of the name {self.host}, or no network to ask"
            raise TcpConnectError(words) from None
        return list(
            dict.fromkeys(SocketAddress(family, tuple(at)) for family, _, _, _, at in found)
        )

    def connect(self, addresses: Sequence[SocketAddress]) -> tuple[socket.socket, SocketAddress]:
        """A blocking socket, connected to the first that answers. Raises `TcpConnectError`.

        What it raises is what tells most: a machine without IPv6 can't even try the second address
        of `localhost`, and that says nothing about the server.
        """
        silent = TcpConnectError(self.timeout_message, silent=True)
        problems: list[TcpConnectError] = []
        for index, address in enumerate(addresses):
            # An address that does not answer must leave time for the others.
            share = self.seconds_left / (len(addresses) - index)
            try:
                connected = self._connect(address, self._clock() + share)
            except OSError as error:
                problems.append(self._describe_failure(error, address))
                continue
            if connected is not None:
                return connected, address
            if not self._active:
                raise TcpConnectError("")
            problems.append(silent)
        raise max(problems, key=lambda one: (one.silent, one.refused), default=silent)

    def peek(self, connected: socket.socket, timeout: float) -> bytes:
        """What the peer says first by itself, left where it is; empty: nothing, in this time."""
        if not self._wait(
            connected, select.POLLIN, self._clock() + min(timeout, self.seconds_left)
        ):
            return b""
        try:
            return connected.recv(64, socket.MSG_PEEK)
        except OSError:
            return b""

    def _connect(self, address: SocketAddress, deadline: float) -> socket.socket | None:
        connecting = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            connecting.setblocking(False)
            code = connecting.connect_ex(address.sockaddr)
            if code == errno.EINPROGRESS and self._wait(connecting, select.POLLOUT, deadline):
                code = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code == 0 and connecting.getsockname() == connecting.getpeername():
                # The port of a server that is down was given to ourselves: we are talking to us.
                code = errno.ECONNREFUSED
            if code == 0:
                connecting.setblocking(True)
                return connecting
        except BaseException:
            connecting.close()
            raise
        connecting.close()
        if code == errno.EINPROGRESS:
            return None
        raise OSError(code, os.strerror(code))

    def _wait(self, connecting: socket.socket, events: int, deadline: float) -> bool:
        """Whether it is ready, or broken, in time and while it is wanted."""
        poller = select.poll()
        poller.register(connecting, events)
        while self._active and (left := deadline - self._clock()) > 0:
            if poller.poll(min(left, _POLL_SECONDS) * 1000):
                return True
        return False

    def _describe_failure(self, error: OSError, address: SocketAddress) -> TcpConnectError:
        if error.errno == errno.ECONNREFUSED:
            words = f"Nothing listens at {self.host} port {address.sockaddr[1]}"
            return TcpConnectError(words, refused=True)
        return TcpConnectError(f"{self.host} can't be reached: {error.strerror or error}")
