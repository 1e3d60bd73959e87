"""Texts about the key of a server, for the trust screen and for the line mode. Pure."""

from __future__ import annotations

import shlex
from typing import Final

from chat_tui.events import KeyChanged, KeyUnknown

COMPARE: Final = (
    "Compare it with the operator over another channel. The server prints it when it starts."
)

CHANGED: Final = (
    "Either an attacker intercepts the connection, or the server has a new key. "
    "Ask its operator over another channel."
)


def unknown_key_text(event: KeyUnknown) -> str:
    """Return one line for a script or a terminal without a user."""
    add = f"chat-tui trust add {shlex.quote(event.server)} {event.fingerprint}"
    return (
        f"the key of {event.server} is not known, so nothing was sent. {event.why} Its "
        f"fingerprint is {event.fingerprint}. If the server's operator confirms it, run: {add}"
    )


def changed_key_text(event: KeyChanged) -> str:
    """Return one line about a key that differs from the trusted one."""
    return (
        f"the key of {event.server} has changed, so nothing was sent. Trusted: {event.trusted}. "
        f"Now: {event.seen}. {CHANGED} {changed_key_hint(event)}"
    )


def changed_key_hint(event: KeyChanged) -> str:
    """Return what the user can do about a changed key."""
    if event.pinned:
        return (
            "If the server's operator confirms the new key, run: "
            f"chat-tui trust forget {shlex.quote(event.server)}"
        )
    return "The other key was trusted for this run only. To be asked again, restart the client."
