"""Lines of the headless modes: log entries as output, and a reader of input lines."""

from __future__ import annotations

import os
import re
from collections import deque
from enum import Enum
from typing import Final, Protocol

from chat_server.wire import CLIENT_RECEIVE_LIMIT, LineBuffer, OversizeLine
from chat_tui.model import Entry, EntryKind

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class LineProblem(Enum):
    """Why a line of the input can't be sent. It is never sent in part or with other characters."""

    TOO_LONG = f"Not sent: the line is longer than {CLIENT_RECEIVE_LIMIT} bytes"
    NOT_UTF8 = "Not sent: the line is not UTF-8. Convert it first, for example with iconv"


def message_line(entry: Entry) -> str | None:
    """Return a message as the server sends it, marked if it is the user's own. Else None.

    The time is local time of the client.

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


class LineSource(Protocol):
    """A source of input lines: a `LineReader`, or a `LineEditor` at a terminal."""

    fd: int
    """It can be read once `read` does not block."""
    ended: bool
    lines: deque[str | LineProblem]

    @property
    def at_terminal(self) -> bool:
        """True if a user types the lines."""

    def read(self) -> None:
        """Read the available input. Blocks if there is none."""

    def start(self, room: str) -> None:
        """Let the user type. `room` is the room that gets the lines."""

    def stop(self) -> None:
        """Leave the terminal to something else, until `start` is called."""


class LineReader:
    """A reader of lines from a file, a pipe or a terminal. It reads only when `read` is called."""

    def __init__(self, fd: int) -> None:
        """`fd` is an open file descriptor. The reader does not close it."""
        self.fd = fd
        self.ended = False
        """True after the end of the input. `lines` may still hold lines."""
        self.lines: deque[str | LineProblem] = deque()
        """Lines without line ends, or why they can't be sent."""
        self._buffer = LineBuffer(CLIENT_RECEIVE_LIMIT)

    @property
    def at_terminal(self) -> bool:
        """True if a user types the lines."""
        return os.isatty(self.fd)

    def start(self, room: str) -> None:
        """Do nothing: the terminal itself echoes what the user types."""

    def stop(self) -> None:
        """Do nothing."""

    @classmethod
    def from_text(cls, text: str) -> LineReader:
        """Return a reader that holds the lines of `text` and has ended.

        Python decodes an argument that is not UTF-8 to lone surrogates.
        """
        reader = cls(-1)
        reader.ended = True
        reader.lines.extend(map(check_line, text.split("\n")))
        return reader

    def read(self) -> None:
        """Read the available input. Blocks if there is none."""
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:  # another program made it non-blocking, and there is none
            return
        except OSError:  # the terminal has hung up
            data = b""
        lines = self._buffer.feed(data) if data else self._buffer.finish()
        self.ended = not data
        self.lines.extend(map(_decode, lines))


def check_line(line: str) -> str | LineProblem:
    """Return a line, or why it can't be sent: it was not UTF-8."""
    return line if _SURROGATE.search(line) is None else LineProblem.NOT_UTF8


def _decode(line: bytes | OversizeLine) -> str | LineProblem:
    if isinstance(line, OversizeLine):
        return LineProblem.TOO_LONG
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return LineProblem.NOT_UTF8
