"""TcpConnector: resolve a host and connect to one of its addresses, within one deadline."""

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
from chat_tui.transport.keepalive import enable_keepalive

_POLL_SECONDS: Final = 0.2
"""Seconds between two checks of the connecting thread for a cancellation."""


class TcpConnectError(Exception):
    """No address could be reached. The message says why. It is empty after a cancellation."""

    def __init__(self, message: str, *, silent: bool = False, refused: bool = False) -> None:
        """`silent`: an address did not answer within its time; the server may be there.

        `refused`: no address was silent, and at least one refused the connection.
        """
        super().__init__(message)
        self.silent = silent
        self.refused = refused


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """One address of a host, with a port."""

    family: int
    sockaddr: tuple[object, ...]
    """As `socket.connect` takes it: the address as text, the port, and two more items for IPv6."""

    @property
    def is_loopback(self) -> bool:
        """True if data sent there stays on this machine."""
        return is_loopback(str(self.sockaddr[0]))

    def with_port(self, port: int) -> SocketAddress:
        """Return the same address with another port."""
        return SocketAddress(self.family, (self.sockaddr[0], port, *self.sockaddr[2:]))


class TcpConnector:
    """The sockets of one attempt. One thread calls it; any other thread may call `cancel`."""

    def __init__(
        self, host: str, port: int, timeout: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`timeout`: seconds from now on for everything that this object does."""
        self.host = host
        self.port = port
        self._timeout = timeout
        self._clock = clock
        self._deadline = clock() + timeout
        self._lock = threading.Lock()  # guards the attributes below; leaf lock
        self._active = True
        self._stream: Stream | None = None

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline, 0.0 after it."""
        return max(0.0, self._deadline - self._clock())

    @property
    def timeout_message(self) -> str:
        """The error after the deadline."""
        return f"{self.host} port {self.port} did not answer within {self._timeout:.0f} s"

    def cancel(self) -> None:
        """Cancel the attempt. Blocking calls end soon; name resolution is not interrupted."""
        with self._lock:
            self._active = False
            if self._stream is not None:
                self._stream.shutdown()

    def set_stream(self, stream: Stream | None) -> None:
        """Set the stream that `cancel` shuts down, or None.

        The caller sets None before it closes the stream.
        """
        with self._lock:
            self._stream = stream
            if stream is not None and not self._active:
                stream.shutdown()

    def resolve(self) -> list[SocketAddress]:
        """Return all addresses of the host, with the port. Blocks. Raises `TcpConnectError`."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            message = f"No host is named {self.host}, or there is no network"
            raise TcpConnectError(message) from None
        return list(
            dict.fromkeys(SocketAddress(family, tuple(at)) for family, _, _, _, at in found)
        )

    def connect(self, addresses: Sequence[SocketAddress]) -> tuple[socket.socket, SocketAddress]:
        """Return a blocking socket, connected to the first address that answers.

        Raises `TcpConnectError` with the most informative of the failures: a machine without IPv6
        cannot even try the second address of `localhost`, and that says nothing about the server.
        """
        silent = TcpConnectError(self.timeout_message, silent=True)
        problems: list[TcpConnectError] = []
        for index, address in enumerate(addresses):
            # A silent address must leave time for the others.
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
        raise max(problems, key=lambda problem: (problem.silent, problem.refused), default=silent)

    def peek(self, connected: socket.socket, timeout: float) -> bytes:
        """Return what the peer sends first, without consuming it. Empty after `timeout` seconds."""
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
                # A TCP self-connection: the kernel chose the port of a stopped server as our own.
                code = errno.ECONNREFUSED
            if code == 0:
                enable_keepalive(connecting)
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
        """Return True if the socket is ready or broken before the deadline and a cancellation."""
        poller = select.poll()
        poller.register(connecting, events)
        while self._active and (left := deadline - self._clock()) > 0:
            if poller.poll(min(left, _POLL_SECONDS) * 1000):
                return True
        return False

    def _describe_failure(self, error: OSError, address: SocketAddress) -> TcpConnectError:
        if error.errno == errno.ECONNREFUSED:
            message = f"Nothing listens at {self.host} port {address.sockaddr[1]}"
            return TcpConnectError(message, refused=True)
        return TcpConnectError(f"{self.host} can't be reached: {error.strerror or error}")
