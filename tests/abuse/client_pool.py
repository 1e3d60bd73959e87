"""Many clients in one thread, light enough to run next to the server on a small machine."""

from __future__ import annotations

import selectors
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

from tests.support.wait_until import WAIT_TIMEOUT, until

_READ_SIZE: Final = 65536


class PooledClient:
    """One connection of a `ClientPool`. Subclasses define `line_received`."""

    def __init__(self, port: int, *, narrow: bool = False) -> None:
        """Connect to loopback. `narrow`: with small kernel buffers for unread data."""
        self.socket = socket.socket()
        if narrow:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            # Linux lets a send buffer grow with the segments, which are of 64 KiB on loopback.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        try:
            self.socket.settimeout(WAIT_TIMEOUT)
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setblocking(False)
        self.reads = True
        """False if the client reads nothing, as in a suspended terminal."""
        self.has_ended = False
        """True once the server has closed or reset the connection."""
        self.was_reset = False
        self._finishes = False
        self._outgoing = b""
        self._incoming = b""

    def line_received(self, line: str) -> None:
        """Handle a line of the server."""

    def stream_ended(self) -> None:
        """Handle the end of the stream, by FIN or by reset. Called once."""

    def next_output(self) -> bytes:
        """Return more bytes to send. Called when everything else has been written."""
        return b""

    def send(self, *lines: str) -> None:
        """Send lines as soon as the socket accepts them."""
        self._outgoing += "".join(f"{line}\n" for line in lines).encode()
        self._write()

    def send_eof(self) -> None:
        """Close the sending half once everything has been written."""
        self._finishes = True
        self._write()

    def close(self, *, reset: bool = False) -> None:
        """Close at once. `reset`: with a RST instead of a FIN."""
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    @property
    def unfinished_line(self) -> bytes:
        """The bytes after the last LF."""
        return self._incoming

    @property
    def interest(self) -> int:
        """The events that this client waits for now."""
        reads = selectors.EVENT_READ if self.reads and not self.has_ended else 0
        writes = selectors.EVENT_WRITE if self._outgoing and not self.has_ended else 0
        return reads | writes

    def serve(self, events: int) -> None:
        """Do what the socket is ready for."""
        if events & selectors.EVENT_WRITE:
            self._write()
        if events & selectors.EVENT_READ and not self.has_ended:
            self._read()

    def _write(self) -> None:
        try:
            if self._outgoing:
                self._outgoing = self._outgoing[self.socket.send(self._outgoing) :]
            self._outgoing = self._outgoing or self.next_output()
            if self._finishes and not self._outgoing:
                self._finishes = False
                self.socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            self._outgoing = b""  # the rest of the server's output is still to be read

    def _read(self) -> None:
        try:
            data = self.socket.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
            self.was_reset = True
        if not data:
            self.has_ended = True
            self.stream_ended()
            return
        *lines, self._incoming = (self._incoming + data).split(b"\n")
        for line in lines:
            self.line_received(line.decode())


class Reader(PooledClient):
    """A client that logs in if it has a name, and keeps every line."""

    def __init__(self, port: int, name: str = "", *first: str, narrow: bool = False) -> None:
        """`first`: lines to send after the LOGIN."""
        super().__init__(port, narrow=narrow)
        self.lines: list[str] = []
        if name:
            self.send(f"LOGIN {name} pw-of-{name}", *first)

    def line_received(self, line: str) -> None:
        self.lines.append(line)


class ClientPool:
    """Clients that share one selector."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._clients: dict[PooledClient, int] = {}

    def add(self, client: PooledClient) -> None:
        """Serve this client from now on."""
        self._clients[client] = 0

    def remove(self, client: PooledClient, *, reset: bool = False) -> None:
        """Close this client."""
        if self._clients.pop(client):
            self._selector.unregister(client.socket)
        client.close(reset=reset)

    def turn(self, timeout: float) -> None:
        """Wait at most `timeout` seconds for ready sockets, and serve them."""
        for client, registered in self._clients.items():
            wanted = client.interest
            if wanted == registered:
                continue
            if not registered:
                self._selector.register(client.socket, wanted, client)
            elif wanted:
                self._selector.modify(client.socket, wanted, client)
            else:
                self._selector.unregister(client.socket)
            self._clients[client] = wanted
        for key, events in self._selector.select(timeout):
            key.data.serve(events)

    def __len__(self) -> int:
        return len(self._clients)

    def turn_until(self, condition: Callable[[], object], description: str) -> None:
        """Call `turn` until `condition` is true. `description`: what is expected."""
        until(condition, description, work=lambda: self.turn(0.1))

    def __enter__(self) -> ClientPool:
        return self

    def __exit__(self, *_: Any) -> None:
        for client in list(self._clients):
            self.remove(client)
        self._selector.close()
