"""Outcomes of an attempt to connect to a server."""

from __future__ import annotations

from dataclasses import dataclass

from chat_server.wire import Stream


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection to a trusted server. Nothing of the login has been sent."""

    stream: Stream
    """The owner of the outcome closes it."""
    port: int
    """The real port. It differs from the requested one if the client fell back to the plaintext
    port of this machine."""
    fingerprint: str = ""
    """Of the server's key, which is trusted. Empty: unencrypted."""


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """The server cannot be reached."""

    reason: str
    retry: bool = True
    """True if a retry may succeed."""
    untrusted: bool = False
    """True if the client cannot find out whether the server's key is trusted."""


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """The server's key is neither pinned nor certified. The connection is closed."""

    fingerprint: str
    why: str
    """Why the user has to decide: a sentence."""


@dataclass(frozen=True, slots=True)
class ChangedKey:
    """The server has another key than the trusted one. The connection is closed."""

    trusted: str
    seen: str
    pinned: bool
    """True if the trusted key is pinned in the file. False: it is trusted for this run only."""


Outcome = Connected | ConnectFailed | UnknownKey | ChangedKey
