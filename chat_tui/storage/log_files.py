"""LogFiles: what is said, written to this machine's disk where a person wants that."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Final

from chat_tui import events
from chat_tui.model import ChatModel, Entry, EntryKind, EntryState, SettledFeed
from chat_tui.storage.private_files import file_stem, private_folder

MAX_BYTES: Final = 8 << 20
"""Bytes that a file may have before a new one is begun; the last batch may exceed it."""

MAX_ROTATED: Final = 9
"""Full files kept beside each; the oldest of them goes when another one is full."""

_SAID: Final = frozenset(
    {
        EntryKind.MESSAGE,
        EntryKind.ACTION,
        EntryKind.PRIVATE,
        EntryKind.ANNOUNCEMENT,
        EntryKind.GAP,
    },
)

_UNCONFIRMED: Final = {
    EntryState.UNCONFIRMED: " (not confirmed)",
    EntryState.REJECTED: " (not delivered)",
}

_PLAIN_NAME: Final = re.compile(
    # What no file system takes for another name, a device or one of `file_stem`'s.
    r"(?!(?:con|prn|aux|nul|com\d|lpt\d)$)(?!(?:.*-)?[0-9a-f]{16}$)@?[a-z0-9_][a-z0-9_-]{0,63}"
)


class LogFiles:
    """One file a room, `<folder>/<server and user>/<room>.log`, for nobody else's eyes.

    The screen's thread alone calls it. Nothing in here ends a chat: what can't be written now is
    tried again at the next `write`, as long as the model keeps it, and the first failure is told
    in the log of the room in view.
    """

    def __init__(
        self, model: ChatModel, folder: Path | None, *, max_bytes: int = MAX_BYTES
    ) -> None:
        """`folder`: None for no files; it may change at any time, and holds from then on."""
        self.folder = folder
        self._model = model
        self._max_bytes = max_bytes
        self._feed = SettledFeed(model)
        self._since = model.now()
        self._account = ""
        self._unwritten: list[
            tuple[str, Entry]
        ] = []  # of that account: what could not be written yet
        self._reported = False

    def write(self) -> None:
        """Write what is new. Called a few times a second, and before the end."""
        new = [(place, entry) for place, entry in self._feed.take() if self._belongs(entry)]
        account = f"{self._model.server.casefold()} {self._model.user}"
        if self.folder is None or account != self._account:
            self._account = account
            self._unwritten.clear()
        if self.folder is None:
            return
        # As many as a log keeps: what waits for a full disk must not fill the memory.
        waiting = (self._unwritten + new)[-10_000:]
        self._unwritten = []
        for place, entries in _by_place(waiting):
            try:
                self._append(self.folder / file_stem(account), place, entries)
            except OSError as problem:
                self._unwritten += entries
                self._report(problem)

    def _belongs(self, entry: Entry) -> bool:
        """What was unconfirmed before this session was written by an earlier one."""
        old = entry.state is EntryState.UNCONFIRMED and entry.timestamp < self._since
        return entry.kind in _SAID and not old

    def _append(self, folder: Path, place: str, entries: list[tuple[str, Entry]]) -> None:
        path = private_folder(folder) / f"{log_name(place)}.log"
        _rotate(path, self._max_bytes)
        text = "".join(f"{log_line(place, entry)}\n" for _, entry in entries)
        _append_all(path, text.encode("utf-8", "surrogatepass"))

    def _report(self, problem: OSError) -> None:
        if not self._reported:
            self._reported = True
            words = f"Not written to {self.folder}: {problem.strerror}. The chat goes on without."
            self._model.apply(events.LogNotice(words, "error"))


def log_name(place: str) -> str:
    """The name of a place's file, without its ending: the place's own wherever that is safe."""
    return place if _PLAIN_NAME.fullmatch(place) else file_stem(place)


def log_line(place: str, entry: Entry) -> str:
    """An entry as it stands in a file: when, where, who, what; one line."""
    head = f"{entry.timestamp:%Y-%m-%dT%H:%M:%S} {place}"
    unproved = _UNCONFIRMED.get(entry.state, "")
    match entry.kind:
        case EntryKind.ACTION:
            return f"{head} * {entry.author} {entry.text}{unproved}"
        case EntryKind.GAP | EntryKind.ANNOUNCEMENT:
            return f"{head} -- {entry.text}"
    return f"{head} <{entry.author}> {entry.text}{unproved}"


def _by_place(
    entries: Iterable[tuple[str, Entry]],
) -> Iterable[tuple[str, list[tuple[str, Entry]]]]:
    """What belongs into one file, in its order."""
    in_order = sorted(entries, key=lambda one: one[0])  # a stable sort
    for place, group in groupby(in_order, key=lambda one: one[0]):
        yield place, list(group)


def _rotate(path: Path, max_bytes: int) -> None:
    """Put a full file aside: `room.log` becomes `room.1.log`, that `room.2.log`, and so on."""
    try:
        if path.stat().st_size < max_bytes:
            return
    except FileNotFoundError:
        return
    steps = [path.with_name(f"{path.stem}.{number}.log") for number in range(MAX_ROTATED, 0, -1)]
    for older, newer in zip(steps, [*steps[1:], path], strict=True):
        with suppress(FileNotFoundError):
            newer.replace(older)


def _append_all(path: Path, data: bytes) -> None:
    """Append all of `data` or nothing: a disk that is full must not leave half a line."""
    number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        before = os.fstat(number).st_size
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(number, view) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(number, before)
            raise
    finally:
        os.close(number)
