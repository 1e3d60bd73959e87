"""What comes of a try to reach a server, as values."""

from __future__ import annotations

from dataclasses import dataclass

from chat_server.wire import Stream


@dataclass(frozen=True, slots=True)
class Connected:
    """Connected; nothing of a login was sent. Whoever takes it closes `stream`."""

    stream: Stream
    port: int
    """Where it really is: another one than was asked for, where a server of this machine speaks
    plain text."""
    fingerprint: str = ""
    """Of the server's key, which is trusted; empty where nothing is encrypted."""


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    """There is no getting to it. `retry`: the same may work later.

    `untrusted`: nobody can tell whether its key is trusted.
    """

    reason: str
    retry: bool = True
    untrusted: bool = False


@dataclass(frozen=True, slots=True)
class UnknownKey:
    """It is there and encrypts, but nobody has said yet that this is its key. Not connected."""

    fingerprint: str
    why: str
    """Why somebody has to be asked: a sentence."""


@dataclass(frozen=True, slots=True)
class ChangedKey:
    """It has another key than the one that was trusted. Not connected."""

    trusted: str
    seen: str
    pinned: bool
    """Whether the trusted one is kept in the file, and not only for this run."""


Outcome = Connected | ConnectFailed | UnknownKey | ChangedKey
