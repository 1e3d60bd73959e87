"""Text from outside as it may stand in a log line or an error: on one line, harmless, short.

Pure; may be called from any thread.
"""

from __future__ import annotations

from typing import Final

MAX_ESCAPED_LENGTH: Final = 64
"""A name from outside is cut after this many characters."""


def one_line(text: str) -> str:
    r"""`text` with everything that is not printable written as `\x1b`, `\u202e` or `\U000e0001`.

    For our own sentences, of any length, which may hold something from outside.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable(text: str) -> str:
    r"""A word from outside: as `one_line`, a backslash doubled, `...` after 64 characters.

    The doubled backslash tells what was escaped from what was there.
    """
    shown = one_line(text[:MAX_ESCAPED_LENGTH].replace("\\", "\\\\"))
    return shown if len(text) <= MAX_ESCAPED_LENGTH else shown + "..."


def format_address(host: str, port: int) -> str:
    """Host and port in one word; an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def quoted(text: str) -> str:
    r"""`text` as `printable` makes it, in single quotes; a quote in it becomes `\'`.

    So nobody's name can end the quotation and go on as if the program were speaking.
    """
    return "'" + printable(text).replace("'", "\\'") + "'"
