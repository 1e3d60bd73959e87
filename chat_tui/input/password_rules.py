"""Which passwords can be new ones: what the form tells before it asks a server. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from chat_server.wire.protocol import clean

LEAST: Final = 8
"""Bytes in UTF-8 that a password has at least."""

MOST: Final = 72
"""Bytes that it has at most: what bcrypt, which keeps it, looks at."""

RULES: Final = (
    f"The new one: {LEAST} to {MOST} bytes, no white space, no control characters, not the old one."
)
"""In one line."""


class Wrong(NamedTuple):
    """Why a change can't be asked for, and what has to be corrected."""

    field: str
    """`old`, `new` or `again`."""
    words: str


def wrong_with(old: str, new: str, again: str) -> Wrong | None:
    """What is wrong with a form filled in so; None: it can be sent."""
    if not old:
        return Wrong("old", "Type the password that you have now.")
    if _has_space(old):
        return Wrong("old", "There is no white space in a password: this is not the old one.")
    if not new:
        return Wrong("new", "Type the password that you want.")
    if _has_space(new):
        return Wrong("new", "No white space and no control characters in the new one, please.")
    size = len(new.encode())
    if size < LEAST:
        return Wrong("new", f"A password has at least {LEAST} bytes; the new one has {size}.")
    if size > MOST:
        return Wrong("new", f"A password has at most {MOST} bytes; the new one has {size}.")
    if new == old:
        return Wrong("new", "The new one is the same as the old one.")
    if again != new:
        return Wrong("again", "The new one is not the same both times. Type it again.")
    return None


def _has_space(password: str) -> bool:
    return clean(password) != password or any(letter.isspace() for letter in password)
