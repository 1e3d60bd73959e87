"""Who signs in, and where, as far as the command line says; the same with a screen and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from chat_tui.account import TLS_PORT

if TYPE_CHECKING:
    from chat_tui.config import Profile
    from chat_tui.storage import LastServer

DEFAULT_HOST: Final = "127.0.0.1"
"""Where a server is looked for, where nothing says where."""


class SignInTarget(NamedTuple):
    """A user at a server. `plaintext`: nothing is to be encrypted, wherever that is."""

    host: str
    port: int
    user: str
    plaintext: bool


def sign_in_target(
    profile: Profile | None,
    server: tuple[str, int] | None,
    user: str | None,
    last: LastServer | None,
    os_user: str,
    *,
    plaintext: bool,
) -> SignInTarget:
    """Those of the profile, else as asked, else as last time, else a guess.

    `plaintext` was asked for, for `server`: it is never remembered from the last time.
    """
    if profile is not None:
        return SignInTarget(profile.host, profile.port, profile.user, profile.plaintext)
    host, port = server or ((last.host, last.port) if last else (DEFAULT_HOST, TLS_PORT))
    return SignInTarget(host, port, user or (last.user if last else os_user), plaintext)
