"""Entries of a log as lines for whoever has no screen, and lines that come in."""

from __future__ import annotations

import os
from collections import deque
from typing import Final

from chat_server.wire import CLIENT_RECEIVE_LIMIT, LineBuffer, OversizeLine
from chat_tui.model import Entry, EntryKind

TOO_LONG: Final = f"Not sent: a line of more than {CLIENT_RECEIVE_LIMIT} bytes"


def message_line(entry: Entry) -> str | None:
    """What somebody said, as a server sends it, with a mark where we said it; else None.

    `[21:03:04] alice: text`, `[21:03:04] bob (you): text`, `[21:03:04] * alice waves`,
    `[21:03:04] alice -> bob: text`.
    """
    author = f"{entry.author} (you)" if entry.own else entry.author
    clock = f"[{entry.timestamp:%H:%M:%S}]"
    match entry.kind:
        case EntryKind.MESSAGE:
            return f"{clock} {author}: {entry.text}"
        case EntryKind.ACTION:
            return f"{clock} * {author} {entry.text}"
        case EntryKind.PRIVATE:
            return f"{clock} {author} -> {entry.recipient}: {entry.text}"
    return None


def status_line(entry: Entry) -> str:
    """What a log holds beside what was said: `!!` before what went wrong, `--` before the rest."""
    return f"{'!!' if entry.kind is EntryKind.ERROR else '--'} {entry.text}"


class LineReader:
    """The lines of a file, a pipe or a terminal. It never reads more than somebody asked for."""

    def __init__(self, number: int) -> None:
        """`number` of the open file, which stays open."""
        self.number = number
        self.ended = False
        """Whether nothing more will come; lines may still be waiting."""
        self.lines: deque[str | None] = deque()
        """Lines without their ends; None for one that is longer than any that could be sent."""
        self._buffer = LineBuffer(CLIENT_RECEIVE_LIMIT)

    @classmethod
    def from_text(cls, text: str) -> LineReader:
        """The lines of a text that is there already."""
        lines = cls(-1)
        lines.ended = True
        lines.lines.extend(text.split("\n"))
        return lines

    def read(self) -> None:
        """Read what is there; blocks where nothing is."""
        try:
            data = os.read(self.number, 65536)
        except OSError:  # a terminal that is gone
            data = b""
        lines = self._buffer.feed(data) if data else self._buffer.finish()
        self.ended = not data
        for line in lines:
            text = None if isinstance(line, OversizeLine) else line.decode("utf-8", "replace")
            self.lines.append(text)
