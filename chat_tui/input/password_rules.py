"""Which passwords can be new ones: what the form tells before it asks a server. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from chat_server.wire import clean

MIN_BYTES: Final = 8
"""Bytes in UTF-8 that a password has at least."""

MAX_BYTES: Final = 72
"""Bytes that it has at most: what bcrypt, which keeps it, looks at."""

RULES: Final = (
    f"The new one: {MIN_BYTES} to {MAX_BYTES} bytes, no white space,"
    " no control characters, not the old one."
)
"""In one line."""


class FieldError(NamedTuple):
    """Why a change can't be asked for, and what has to be corrected."""

    field: str
    """`old`, `new` or `again`."""
    message: str


def validate(old: str, new: str, confirmation: str) -> FieldError | None:
    """What is wrong with a form filled in so; None: it can be sent."""
    if not old:
        return FieldError("old", "Type the password that you have now.")
    if _has_space(old):
        return FieldError("old", "There is no white space in a password: this is not the old one.")
    if not new:
        return FieldError("new", "Type the password that you want.")
    if _has_space(new):
        return FieldError("new", "No white space and no control characters in the new one, please.")
    size = len(new.encode())
    if size < MIN_BYTES:
        return FieldError(
            "new", f"A password has at least {MIN_BYTES} bytes; the new one has {size}."
        )
    if size > MAX_BYTES:
        return FieldError(
            "new", f"A password has at most {MAX_BYTES} bytes; the new one has {size}."
        )
    if new == old:
        return FieldError("new", "The new one is the same as the old one.")
    if confirmation != new:
        return FieldError("again", "The new one is not the same both times. Type it again.")
    return None


def _has_space(password: str) -> bool:
    return clean(password) != password or any(letter.isspace() for letter in password)
