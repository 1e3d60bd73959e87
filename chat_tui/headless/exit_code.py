"""What the client without a screen tells the shell at its end."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Part of what scripts rely on: described in docs/client.md, never renumbered."""

    DONE = 0
    """All that was said is known to have arrived."""
    UNCONFIRMED = 1
    """Something was not sent, or may not have arrived."""
    USAGE = 2
    """The command line asks for what can't be."""
    REJECTED = 3
    """The server does not take this user and password, or ended the session for good."""
    NO_CONNECTION = 4
    """No server was reached, or it takes in nobody now: the same may work later."""
    UNTRUSTED = 5
    """The server's key is not known, or is another than the one that is kept: nothing was sent."""
