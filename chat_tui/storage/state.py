"""Client state between sessions: the last sign-in, and "follow everyone" for each server."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from platformdirs import user_state_path

from chat_tui.storage.muted_store import MuteStore
from chat_tui.storage.private_files import write_private
from chat_tui.storage.problems import StorageProblems

_FILE: Final = "client.json"

_MAX_SERVERS: Final = 200
"""Servers whose "follow everyone" choice is kept: those used last."""


def state_folder() -> Path:
    """Return the state folder of the client. It may not exist yet."""
    return user_state_path("lobby-chat", appauthor=False)


@dataclass(frozen=True, slots=True)
class LastServer:
    """The server and user of the last successful sign-in."""

    host: str
    port: int
    user: str
    profile: str = ""
    """The name of the profile. Empty if the sign-in used none."""


class ClientState:
    """The client state and the file that holds it. Called only by the UI thread.

    It never raises for the file: a missing or broken file counts as empty, and a write error is
    ignored.
    """

    def __init__(self, folder: Path) -> None:
        """Read the state from `folder`."""
        self.folder = folder
        self._path = folder / _FILE
        self.last: LastServer | None = None
        """The last successful sign-in. None before the first one."""
        self.problems = StorageProblems()
        """Problems with the files in the folder that the user has not seen yet."""
        self.muted = MuteStore(folder)
        self._follow: dict[str, bool] = {}
        with suppress(OSError, ValueError, RecursionError):
            self._load(json.loads(self._path.read_bytes()))

    def follows_everyone(self, host: str, port: int) -> bool:
        """Return the last choice of "follow everyone" for this server. True at the first visit."""
        return self._follow.get(_key(host, port), True)

    def signed_in(
        self, host: str, port: int, user: str, follow_everyone: bool, profile: str = ""
    ) -> None:
        """Store a successful sign-in."""
        self.last = LastServer(host, port, user, profile)
        key = _key(host, port)
        self._follow.pop(key, None)
        self._follow[key] = follow_everyone
        for oldest in list(self._follow)[:-_MAX_SERVERS]:
            del self._follow[oldest]
        with suppress(OSError):
            self._save()

    def _load(self, data: object) -> None:
        """Take over the valid parts of the file."""
        if not isinstance(data, dict):
            return
        last = data.get("last")
        if isinstance(last, dict):
            host, port, user = last.get("host"), last.get("port"), last.get("user")
            if isinstance(host, str) and isinstance(user, str) and type(port) is int:
                profile = last.get("profile")
                name = profile if isinstance(profile, str) else ""
                self.last = LastServer(host, port, user, name)
        follow = data.get("follow_everyone")
        if isinstance(follow, dict):
            self._follow = {
                key: choice for key, choice in follow.items() if isinstance(choice, bool)
            }

    def _save(self) -> None:
        """Write the file atomically. Raises `OSError`."""
        assert self.last is not None
        data = {"last": asdict(self.last), "follow_everyone": self._follow}
        write_private(self._path, json.dumps(data, indent=1))


def _key(host: str, port: int) -> str:
    return f"{host.strip().casefold()} {port}"
