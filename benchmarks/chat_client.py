"""A chat client for the parts that need what the load generators cannot do: a few per server."""

from __future__ import annotations

import socket
from typing import Final

from benchmarks.accounts import PASSWORD, user_name
from benchmarks.errors import DeliveryError

TIMEOUT: Final = 30.0
"""Seconds until a missing line is an error."""


class ChatClient:
    """One logged-in connection, for one thread at a time that reads."""

    def __init__(self, port: int, number: int) -> None:
        """Log in as the user of this number."""
        self.name = user_name(number)
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("r", encoding="utf-8", newline="\n")
        self.send(f"LOGIN {self.name} {PASSWORD.decode()}")
        self.read_until("[SERVER] Login successful")

    def __enter__(self) -> ChatClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._lines.close()
        self._socket.close()

    def send(self, line: str) -> None:
        """Send a line. Raise `OSError` if the connection is closed."""
        self._socket.sendall(f"{line}\n".encode())

    def read_line(self) -> str:
        """Return the next line without its end. Empty: the server closed the connection.

        Raise `DeliveryError` if no line comes in time.
        """
        try:
            return self._lines.readline().rstrip("\n")
        except TimeoutError:
            raise DeliveryError(f"{self.name} reads nothing for {TIMEOUT:.0f} s") from None
        except ConnectionError:
            return ""

    def read_until(self, beginning: str) -> str:
        """Return the first line that begins so. Raise `DeliveryError` if the connection ends."""
        while not (line := self.read_line()).startswith(beginning):
            if not line:
                raise DeliveryError(f"{self.name} reads the end instead of {beginning!r}")
        return line

    def command(self, line: str, reply: str) -> str:
        """Send a command. Return its reply, which begins with `reply`."""
        self.send(line)
        return self.read_until(reply)
