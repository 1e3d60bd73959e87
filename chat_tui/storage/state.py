"""Client state between sessions: the last sign-in, the theme, and "follow everyone" for servers."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from platformdirs import user_state_path

from chat_tui.storage.file_lock import state_lock
from chat_tui.storage.muted_store import MuteStore
from chat_tui.storage.private_files import read_regular, write_private
from chat_tui.storage.problems import StorageProblems

_FILE: Final = "client.json"

_MAX_BYTES: Final = 1 << 20
"""Largest file that is read, in bytes."""

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
    reported in `problems`.
    """

    def __init__(self, folder: Path) -> None:
        """Read the state from `folder`."""
        self.folder = folder
        self._path = folder / _FILE
        self.last: LastServer | None = None
        """The last successful sign-in. None before the first one."""
        self.problems = StorageProblems()
        """Problems with the files in the folder that the user has not seen yet."""
        self.muted = MuteStore(folder, self.problems)
        self._follow: dict[str, bool] = {}
        self.theme = ""
        """The theme that the user chose in the palette, "" if none."""
        self._read()

    def follows_everyone(self, host: str, port: int) -> bool:
        """Return the last choice of "follow everyone" for this server. True at the first visit."""
        return self._follow.get(_key(host, port), True)

    def signed_in(
        self, host: str, port: int, user: str, follow_everyone: bool, profile: str = ""
    ) -> None:
        """Store a successful sign-in."""
        try:
            with state_lock(self.folder):  # without it if another window does not release it
                self._read()  # another window may have written the file
                self._set_last(LastServer(host, port, user, profile), follow_everyone)
                self._save()
        except OSError as error:
            self._set_last(LastServer(host, port, user, profile), follow_everyone)
            self.problems.unwritable(
                "The last sign-in", self._path, error, "The next start does not know it."
            )

    def _set_last(self, last: LastServer, follow_everyone: bool) -> None:
        self.last = last
        key = _key(last.host, last.port)
        self._follow.pop(key, None)
        self._follow[key] = follow_everyone
        for oldest in list(self._follow)[:-_MAX_SERVERS]:
            del self._follow[oldest]

    def _read(self) -> None:
        """Take over the file as far as it is valid."""
        try:
            with suppress(ValueError, RecursionError):
                self._load(json.loads(read_regular(self._path, _MAX_BYTES)))
        except OSError as error:
            self.problems.unreadable(
                "The last sign-in", self._path, error, "The form shows the defaults."
            )

    def keep_theme(self, name: str) -> bool:
        """Store the theme that the user chose. Return False if it could not be written."""
        try:
            with state_lock(self.folder):
                self._read()  # another window may have written the file
                self.theme = name
                self._save()
        except OSError as error:
            self.theme = name
            self.problems.unwritable(
                "The theme", self._path, error, "The next start uses the former one."
            )
            return False
        return True

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
        theme = data.get("theme")
        self.theme = theme if isinstance(theme, str) else ""
        follow = data.get("follow_everyone")
        if isinstance(follow, dict):
            choices = {key: choice for key, choice in follow.items() if isinstance(choice, bool)}
            self._follow = {
                **{key: choice for key, choice in self._follow.items() if key not in choices},
                **choices,
            }

    def _save(self) -> None:
        """Write the file atomically. Raises `OSError`."""
        last = None if self.last is None else asdict(self.last)
        data = {"last": last, "follow_everyone": self._follow, "theme": self.theme}
        write_private(self._path, json.dumps(data, indent=1))


def _key(host: str, port: int) -> str:
    return f"{host.strip().casefold()} {port}"
