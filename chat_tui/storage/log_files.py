"""Chat logs on disk, if the user has set `log_folder`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Final

from chat_tui import events
from chat_tui.model import ChatModel, Entry, EntryKind, EntryState, SettledFeed
from chat_tui.storage.private_files import append_private, file_stem, private_folder

MAX_BYTES: Final = 8 << 20
"""Bytes above which a file is rotated. The last batch may exceed it."""

MAX_ROTATED: Final = 9
"""Rotated files that are kept for each log. The oldest is deleted."""

_LOGGED_KINDS: Final = frozenset(
    {
        EntryKind.MESSAGE,
        EntryKind.ACTION,
        EntryKind.PRIVATE,
        EntryKind.ANNOUNCEMENT,
        EntryKind.GAP,
    },
)

_STATE_SUFFIXES: Final = {
    EntryState.UNCONFIRMED: " (not confirmed)",
    EntryState.REJECTED: " (not delivered)",
}

_PLAIN_NAME: Final = re.compile(
    # Names that are safe on every file system: not equal to another name if case is ignored, not a
    # device, and not a possible result of `file_stem`.
    r"(?!(?:con|prn|aux|nul|com\d|lpt\d)$)(?!(?:.*-)?[0-9a-f]{16}$)@?[a-z0-9_][a-z0-9_-]{0,63}"
)


class LogFiles:
    """Log files `<folder>/<server and user>/<room>.log`, readable by their owner only.

    Called only by the UI thread. It never raises: entries that can't be written are tried again at
    the next `write`, up to 10,000 of them. The first failure is reported in the log of the room in
    view.
    """

    def __init__(
        self, model: ChatModel, folder: Path | None, *, max_bytes: int = MAX_BYTES
    ) -> None:
        """`folder` is None for no files. It may be set at any time and applies to later entries."""
        self.folder = folder
        self._model = model
        self._max_bytes = max_bytes
        self._feed = SettledFeed(model)
        self._since = model.now()
        self._account = ""
        # Entries of `_account` that could not be written yet.
        self._unwritten: list[tuple[str, Entry]] = []
        self._reported = False

    def write(self) -> None:
        """Write all new entries. Called a few times a second, and before the client exits."""
        new = [(location, entry) for location, entry in self._feed.take() if self._belongs(entry)]
        account = f"{self._model.server.casefold()} {self._model.user}"
        if self.folder is None or account != self._account:
            self._account = account
            self._unwritten.clear()
        if self.folder is None:
            return
        # Bounded like the log of a room, so that a full disk does not fill the memory.
        pending = (self._unwritten + new)[-10_000:]
        self._unwritten = []
        for location, entries in _by_location(pending):
            try:
                self._append(self.folder / file_stem(account), location, entries)
            except OSError as error:
                self._unwritten += entries
                self._report(error)

    def _belongs(self, entry: Entry) -> bool:
        """Return whether the entry belongs in a log file.

        A message that was unconfirmed before this session was written by an earlier one, as were
        the messages that the user had read before it.
        """
        old = entry.state is EntryState.UNCONFIRMED and entry.timestamp < self._since
        return entry.kind in _LOGGED_KINDS and not (old or entry.past)

    def _append(self, folder: Path, location: str, entries: list[tuple[str, Entry]]) -> None:
        path = private_folder(folder) / f"{log_name(location)}.log"
        _rotate(path, self._max_bytes)
        text = "".join(f"{log_line(location, entry)}\n" for _, entry in entries)
        append_private(path, text.encode("utf-8", "surrogatepass"))

    def _report(self, problem: OSError) -> None:
        if not self._reported:
            self._reported = True
            message = (
                f"Chat logs can't be written to {self.folder}: {problem.strerror}. "
                "The chat goes on without them."
            )
            self._model.apply(events.LogNotice(message, "error"))


def log_name(location: str) -> str:
    """Return the name of a log without extension: the name of the location itself if it is safe."""
    return location if _PLAIN_NAME.fullmatch(location) else file_stem(location)


def log_line(location: str, entry: Entry) -> str:
    """Return an entry as one line of a log: time, location, author, text."""
    head = f"{entry.timestamp:%Y-%m-%dT%H:%M:%S} {location}"
    suffix = _STATE_SUFFIXES.get(entry.state, "")
    match entry.kind:
        case EntryKind.ACTION:
            return f"{head} * {entry.author} {entry.text}{suffix}"
        case EntryKind.GAP | EntryKind.ANNOUNCEMENT:
            return f"{head} -- {entry.text}"
    return f"{head} <{entry.author}> {entry.text}{suffix}"


def _by_location(
    entries: Iterable[tuple[str, Entry]],
) -> Iterable[tuple[str, list[tuple[str, Entry]]]]:
    """Group the entries by file and keep their order."""
    ordered = sorted(entries, key=lambda item: item[0])  # stable
    for location, group in groupby(ordered, key=lambda item: item[0]):
        yield location, list(group)


def _rotate(path: Path, max_bytes: int) -> None:
    """Rename a full `room.log` to `room.1.log`, that one to `room.2.log`, and so on."""
    try:
        if path.stat().st_size < max_bytes:
            return
    except FileNotFoundError:
        return
    steps = [path.with_name(f"{path.stem}.{number}.log") for number in range(MAX_ROTATED, 0, -1)]
    for older, newer in zip(steps, [*steps[1:], path], strict=True):
        with suppress(FileNotFoundError):
            newer.replace(older)
