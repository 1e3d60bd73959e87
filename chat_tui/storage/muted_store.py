"""The muted rooms and conversations, kept on disk."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Final

from chat_tui.storage.private_files import write_private

_FILE: Final = "muted.json"

_MAX_ACCOUNTS: Final = 200
"""Accounts whose muted locations are kept: those changed last."""


class MuteStore:
    """The muted locations of each user at each server, and the file that holds them.

    It never raises for the file: a missing or broken file mutes nothing. If the file can't be
    written, a change lasts until the client exits. Called only by the UI thread.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._locations = self._read()

    def locations(self, server: str, user: str) -> frozenset[str]:
        """Return the locations that `user` has muted at `server` (`host:port`)."""
        return frozenset(self._locations.get(_key(server, user), ()))

    def toggle(self, server: str, user: str, location: str) -> bool:
        """Mute or unmute a location. Return whether it is muted now."""
        # Another client of the same user may have written the file.
        self._locations = self._read() or self._locations
        key = _key(server, user)
        locations = set(self._locations.pop(key, ()))
        locations ^= {location}
        if locations:
            self._locations[key] = sorted(locations)
        for oldest in list(self._locations)[:-_MAX_ACCOUNTS]:
            del self._locations[oldest]
        with suppress(OSError):
            write_private(self._path, json.dumps(self._locations, indent=1))
        return location in locations

    def _read(self) -> dict[str, list[str]]:
        with suppress(OSError, ValueError, RecursionError):
            data = json.loads(self._path.read_bytes())
            if isinstance(data, dict):
                return {
                    key: [location for location in locations if isinstance(location, str)]
                    for key, locations in data.items()
                    if isinstance(locations, list)
                }
        return {}


def _key(server: str, user: str) -> str:
    return f"{server.casefold()} {user}"
