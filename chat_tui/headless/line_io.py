"""Lines of the headless modes: log entries as output, and a reader of input lines."""

from __future__ import annotations

import os
from collections import deque
from typing import Final

from chat_server.wire import CLIENT_RECEIVE_LIMIT, LineBuffer, OversizeLine
from chat_tui.model import Entry, EntryKind

TOO_LONG: Final = f"Not sent: the line is longer than {CLIENT_RECEIVE_LIMIT} bytes"


def message_line(entry: Entry) -> str | None:
    """Return a message as the server sends it, marked if it is the user's own. Else None.

    `[21:03:04] alice: text`, `[21:03:04] bob (you): text`, `[21:03:04] * alice waves`,
    `[21:03:04] alice -> bob: text`.
    """
    author = f"{entry.author} (you)" if entry.own else entry.author
    time = f"[{entry.timestamp:%H:%M:%S}]"
    match entry.kind:
        case EntryKind.MESSAGE:
            return f"{time} {author}: {entry.text}"
        case EntryKind.ACTION:
            return f"{time} * {author} {entry.text}"
        case EntryKind.PRIVATE:
            return f"{time} {author} -> {entry.recipient}: {entry.text}"
    return None


def status_line(entry: Entry) -> str:
    """Return an entry that is not a message: `!!` and the text of an error, `--` and other text."""
    return f"{'!!' if entry.kind is EntryKind.ERROR else '--'} {entry.text}"


class LineReader:
    """A reader of lines from a file, a pipe or a terminal. It reads only when `read` is called."""

    def __init__(self, fd: int) -> None:
        """`fd` is an open file descriptor. The reader does not close it."""
        self.fd = fd
        self.ended = False
        """True after the end of the input. `lines` may still hold lines."""
        self.lines: deque[str | None] = deque()
        """Lines without line ends. None stands for a line that is too long to be sent."""
        self._buffer = LineBuffer(CLIENT_RECEIVE_LIMIT)

    @classmethod
    def from_text(cls, text: str) -> LineReader:
        """Return a reader that holds the lines of `text` and has ended."""
        reader = cls(-1)
        reader.ended = True
        reader.lines.extend(text.split("\n"))
        return reader

    def read(self) -> None:
        """Read the available input. Blocks if there is none."""
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the terminal has hung up
            data = b""
        lines = self._buffer.feed(data) if data else self._buffer.finish()
        self.ended = not data
        for line in lines:
            text = None if isinstance(line, OversizeLine) else line.decode("utf-8", "replace")
            self.lines.append(text)
