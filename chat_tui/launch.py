"""What the client begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chat_tui.config import Configuration, Settings

if TYPE_CHECKING:
    from chat_tui.local_server import LocalServer


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """What the command line and the settings of the person asked for."""

    host: str
    port: int
    user: str
    room: str | None = None
    start_local: Callable[[], LocalServer] | None = None
    """Starts the server of `--local`; blocks. None: there is to be none."""
    configuration: Configuration = field(default_factory=Configuration)
    """What the file of one's own says; F5 reads it again."""
    profile: str | None = None
    """The profile that the form begins with; None: the one of this user and server, if any."""
    plaintext: bool = False
    """Whether nothing is to be encrypted, at this host and port alone."""

    @property
    def settings(self) -> Settings:
        """What is set, at first."""
        return self.configuration.settings
