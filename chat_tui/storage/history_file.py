"""The input history of the composer, kept on disk between sessions."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from chat_tui.input import holds_secret
from chat_tui.model import MAX_ITEMS
from chat_tui.storage.private_files import private_folder, write_private

_FILE: Final = "sent.jsonl"

_MAX_ITEM: Final = 4096
"""Longest item that is stored, in characters. The user has the source of a longer paste."""

_MAX_READ_BYTES: Final = 4 * 1024 * 1024
"""Bytes that are read, from the end of the file."""


class HistoryFile:
    """A file with one JSON string per line, the newest last, readable by its owner only.

    Each item is appended with one write, so several clients can share the file. Reading truncates
    it to `MAX_ITEMS` items. Text that looks like a password is never written. If the file can't be
    read or written, the history is lost and nothing else happens.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is created when the first item is written."""
        self._path = folder / _FILE

    def read(self) -> list[str]:
        """Return the items of former sessions, oldest first."""
        try:
            with open(self._path, "rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _MAX_READ_BYTES))
                data = file.read()
        except OSError:
            return []
        lines = data.split(b"\n")
        items = [item for item in map(_read_item, lines) if item is not None]
        # A last line without an end was cut off by a crash. The next item would be glued to it.
        if size > _MAX_READ_BYTES or len(items) > 2 * MAX_ITEMS or lines[-1]:
            with suppress(OSError):
                write_private(self._path, _as_lines(items[-MAX_ITEMS:]))
        return items[-MAX_ITEMS:]

    def append(self, text: str) -> None:
        """Append a text that was just sent."""
        if len(text) > _MAX_ITEM or holds_secret(text):
            return
        with suppress(OSError):
            private_folder(self._path.parent)
            number = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(number, _as_lines([text]).encode("ascii"))
            finally:
                os.close(number)


def _as_lines(items: Sequence[str]) -> str:
    return "".join(f"{json.dumps(item)}\n" for item in items)


def _read_item(line: bytes) -> str | None:
    with suppress(ValueError, RecursionError):
        item = json.loads(line)
        if isinstance(item, str) and item.strip():
            return item
    return None
