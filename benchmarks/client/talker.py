"""Somebody who talks at a rate: numbered messages over a socket, from a thread."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType
from typing import Final

_TURN: Final = 0.01
"""Seconds between two writes: at 5,000 a second, 50 messages each."""

_FILLING: Final = (
    " and so on, as people talk, about this and that and the weather of tomorrow morning"
)


class Talker:
    """Signed in from the beginning; says nothing but what `talk` asks for."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._said = 0
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        with self._socket.makefile("rb") as lines:
            self._socket.sendall(f"LOGIN {user} {password}\n".encode())
            while b"Login successful" not in lines.readline():
                pass

    def __enter__(self) -> Talker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._socket.close()

    @property
    def said(self) -> int:
        """How many messages were said."""
        return self._said

    def say(self, number: int) -> None:
        """Say so many, as fast as they are taken."""
        lines = (f"{n} {_FILLING}\n" for n in range(self._said, self._said + number))
        self._socket.sendall("".join(lines).encode())
        self._said += number

    def talk(self, rate: int) -> None:
        """Say `rate` messages a second until `stop`."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._talk, args=(rate,))
        self._thread.start()

    def stop(self) -> None:
        """Say no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _talk(self, rate: int) -> None:
        begun, before = time.perf_counter(), self._said
        while not self._stopped.wait(_TURN):
            due = int((time.perf_counter() - begun) * rate) - (self._said - before)
            if due > 0:
                self.say(due)
