"""Who signs in, and where, as far as the command line says; the same with a screen and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chat_tui.account import PORT

if TYPE_CHECKING:
    from chat_tui.configuration import Profile
    from chat_tui.storage.state import LastServer

HOST: Final = "127.0.0.1"
"""Where a server is looked for, where nothing says where."""


def whom(
    profile: Profile | None,
    server: tuple[str, int] | None,
    user: str | None,
    last: LastServer | None,
    user_here: str,
) -> tuple[str, int, str]:
    """Host, port and user: those of the profile, else as asked, else as last time, else a guess."""
    if profile is not None:
        return profile.host, profile.port, profile.user
    host, port = server or ((last.host, last.port) if last else (HOST, PORT))
    return host, port, user or (last.user if last else user_here)
