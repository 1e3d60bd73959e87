"""A TCP proxy that cuts connections, and swallows what a client sends after a number of lines."""

from __future__ import annotations

import socket
from contextlib import suppress

from tests.support.forwarding_proxy import ForwardingProxy, reset
from tests.support.wait_until import until

_Pair = tuple[socket.socket, socket.socket]
"""The connections to the client and to the server."""


class CuttingProxy(ForwardingProxy):
    """Forwards connections to a port of this machine, each by two threads."""

    def __init__(self, target: int) -> None:
        super().__init__()
        self._target = target
        self._pairs: list[_Pair] = []
        self._left: int | None = None  # lines of the client to forward; None: all
        self._is_mute = False  # the client receives nothing
        self._swallowed = b""
        self._start(self._accept)

    def swallow_input_after(self, lines: int) -> None:
        """Forward this many more lines of the client, and swallow the rest, until `cut`."""
        with self._lock:
            self._left = lines

    def swallow_output(self) -> None:
        """Forward nothing more to the client, until `cut`."""
        with self._lock:
            self._is_mute = True

    def until_swallowed(self, line: str) -> None:
        """Wait until a line of the client was swallowed."""
        until(lambda: f"{line}\n".encode() in self._swallowed, f"{line!r} is swallowed")

    def cut(self) -> None:
        """Reset all connections. Later ones are forwarded whole."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
            self._left, self._is_mute = None, False
        for pair in pairs:
            for end in pair:
                reset(end)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:  # the server is down
                client.close()
                continue
            pair = (client, server)
            with self._lock:
                self._pairs.append(pair)
            self._start(self._forward, pair, True)
            self._start(self._forward, pair, False)

    def _forward(self, pair: _Pair, from_client: bool) -> None:
        source, target = pair if from_client else reversed(pair)
        with suppress(OSError):
            while data := source.recv(65536):
                with self._lock:
                    # No line may pass after a swallowed one: TCP loses only what comes last.
                    if pair not in self._pairs:
                        break
                    data = self._allowed(data) if from_client else self._audible(data)
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        if not from_client:
            source.close()
            target.close()

    def _allowed(self, data: bytes) -> bytes:
        if self._left is None:
            return data
        lines = data.splitlines(keepends=True)[: self._left]
        self._left -= len(lines)
        allowed = b"".join(lines)
        self._swallowed += data[len(allowed) :]
        return allowed

    def _audible(self, data: bytes) -> bytes:
        return b"" if self._is_mute else data
