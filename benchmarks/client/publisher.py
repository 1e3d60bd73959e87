"""A publisher that sends numbered messages at a rate, from a thread."""

from __future__ import annotations

import socket
import threading
import time
from typing import Final

_WRITE_INTERVAL: Final = 0.01
"""Seconds between two writes. At 5,000 messages per second, a write has 50 messages."""

_FILLER: Final = (
    " and so on, as people talk, about this and that and the weather of tomorrow morning"
)


class Publisher:
    """A client that is logged in and sends only the messages that the caller asks for."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._sent = 0
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        with self._socket.makefile("rb") as lines:
            self._socket.sendall(f"LOGIN {user} {password}\n".encode())
            while b"Login successful" not in lines.readline():
                pass

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._socket.close()

    @property
    def sent(self) -> int:
        """The number of messages sent."""
        return self._sent

    def publish(self, number: int) -> None:
        """Send `number` messages, as fast as the server accepts them."""
        lines = (f"{n} {_FILLER}\n" for n in range(self._sent, self._sent + number))
        self._socket.sendall("".join(lines).encode())
        self._sent += number

    def start(self, rate: int) -> None:
        """Send `rate` messages per second until `stop`."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._send_at_rate, args=(rate,))
        self._thread.start()

    def stop(self) -> None:
        """Stop sending."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _send_at_rate(self, rate: int) -> None:
        begun, before = time.perf_counter(), self._sent
        while not self._stopped.wait(_WRITE_INTERVAL):
            due = int((time.perf_counter() - begun) * rate) - (self._sent - before)
            if due > 0:
                self.publish(due)
