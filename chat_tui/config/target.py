"""The server and user of a sign-in, as far as the command line and the settings name them.

The full-screen client and the headless modes use the same rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from chat_tui.account import TLS_PORT, Address

if TYPE_CHECKING:
    from chat_tui.config import Profile
    from chat_tui.storage import LastServer

DEFAULT_HOST: Final = "127.0.0.1"
"""The host of the server if nothing else names one."""


class SignInTarget(NamedTuple):
    """A user at a server, without a password."""

    host: str
    port: int
    user: str
    plaintext: bool
    """True if the connection must not be encrypted, even to a remote host."""
    others: tuple[Address, ...] = ()
    """The other servers of the same chat."""


def sign_in_target(
    profile: Profile | None,
    server: tuple[str, int] | None,
    user: str | None,
    last: LastServer | None,
    os_user: str,
    *,
    plaintext: bool,
    others: tuple[Address, ...] = (),
) -> SignInTarget:
    """Return the target of `profile`, or combine the options, the last sign-in and defaults.

    `server` (host, port) and `user` are options of the command line. `last` fills in what they
    leave open. Without it, the server is `DEFAULT_HOST` on the TLS port and the user is `os_user`.
    `plaintext` and `others` are options for `server` and are never taken from `last`.
    """
    if profile is not None:
        return SignInTarget(
            profile.host, profile.port, profile.user, profile.plaintext, profile.others
        )
    host, port = server or ((last.host, last.port) if last else (DEFAULT_HOST, TLS_PORT))
    return SignInTarget(host, port, user or (last.user if last else os_user), plaintext, others)
