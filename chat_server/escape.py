"""Escaping of text from outside for log lines and errors: one line, harmless, short. Pure."""

from __future__ import annotations

from typing import Final

MAX_ESCAPED_LENGTH: Final = 64
"""A name from outside is truncated after this many characters."""


def one_line(text: str) -> str:
    r"""Return `text` with everything not printable as `\x1b`, `\u202e` or `\U000e0001`.

    For the server's own sentences, of any length, which may contain text from outside.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable(text: str) -> str:
    """Return a word from outside like `one_line`, backslashes doubled, `...` after 64 characters.

    A doubled backslash distinguishes an original backslash from an escape.
    """
    shown = one_line(text[:MAX_ESCAPED_LENGTH].replace("\\", "\\\\"))
    return shown if len(text) <= MAX_ESCAPED_LENGTH else shown + "..."


def format_address(host: str, port: int) -> str:
    """Return host and port as one word. An IPv6 host is in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def quoted(text: str) -> str:
    r"""Return `text` as `printable` makes it, in single quotes. A quote in it becomes `\'`.

    So no name can end the quotation and imitate the server's own text after it.
    """
    return "'" + printable(text).replace("'", "\\'") + "'"
