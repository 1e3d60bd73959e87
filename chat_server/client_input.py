"""The input of one client: bytes from its stream, split into lines as they are needed."""

from __future__ import annotations

from collections import deque
from typing import Final

from chat_server.wire import CLIENT_LINE_LIMIT, LineBuffer, OversizeLine, Stream

_SPLIT_BYTES: Final = 8192
"""Bytes of input that are split into lines at a time. A read of 64 KiB may hold 20,000 short lines,
which take 20 times its memory, and a client over its rate keeps them for an hour."""


class ClientInput:
    """The lines that a client sends. Only the client's own thread uses it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._buffer = LineBuffer(CLIENT_LINE_LIMIT)
        self._lines: deque[bytes | OversizeLine] = deque()
        self._unsplit = b""
        """Input that has not been split into lines yet."""
        self.has_ended = False
        """True once the client has closed its sending half. There may still be lines."""

    def read(self, timeout: float | None = None) -> bytes:
        """Receive bytes and return them. Only if there are no lines left.

        Raises `TimeoutError` after `timeout` seconds, and `OSError` if the connection was reset.
        """
        data = self._stream.recv(timeout)
        if data:
            self._unsplit = data
        else:
            self.has_ended = True
            if not self._stream.truncated:
                self._lines.extend(self._buffer.finish())
        return data

    def has_lines(self) -> bool:
        """Split as much input as needed. Return whether there is a complete line."""
        while not self._lines and self._unsplit:
            piece, self._unsplit = self._unsplit[:_SPLIT_BYTES], self._unsplit[_SPLIT_BYTES:]
            self._lines.extend(self._buffer.feed(piece))
        return bool(self._lines)

    def next_line(self) -> bytes | OversizeLine:
        """Remove and return the next line. Only if `has_lines`."""
        return self._lines.popleft()

    def ends_within_line(self) -> bool:
        """Return whether the input was cut off within a line. Only after its end."""
        return bool(self._buffer.finish())
