"""TerminalOutput: the file that the screen is written to. It outlives faults of the terminal."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

from chat_server.standard_streams import write_all

_FLUSH_CHARACTERS: Final = 32768
"""Characters that are held before they are written without a flush."""


class TerminalOutput:
    """A text file for a terminal, used by the thread that writes.

    The terminal may be non-blocking: another program that shares it may set that at any time. Then
    a write waits until the terminal has room. A terminal that was closed takes what is written and
    loses it: an exception would end the thread, and the event loop would block once the queue to
    the thread is full.
    """

    def __init__(self, fileno: int, encoding: str = "utf-8") -> None:
        """`encoding` is that of the terminal. What it lacks is written as `?`."""
        self._fileno = fileno
        self.encoding = encoding
        self._held: list[str] = []
        self._size = 0

    def write(self, text: str) -> int:
        """Hold `text` until the next flush, or write it if much is held."""
        self._held.append(text)
        self._size += len(text)
        if self._size >= _FLUSH_CHARACTERS:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Write what is held. Blocks while the terminal has no room."""
        data = "".join(self._held).encode(self.encoding, "replace")
        self._held.clear()
        self._size = 0
        with suppress(OSError):  # the terminal is closed: `exit_on_hangup` ends the client
            write_all(self._fileno, data)

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._fileno

    def isatty(self) -> bool:
        """Return whether the file is a terminal."""
        return os.isatty(self._fileno)
