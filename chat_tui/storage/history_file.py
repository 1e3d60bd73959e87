"""The input histories of the composer, kept on disk between sessions."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from chat_tui.account import make_account
from chat_tui.input import holds_no_text, holds_secret
from chat_tui.model import MAX_ITEMS, ChatModel, InputHistories
from chat_tui.sanitize import safe_name
from chat_tui.storage.file_lock import PATIENCE, state_lock
from chat_tui.storage.private_files import append_private, file_stem, open_regular, write_private
from chat_tui.storage.problems import StorageProblems

_FOLDER: Final = "history"

_FORMER_FILE: Final = "sent.jsonl"
"""Written by former versions: the texts of all accounts and places in one list."""

_FORMER_LOCATION: Final = "lobby"
"""The location that gets the commands of the former file."""

_MAX_ITEM: Final = 4096
"""Longest item that is stored, in characters. The user has the source of a longer paste."""

_MAX_TOTAL: Final = 5_000
"""Most items of one account that are kept: the newest of all locations."""

_MAX_READ_BYTES: Final = 4 * 1024 * 1024
"""Bytes that are read, from the end of the file."""

_MAX_WAITING: Final = 500
"""Items that wait for a disk on which they can't be written now. Older ones are dropped."""

Item = tuple[str, str]
"""A location, and a text that was sent there."""


class HistoryFile:
    """The file of one account: one JSON array per line, `["dev", "text"]`, the newest last.

    Readable by its owner only. Each item is appended with one write, so several windows can share
    the file. Text that looks like a password is never written.
    """

    def __init__(self, folder: Path, host: str, port: int, user: str) -> None:
        """`folder` is the state folder of the client. The file may not exist yet."""
        identity = " ".join(make_account(host, port, user, "").identity)
        self._state_folder = folder
        self.path = folder / _FOLDER / f"{file_stem(identity)}.jsonl"

    def read(self) -> list[Item]:
        """Return the items of former sessions, oldest first. Raises `OSError`.

        The first call for an account that has no file takes over what is harmless in the file of
        former versions.
        """
        try:
            size, data = _read_end(self.path)
        except FileNotFoundError:
            former = self._former_items()
            with suppress(OSError):
                self.append(former, even_unlocked=True)
            return former
        lines = data.split(b"\n")
        items = [item for item in map(_read_item, lines) if item is not None]
        kept = _newest(items)
        # A last line without an end was cut off by a crash. The next item would be glued to it.
        if size > _MAX_READ_BYTES or len(items) > 2 * max(len(kept), MAX_ITEMS) or lines[-1]:
            with suppress(OSError), state_lock(self._state_folder) as is_locked:
                if is_locked and self.path.stat().st_size == size:  # no window has appended since
                    write_private(self.path, _as_lines(kept))
        return kept

    def append(self, items: Sequence[Item], *, even_unlocked: bool = False) -> bool:
        """Append texts that were just sent. Raises `OSError`.

        Return False, and write nothing, while another window changes the file. `even_unlocked`:
        append in that case, too.
        """
        stored = [
            (location, text)
            for location, text in items
            if len(text) <= _MAX_ITEM and not holds_secret(text)
        ]
        if stored:
            with state_lock(self._state_folder) as is_locked:
                if not is_locked and not even_unlocked:
                    return False
                append_private(self.path, _as_lines(stored).encode("ascii"))
        return True

    def _former_items(self) -> list[Item]:
        """Return the commands of the former file that hold no text for other users.

        The file does not say who sent a text where, so no other item of it may be shown. The file
        is left as it is.
        """
        with suppress(OSError):
            lines = _read_end(self._state_folder / _FORMER_FILE)[1].split(b"\n")
            texts = [text for line in lines if isinstance(text := _read_json(line), str)]
            return _newest([(_FORMER_LOCATION, text) for text in texts if holds_no_text(text)])
        return []


class HistoryStore:
    """Reader and writer of the model's input histories. Called only by the UI thread.

    It never raises for the file: items that can't be written are tried again at the next `tick`.
    The first failure is reported.
    """

    def __init__(self, folder: Path, model: ChatModel, problems: StorageProblems) -> None:
        """`folder` is the state folder of the client. Nothing is stored before `open`."""
        self._folder = folder
        self._model = model
        self._problems = problems
        self._histories: InputHistories | None = None
        self._file: HistoryFile | None = None
        self._waiting: list[Item] = []
        self._locked_since: float | None = None  # another window has held the lock since then

    def open(self, host: str, port: int, user: str) -> None:
        """Restore the histories of a user that has just signed in, unless the model has them."""
        if self._model.histories is self._histories:
            return
        self.save()
        self._waiting.clear()
        file = self._file = HistoryFile(self._folder, host, port, user)
        items: list[Item] = []
        try:
            items = file.read()
        except OSError as error:
            self._problems.unreadable(
                "The input history", file.path, error, "Up finds only what you send from now on."
            )
        self._histories = self._model.histories
        self._histories.load(items, lambda location, text: self._add(location, text))

    def tick(self) -> None:
        """Write the items that could not be written yet. Called a few times a second."""
        if self._waiting:
            since = self._locked_since
            self._write(even_unlocked=since is not None and time.monotonic() - since >= PATIENCE)

    def save(self) -> None:
        """Write all items now."""
        if self._waiting:
            self._write(even_unlocked=True)

    def _add(self, location: str, text: str) -> None:
        self._waiting.append((location, text))
        del self._waiting[:-_MAX_WAITING]
        self._write(even_unlocked=False)

    def _write(self, *, even_unlocked: bool) -> None:
        assert self._file is not None
        try:
            if self._file.append(self._waiting, even_unlocked=even_unlocked):
                self._waiting.clear()
                self._locked_since = None
            elif self._locked_since is None:
                self._locked_since = time.monotonic()
        except OSError as error:
            self._problems.unwritable(
                "The input history", self._file.path, error, "Up finds it until you quit."
            )


def _read_end(path: Path) -> tuple[int, bytes]:
    """Return the size of a file, and at most `_MAX_READ_BYTES` of its end. Raises `OSError`."""
    with open(open_regular(path, os.O_RDONLY), "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _MAX_READ_BYTES))
        return size, file.read(_MAX_READ_BYTES)


def _newest(items: Sequence[Item]) -> list[Item]:
    """Return the newest items within the bounds of each location and of the account."""
    count: Counter[str] = Counter()
    kept: list[Item] = []
    for location, text in reversed(items):
        count[location] += 1
        if count[location] <= MAX_ITEMS and len(kept) < _MAX_TOTAL:
            kept.append((location, text))
    return kept[::-1]


def _as_lines(items: Sequence[Item]) -> str:
    return "".join(f"{json.dumps(item)}\n" for item in items)


def _read_item(line: bytes) -> Item | None:
    match _read_json(line):
        case [str(location), str(text)] if text.strip() and location:
            return safe_name(location), text
    return None


def _read_json(line: bytes) -> object:
    with suppress(ValueError, RecursionError):
        found: object = json.loads(line)
        return found
    return None
