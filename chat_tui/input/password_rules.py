"""Validate the password form before the server is asked. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from chat_server.wire import MAX_PASSWORD_BYTES, MIN_PASSWORD_BYTES, has_forbidden_characters

RULES: Final = (
    f"New password: {MIN_PASSWORD_BYTES} to {MAX_PASSWORD_BYTES} bytes, no white space,"
    " no control characters, not the old one."
)
"""The rules in one line, for the form."""


class FieldError(NamedTuple):
    """Why the form cannot be sent, and the field to correct."""

    field: str
    """`old`, `new` or `again`."""
    message: str


def validate(old: str, new: str, confirmation: str) -> FieldError | None:
    """Return the first error in the form, or None if it can be sent."""
    if not old:
        return FieldError("old", "Type the password that you have now.")
    if has_forbidden_characters(old):
        return FieldError("old", "A password has no white space: this is not the old one.")
    if not new:
        return FieldError("new", "Type the password that you want.")
    if has_forbidden_characters(new):
        return FieldError("new", "A password has no white space and no control characters.")
    size = len(new.encode())
    if size < MIN_PASSWORD_BYTES:
        return FieldError(
            "new", f"A password has at least {MIN_PASSWORD_BYTES} bytes; the new one has {size}."
        )
    if size > MAX_PASSWORD_BYTES:
        return FieldError(
            "new", f"A password has at most {MAX_PASSWORD_BYTES} bytes; the new one has {size}."
        )
    if new == old:
        return FieldError("new", "The new password is the same as the old one.")
    if confirmation != new:
        return FieldError("again", "The new password is not the same both times. Type it again.")
    return None
