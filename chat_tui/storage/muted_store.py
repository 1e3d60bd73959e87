"""The muted rooms and conversations, kept on disk."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Final

from chat_tui.storage.private_files import write_private

_FILE: Final = "muted.json"

_MAX_ACCOUNTS: Final = 200
"""Accounts whose muted places are kept: those changed last."""


class MuteStore:
    """The muted places of each user at each server, and the file that holds them.

    It never raises for the file: a missing or broken file mutes nothing. If the file can't be
    written, a change lasts until the client exits. Called only by the UI thread.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._places = self._read()

    def places(self, server: str, user: str) -> frozenset[str]:
        """Return the places that `user` has muted at `server` (`host:port`)."""
        return frozenset(self._places.get(_key(server, user), ()))

    def toggle(self, server: str, user: str, place: str) -> bool:
        """Mute or unmute a place. Return whether it is muted now."""
        # Another client of the same user may have written the file.
        self._places = self._read() or self._places
        key = _key(server, user)
        places = set(self._places.pop(key, ()))
        places ^= {place}
        if places:
            self._places[key] = sorted(places)
        for oldest in list(self._places)[:-_MAX_ACCOUNTS]:
            del self._places[oldest]
        with suppress(OSError):
            write_private(self._path, json.dumps(self._places, indent=1))
        return place in places

    def _read(self) -> dict[str, list[str]]:
        with suppress(OSError, ValueError, RecursionError):
            data = json.loads(self._path.read_bytes())
            if isinstance(data, dict):
                return {
                    key: [place for place in places if isinstance(place, str)]
                    for key, places in data.items()
                    if isinstance(places, list)
                }
        return {}


def _key(server: str, user: str) -> str:
    return f"{server.casefold()} {user}"
