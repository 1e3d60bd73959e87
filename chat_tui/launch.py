"""The options with which the full-screen client starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chat_tui.account import Address
from chat_tui.config import Configuration, Settings

if TYPE_CHECKING:
    from chat_tui.local_server import LocalServer


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """Options of the command line, completed from the settings and the last sign-in."""

    host: str
    port: int
    user: str
    room: str | None = None
    """The room to enter first. None: the room that the server chooses."""
    start_local: Callable[[], LocalServer] | None = None
    """Starts the server of `--local`. Blocks. None without `--local`."""
    configuration: Configuration = field(default_factory=Configuration)
    """The settings file as it was at the start. F5 reads it again."""
    profile: str | None = None
    """The profile that the login form starts with. None: the profile of this user and server, if
    there is one."""
    plaintext: bool = False
    """True if the connection must not be encrypted. Applies only to this host and port."""
    others: tuple[Address, ...] = ()
    """The other servers of the same chat. Applies only to this host and port."""
    local_accounts: tuple[str, ...] = ()
    """The demo accounts of the server of `--local`, as far as they are known before its start."""

    @property
    def settings(self) -> Settings:
        """The settings at the start."""
        return self.configuration.settings
