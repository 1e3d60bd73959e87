"""The newest message that the user has read in each room and conversation, kept on disk.

With it is the number of messages that the client has received since, and the user has not seen.
There is a file for each user and server. Several windows of one user may use it: a stamp only
rises, unless those of the server have gone down. A broken file counts as empty, so that the next
start shows the latest messages as read.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from chat_server.wire import parse_stamp
from chat_tui.model import UnreadNumbers
from chat_tui.storage.file_lock import PATIENCE, state_lock
from chat_tui.storage.private_files import file_stem, read_regular, write_private
from chat_tui.storage.problems import StorageProblems

_FOLDER: Final = "stamps"

_MAX_BYTES: Final = 1 << 20
"""Largest file that is read, in bytes."""

_MAX_PLACES: Final = 1000
"""Places whose stamps are kept: those with the newest ones."""

_WRITE_SECONDS: Final = 5.0
"""Seconds between two writes. A client that is killed loses no more: it shows some messages as new
again."""


class StampStore:
    """The file of one user at one server. Called only by the screen's thread.

    It never raises for the file: a write that fails is reported once and tried again later.
    """

    def __init__(
        self,
        folder: Path,
        problems: StorageProblems | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`folder` is the state folder of the client. Nothing is stored before `open`."""
        self._folder = folder
        self._problems = problems or StorageProblems()
        self._clock = clock
        self._path: Path | None = None
        self._stamps: dict[str, str] = {}
        self._unread: dict[str, UnreadNumbers] = {}
        self._started_over: set[str] = set()  # the file has stamps of them that are too high
        self._is_changed = False
        self._next_write = 0.0
        self._locked_since: float | None = None

    def read(self, identity: tuple[str, str]) -> dict[str, str]:
        """Return the stored stamps of a user at a server (`Account.identity`), by place."""
        return self._read(self._path_of(identity))[0]

    def open(self, identity: tuple[str, str]) -> None:
        """Store what this user reads from now on. What another one has read is written first."""
        path = self._path_of(identity)
        if path != self._path:
            self.save()
            self._path, self._is_changed = path, False
            self._stamps, self._unread = self._read(path)
            self._started_over.clear()

    def start_over(self, place: str) -> None:
        """Forget how far the user has read a place: the stamps of the server have gone down."""
        self._stamps.pop(place, None)
        self._unread.pop(place, None)
        self._started_over.add(place)
        self._is_changed = True

    def read_up_to(self, stamps: Mapping[str, str]) -> None:
        """Record that the user has read these places up to these stamps."""
        for place, stamp in stamps.items():
            known = self._stamps.get(place)
            if known != stamp and _newer(known, stamp) == stamp:
                self._stamps[place] = stamp
                self._is_changed = True

    @property
    def unread(self) -> Mapping[str, UnreadNumbers]:
        """The numbers of messages that the user has not seen, by place."""
        return self._unread

    def has(self, place: str) -> bool:
        """Return True if it is known how far the user has read a place."""
        return place in self._stamps

    def keep_unread(self, numbers: Mapping[str, UnreadNumbers]) -> None:
        """Record all numbers of unseen messages. A place without a stamp keeps none."""
        unread = {place: number for place, number in numbers.items() if place in self._stamps}
        if unread != self._unread:
            self._unread = unread
            self._is_changed = True

    def tick(self) -> None:
        """Write what has changed, but not more often than every few seconds."""
        if self._is_changed and self._clock() >= self._next_write:
            self._write(timeout=0.0, even_unlocked=self._is_impatient())

    def save(self) -> None:
        """Write what has changed now, in the end without the lock."""
        if self._is_changed:
            self._write(timeout=0.5, even_unlocked=True)

    def _write(self, *, timeout: float, even_unlocked: bool) -> None:
        path = self._path
        if path is None:
            return
        try:
            with state_lock(self._folder, timeout) as is_locked:
                if not (is_locked or even_unlocked):
                    return
                self._locked_since = None
                self._merge(path)
                write_private(path, json.dumps(self._contents(), indent=1))
                self._is_changed = False
                self._started_over.clear()
        except OSError as error:
            self._problems.unwritable(
                "What you have read", path, error, "The next start shows it as new."
            )
        self._next_write = self._clock() + _WRITE_SECONDS

    def _merge(self, path: Path) -> None:
        """Take over what other windows have stored."""
        try:
            stored, unread = _parsed(json.loads(read_regular(path, _MAX_BYTES)))
        except (OSError, ValueError, RecursionError):
            stored, unread = {}, {}
        for place, stamp in stored.items():
            known = self._stamps.get(place)
            if place not in self._started_over and known != _newer(known, stamp):
                self._stamps[place] = stamp
                self._unread.pop(place, None)
                if place in unread:
                    self._unread[place] = unread[place]
        newest = sorted(self._stamps, key=lambda place: parse_stamp(self._stamps[place]) or 0)
        for place in newest[:-_MAX_PLACES]:
            del self._stamps[place]
            self._unread.pop(place, None)

    def _contents(self) -> dict[str, str | list[str | int]]:
        """Return what the file holds: for each place its stamp, and numbers that are not zero."""
        return {
            place: [stamp, *self._unread[place]] if place in self._unread else stamp
            for place, stamp in self._stamps.items()
        }

    def _read(self, path: Path) -> tuple[dict[str, str], dict[str, UnreadNumbers]]:
        try:
            return _parsed(json.loads(read_regular(path, _MAX_BYTES)))
        except FileNotFoundError:
            pass
        except OSError as error:
            self._problems.unreadable(
                "What you have read", path, error, "The latest messages are shown as read."
            )
        except (ValueError, RecursionError):
            pass
        return {}, {}

    def _is_impatient(self) -> bool:
        now = self._clock()
        if self._locked_since is None:
            self._locked_since = now
        return now - self._locked_since >= PATIENCE

    def _path_of(self, identity: tuple[str, str]) -> Path:
        return self._folder / _FOLDER / f"{file_stem(' '.join(identity))}.json"


def _newer(known: str | None, stamp: str) -> str:
    if known is None:
        return stamp
    return stamp if (parse_stamp(stamp) or 0) > (parse_stamp(known) or 0) else known


def _parsed(data: object) -> tuple[dict[str, str], dict[str, UnreadNumbers]]:
    """Return the valid stamps and numbers of a file."""
    stamps: dict[str, str] = {}
    unread: dict[str, UnreadNumbers] = {}
    for place, value in data.items() if isinstance(data, dict) else ():
        stamp, *numbers = value if isinstance(value, list) and value else [value]
        if not isinstance(stamp, str) or parse_stamp(stamp) is None:
            continue
        stamps[place] = stamp
        match numbers:
            case [int(messages), int(mentions)] if messages > 0 and mentions >= 0:
                unread[place] = UnreadNumbers(messages, mentions)
    return stamps, unread
