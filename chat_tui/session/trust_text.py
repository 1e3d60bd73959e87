"""What there is to say about the key of a server, on a screen and without one. Pure."""

from __future__ import annotations

import shlex
from typing import Final

from chat_tui.events import KeyChanged, KeyUnknown

COMPARE: Final = (
    "The server prints this when it starts. Ask whoever runs it, by another way than this one."
)

CHANGED: Final = (
    "Either somebody is in between and reads along, or the server has a new key. Ask whoever runs "
    "it, by another way than this one."
)


def unknown_key_text(event: KeyUnknown) -> str:
    """One line for a script that nobody watches."""
    add = f"chat-tui trust add {shlex.quote(event.server)} {event.fingerprint}"
    return (
        f"the key of {event.server} is not known, so nothing was sent. {event.why} Its "
        f"fingerprint is {event.fingerprint}. If whoever runs the server says the same: {add}"
    )


def changed_key_text(event: KeyChanged) -> str:
    """The same where it is another than the trusted one."""
    return (
        f"the key of {event.server} has changed, so nothing was sent. Trusted: {event.trusted}. "
        f"Now: {event.seen}. {CHANGED} {changed_key_hint(event)}"
    )


def changed_key_hint(event: KeyChanged) -> str:
    """The only way on."""
    if event.pinned:
        return f"If whoever runs it says so: chat-tui trust forget {shlex.quote(event.server)}"
    return "The other was trusted for this run alone: to be asked anew, quit and start again."
