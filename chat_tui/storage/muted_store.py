"""The muted rooms and conversations, kept on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from chat_tui.storage.file_lock import state_lock
from chat_tui.storage.private_files import read_regular, write_private
from chat_tui.storage.problems import StorageProblems

_FILE: Final = "muted.json"

_MAX_BYTES: Final = 4 << 20
"""Largest file that is read, in bytes."""

_MAX_ACCOUNTS: Final = 200
"""Accounts whose muted locations are kept: those changed last."""


class MuteStore:
    """The muted locations of each user at each server, and the file that holds them.

    It never raises for the file: a missing or broken file mutes nothing. If the file can't be
    written, that is reported, and a change lasts until the client exits. Called only by the UI
    thread.
    """

    def __init__(self, folder: Path, problems: StorageProblems | None = None) -> None:
        self._folder = folder
        self._path = folder / _FILE
        self._problems = problems or StorageProblems()
        self._locations = self._read() or {}
        self._is_written = True  # the file holds all changes of this window

    def locations(self, server: str, user: str) -> frozenset[str]:
        """Return the locations that `user` has muted at `server` (`host:port`)."""
        return frozenset(self._locations.get(_key(server, user), ()))

    def toggle(self, server: str, user: str, location: str) -> bool:
        """Mute or unmute a location. Return whether it is muted now."""
        key = _key(server, user)
        mute = location not in self._locations.get(key, ())
        try:
            with state_lock(self._folder):  # without it if another window does not release it
                # Another window of the same user may have written the file.
                if self._is_written and (stored := self._read()) is not None:
                    self._locations = stored
                self._set(key, location, mute)
                write_private(self._path, json.dumps(self._locations, indent=1))
                self._is_written = True
        except OSError as error:
            self._is_written = False  # this window knows more than the file
            self._set(key, location, mute)
            self._problems.unwritable(
                "Muted places", self._path, error, "They stay muted until you quit."
            )
        return mute

    def _set(self, key: str, location: str, mute: bool) -> None:
        locations = set(self._locations.pop(key, ())) - {location}
        if mute:
            locations.add(location)
        if locations:
            self._locations[key] = sorted(locations)
        for oldest in list(self._locations)[:-_MAX_ACCOUNTS]:
            del self._locations[oldest]

    def _read(self) -> dict[str, list[str]] | None:
        """Return the content of the file, None if it is missing or broken."""
        try:
            data = json.loads(read_regular(self._path, _MAX_BYTES))
        except OSError as error:
            self._problems.unreadable("Muted places", self._path, error, "No place is muted.")
        except (ValueError, RecursionError):
            pass
        else:
            if isinstance(data, dict):
                return {
                    key: [location for location in locations if isinstance(location, str)]
                    for key, locations in data.items()
                    if isinstance(locations, list)
                }
        return None


def _key(server: str, user: str) -> str:
    return f"{server.casefold()} {user}"
