"""Rules for new passwords (protocol, section 3), shared by server and client. Pure."""

from __future__ import annotations

from typing import Final

from chat_server.wire.protocol import clean

MIN_PASSWORD_BYTES: Final = 8
"""Fewest bytes of a new password, in UTF-8."""

MAX_PASSWORD_BYTES: Final = 72
"""Most bytes of a password, in UTF-8. bcrypt ignores every further byte."""


def has_forbidden_characters(password: str) -> bool:
    """Return True if the password has white space or control characters."""
    return clean(password) != password or any(character.isspace() for character in password)


def password_problem(password: str) -> str | None:
    """Return why the server rejects a new password, as a sentence; None if it accepts it."""
    if has_forbidden_characters(password):
        return "A password has no white space and no control characters."
    size = len(password.encode())
    if size < MIN_PASSWORD_BYTES:
        return f"A password has at least {MIN_PASSWORD_BYTES} bytes; this one has {size}."
    if size > MAX_PASSWORD_BYTES:
        return f"A password has at most {MAX_PASSWORD_BYTES} bytes; this one has {size}."
    return None
