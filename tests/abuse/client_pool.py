"""Many clients in one thread: light enough to stand beside the server on a small machine."""

from __future__ import annotations

import selectors
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

from tests.support.wait_until import WAIT_TIMEOUT, until

_READ_SIZE: Final = 65536


class PooledClient:
    """One connection of a `ClientPool`; `heard` is for each kind of client to fill in."""

    def __init__(self, port: int, *, narrow: bool = False) -> None:
        """Connect to loopback; `narrow`: so that the kernel keeps little of what is not read."""
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
        self.listens = True
        """False: it reads nothing, as somebody who suspended their terminal."""
        self.has_ended = False
        """The server has closed, or reset, the connection."""
        self.was_reset = False
        self._finishes = False
        self._outgoing = b""
        self._incoming = b""

    def heard(self, line: str) -> None:
        """Take a line that the server sent."""

    def ended(self) -> None:
        """Take the end of the stream, however it came; called once."""

    def wants_to_say(self) -> bytes:
        """What more there is to send; asked after a write, when everything else is out."""
        return b""

    def send(self, *lines: str) -> None:
        """Send lines as soon as the socket takes them."""
        self._outgoing += "".join(f"{line}\n" for line in lines).encode()
        self._write()

    def finish(self) -> None:
        """Close the sending half once everything is out."""
        self._finishes = True
        self._write()

    def close(self, *, reset: bool = False) -> None:
        """Go at once; with `reset`, so that the server sees one."""
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    @property
    def unfinished_line(self) -> bytes:
        """What came after the last LF."""
        return self._incoming

    @property
    def interest(self) -> int:
        """The events that this client waits for now."""
        reads = selectors.EVENT_READ if self.listens and not self.has_ended else 0
        writes = selectors.EVENT_WRITE if self._outgoing and not self.has_ended else 0
        return reads | writes

    def act(self, events: int) -> None:
        """Do what the socket is ready for."""
        if events & selectors.EVENT_WRITE:
            self._write()
        if events & selectors.EVENT_READ and not self.has_ended:
            self._read()

    def _write(self) -> None:
        try:
            if self._outgoing:
                self._outgoing = self._outgoing[self.socket.send(self._outgoing) :]
            self._outgoing = self._outgoing or self.wants_to_say()
            if self._finishes and not self._outgoing:
                self._finishes = False
                self.socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            self._outgoing = b""  # what the server sent before it went is still to be read

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
            self.ended()
            return
        *lines, self._incoming = (self._incoming + data).split(b"\n")
        for line in lines:
            self.heard(line.decode())


class Reader(PooledClient):
    """Logs in, where it has a name, and remembers every line."""

    def __init__(self, port: int, name: str = "", *first: str, narrow: bool = False) -> None:
        """`first`: lines that it sends behind its LOGIN."""
        super().__init__(port, narrow=narrow)
        self.lines: list[str] = []
        if name:
            self.send(f"LOGIN {name} pw-of-{name}", *first)

    def heard(self, line: str) -> None:
        self.lines.append(line)


class ClientPool:
    """The clients, and the one selector that all of them wait in."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._clients: dict[PooledClient, int] = {}

    def add(self, client: PooledClient) -> None:
        """Read this client, and send what it has to send, from now on."""
        self._clients[client] = 0

    def remove(self, client: PooledClient, *, reset: bool = False) -> None:
        """Close this client."""
        if self._clients.pop(client):
            self._selector.unregister(client.socket)
        client.close(reset=reset)

    def turn(self, timeout: float) -> None:
        """Do what can be done now; wait for the first of it, at most `timeout` seconds."""
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
            key.data.act(events)

    def __len__(self) -> int:
        return len(self._clients)

    def turn_until(self, happened: Callable[[], object], what: str) -> None:
        """Turn until `happened` is true; `what` says, if it never is, what is missed."""
        until(happened, what, work=lambda: self.turn(0.1))

    def __enter__(self) -> ClientPool:
        return self

    def __exit__(self, *_: Any) -> None:
        for client in list(self._clients):
            self.remove(client)
        self._selector.close()
