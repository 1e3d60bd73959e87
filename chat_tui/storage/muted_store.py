"""Which rooms and conversations somebody wants to hear of only when they look there."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Final

from chat_tui.storage.private_files import write_private

_FILE: Final = "muted.json"

_MAX_SESSIONS: Final = 200
"""Users at servers whose places are remembered, the last changed ones."""


class MuteStore:
    """The muted places of each user at each server, and the file that holds them.

    Nothing here is worth a crash: a file that is missing or broken mutes nothing, and one that
    can't be written holds until the client ends. The screen's thread alone calls it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE
        self._places = self._read()

    def places(self, server: str, user: str) -> frozenset[str]:
        """What `user` muted at `server` (`host:port`)."""
        return frozenset(self._places.get(_key(server, user), ()))

    def toggle(self, server: str, user: str, place: str) -> bool:
        """Mute a place, or no longer; whether it is muted now."""
        # Another window of the same person may have written since.
        self._places = self._read() or self._places
        key = _key(server, user)
        places = set(self._places.pop(key, ()))
        places ^= {place}
        if places:
            self._places[key] = sorted(places)
        for oldest in list(self._places)[:-_MAX_SESSIONS]:
            del self._places[oldest]
        with suppress(OSError):
            write_private(self._path, json.dumps(self._places, indent=1))
        return place in places

    def _read(self) -> dict[str, list[str]]:
        with suppress(OSError, ValueError, RecursionError):
            kept = json.loads(self._path.read_bytes())
            if isinstance(kept, dict):
                return {
                    key: [place for place in places if isinstance(place, str)]
                    for key, places in kept.items()
                    if isinstance(places, list)
                }
        return {}


def _key(server: str, user: str) -> str:
    return f"{server.casefold()} {user}"
