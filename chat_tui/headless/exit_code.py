"""The exit codes of the headless modes."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes. Scripts depend on them: see docs/client-reference.md. Never renumber them."""

    DONE = 0
    """All messages are confirmed."""
    UNCONFIRMED = 1
    """A message was not sent, or may not have arrived."""
    USAGE = 2
    """The command line or the settings are wrong."""
    REJECTED = 3
    """The server rejected this user and password, or ended the session for good."""
    NO_CONNECTION = 4
    """The server is not reachable, or accepts no logins now. A retry may work later."""
    UNTRUSTED = 5
    """The server's key is unknown or has changed, or the file of trusted keys can't be read.
    Nothing was sent."""
