"""The visited rooms and the private conversations, kept on disk between sessions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from chat_tui.account import make_account
from chat_tui.model import ChatModel, Location, Places
from chat_tui.sanitize import safe_name
from chat_tui.storage.file_lock import PATIENCE, state_lock
from chat_tui.storage.private_files import file_stem, read_regular, write_private
from chat_tui.storage.problems import StorageProblems

_FOLDER: Final = "places"

_MAX_BYTES: Final = 1 << 20
"""Largest file that is read, in bytes. The client writes no larger one."""

_MAX_NAMES: Final = 200
"""Most names of a list that are kept: the last ones. The model may keep fewer."""

_MAX_CONVERSATIONS: Final = 100
"""Most conversations that are kept: those begun last."""


class StoredPlaces(NamedTuple):
    """What the file holds. Each list has the newest name last."""

    rooms: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    """The rooms that the user does not want in the list."""
    conversations: tuple[str, ...] = ()


class PlaceStore:
    """Writer and reader of the model's places: a file for each user and server.

    Only for servers with history: on others an empty room has nothing to show. Called only by the
    UI thread. It never raises for the file: a write that fails is reported once and tried again at
    the next tick.
    """

    def __init__(self, folder: Path, model: ChatModel, problems: StorageProblems) -> None:
        """`folder` is the state folder of the client. Nothing is stored before `open`."""
        self._folder = folder
        self._model = model
        self._problems = problems
        self._path: Path | None = None
        self._places: Places | None = None  # those of the model that the file belongs to
        self._saved = StoredPlaces()  # what this window knows to be in the file
        self._locked_since: float | None = None  # another window has held the lock since then

    def open(self, host: str, port: int, user: str) -> None:
        """List the places of a user that has just signed in, unless the model has them."""
        model = self._model
        if not model.capabilities.history or model.places is self._places:
            return
        identity = " ".join(make_account(host, port, user, "").identity)
        self._path = self._folder / _FOLDER / f"{file_stem(identity)}.json"
        try:
            stored = self._read(self._path)
        except OSError as error:
            stored = StoredPlaces()
            self._problems.unreadable(
                "The visited rooms",
                self._path,
                error,
                "The list begins with those of this session.",
            )
        self._places, self._saved = model.places, stored
        model.load_places(stored.rooms, stored.forgotten, stored.conversations)

    def tick(self) -> None:
        """Write what has changed, unless another window changes the file now."""
        self._write(even_unlocked=False)

    def save(self) -> None:
        """Write what has changed now."""
        self._write(even_unlocked=True)

    def _write(self, *, even_unlocked: bool) -> None:
        if self._path is None or self._model.places is not self._places:
            return
        current = self._current()
        if current == self._saved:
            self._locked_since = None
            return
        if self._locked_since is not None:
            even_unlocked |= time.monotonic() - self._locked_since >= PATIENCE
        try:
            with state_lock(self._folder) as is_locked:
                if not (is_locked or even_unlocked):
                    self._locked_since = self._locked_since or time.monotonic()
                    return
                merged = _merged(self._read(self._path), current, self._saved)
                write_private(self._path, json.dumps(merged._asdict(), indent=1))
                self._saved, self._locked_since = current, None
        except OSError as error:
            self._problems.unwritable(
                "The visited rooms", self._path, error, "They stay in the list until you quit."
            )

    def _current(self) -> StoredPlaces:
        model, saved = self._model, set(self._saved.conversations)
        # A conversation that was only opened holds nothing to come back to.
        kept = [
            name
            for name in model.conversations.listed()
            if name in saved or model.has_messages(Location.private(name))
        ]
        return StoredPlaces(
            tuple(model.rooms.visited.names),
            tuple(model.rooms.visited.forgotten),
            tuple(kept[-_MAX_CONVERSATIONS:]),
        )

    @staticmethod
    def _read(path: Path) -> StoredPlaces:
        """Return what the file holds, nothing if it is missing or broken. Raises `OSError`."""
        try:
            data = json.loads(read_regular(path, _MAX_BYTES))
        except (FileNotFoundError, ValueError, RecursionError):
            return StoredPlaces()
        if not isinstance(data, dict):
            return StoredPlaces()
        return StoredPlaces(*(_names(data.get(field)) for field in StoredPlaces._fields))


def _names(stored: object) -> tuple[str, ...]:
    names = stored if isinstance(stored, list) else []
    valid = [safe_name(name) for name in names if isinstance(name, str) and name]
    return tuple(dict.fromkeys(valid))[-_MAX_NAMES:]


def _merged(stored: StoredPlaces, current: StoredPlaces, base: StoredPlaces) -> StoredPlaces:
    """Return `current` with what another window has changed in the file since `base`."""
    return StoredPlaces(*(_merge(*lists) for lists in zip(stored, current, base, strict=True)))


def _merge(stored: Iterable[str], current: Iterable[str], base: Iterable[str]) -> tuple[str, ...]:
    theirs, known, mine = dict.fromkeys(stored), set(base), dict.fromkeys(current)
    added = [name for name in theirs if name not in mine and name not in known]
    return (*added, *(name for name in mine if name in theirs or name not in known))
