"""Clients that never log in: idle ones, and ones that send as much as the server takes.

A program of its own: `python -m benchmarks.strangers PORT IDLE HOSTILE`. It writes `ready` once all
are connected, and runs until it is killed.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import time
from typing import Final

PAYLOADS: Final = (b"\n" * 65536, b" ", b"LOGIN\n" * 4096, b"\n", b"")
"""What a hostile client sends again and again: many blank lines, an endless line in pieces of one
byte, invalid LOGIN lines, and blank lines one by one. Each goes on after an error, and connects
again once it is disconnected. The last one sends nothing, and disconnects and connects again."""

_PIECES: Final = 64
"""Sends of one client before it is the next one's turn."""


class Hostile:
    """A client that sends its payload as fast as its socket takes it."""

    def __init__(self, port: int, payload: bytes, selector: selectors.BaseSelector) -> None:
        self._port = port
        self._payload = payload
        self._selector = selector
        self._connect()

    def work(self) -> None:
        """Send for a moment. Connect again if the server has closed the connection."""
        try:
            if not self._payload:
                raise ConnectionResetError
            for _ in range(_PIECES):
                self._socket.send(self._payload)
        except BlockingIOError:
            return
        except OSError:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._selector.register(self._socket, selectors.EVENT_WRITE, self)


def main() -> None:
    """Connect the clients and serve the hostile ones. Runs until the process is killed."""
    port, idle, hostile = map(int, sys.argv[1:])
    # The load generator shares a core with this program and measures its receivers' delays.
    os.nice(19)
    quiet = [socket.create_connection(("127.0.0.1", port)) for _ in range(idle)]
    for connected in quiet:
        connected.recv(1)  # the first line: the server has accepted it
    selector = selectors.DefaultSelector()
    for number in range(hostile):
        Hostile(port, PAYLOADS[number % len(PAYLOADS)], selector)
    print("ready", flush=True)
    while quiet:
        for key, _ in selector.select():
            assert isinstance(key.data, Hostile)
            key.data.work()
        time.sleep(0)  # give the core away


if __name__ == "__main__":
    main()
