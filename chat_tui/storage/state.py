"""What the client remembers from one time to the next: the last server, and a tick for each."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from platformdirs import user_state_path

from chat_tui.storage.muted_store import MuteStore
from chat_tui.storage.private_files import write_private

_FILE: Final = "client.json"

_MAX_SERVERS: Final = 200
"""Servers whose tick is remembered, the last used ones."""


def state_folder() -> Path:
    """The folder for what the client keeps on this machine; it may not be there yet."""
    return user_state_path("lobby-chat", appauthor=False)


@dataclass(frozen=True, slots=True)
class LastServer:
    """Where somebody signed in last, and as whom."""

    host: str
    port: int
    user: str
    profile: str = ""
    """The name of the profile, where it was with one."""


class ClientState:
    """What is remembered, and the file that holds it. The screen's thread alone calls it.

    Nothing here is worth a crash: a file that is missing, broken or not to be written is as if
    nobody had ever signed in.
    """

    def __init__(self, folder: Path) -> None:
        """Read what `folder` holds."""
        self.folder = folder
        self._path = folder / _FILE
        self.last: LastServer | None = None
        """The last successful sign-in; None at the first time."""
        self.muted = MuteStore(folder)
        self._follow: dict[str, bool] = {}
        with suppress(OSError, ValueError, RecursionError):
            self._load(json.loads(self._path.read_bytes()))

    def follows_everyone(self, host: str, port: int) -> bool:
        """Whether "follow everyone here" was ticked for this server; it is at the first visit."""
        return self._follow.get(_key(host, port), True)

    def signed_in(
        self, host: str, port: int, user: str, follow_everyone: bool, profile: str = ""
    ) -> None:
        """Remember a successful sign-in."""
        self.last = LastServer(host, port, user, profile)
        key = _key(host, port)
        self._follow.pop(key, None)
        self._follow[key] = follow_everyone
        for oldest in list(self._follow)[:-_MAX_SERVERS]:
            del self._follow[oldest]
        with suppress(OSError):
            self._save()

    def _load(self, data: object) -> None:
        """Take over what the file says, as far as it is what it should be."""
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
            self._follow = {key: tick for key, tick in follow.items() if isinstance(tick, bool)}

    def _save(self) -> None:
        """Write the file whole or not at all. Raises `OSError`."""
        assert self.last is not None
        last = asdict(self.last)
        kept = {"last": last, "follow_everyone": self._follow}
        write_private(self._path, json.dumps(kept, indent=1))


def _key(host: str, port: int) -> str:
    return f"{host.strip().casefold()} {port}"
