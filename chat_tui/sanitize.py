"""Text from outside made safe for a terminal. It is applied once, when text enters the model."""

from __future__ import annotations

import re
from typing import Final

MAX_NAME_SHOWN: Final = 64
"""Longest name that is kept, in characters. Other servers may allow longer names than ours."""

_TAB: Final = "    "
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_NEW_LINE_SIGN: Final = "\N{SYMBOL FOR NEWLINE}"

# ESC and C1 start terminal sequences. Bidi overrides, embeddings and isolates reorder the text
# around them. U+2028 and U+2029 break lines in str.splitlines. U+FFF9 to U+FFFB hide text. A lone
# surrogate can't be written to a terminal at all. The weak marks U+061C, U+200E, U+200F and the
# byte order mark are harmless in a sentence, but terminals do not need them: they are dropped.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"
)

# A joiner joins the character before it. With nothing visible there, rich measures the character
# after it as 0 cells, and a terminal would not show it.
_LONE_JOINER: Final = re.compile("(?<![^\\s\u200b\u2060])\u200d+")


def safe_text(text: str) -> str:
    """Return `text` as one line without any control sequence for the terminal.

    C0 and DEL become control pictures, a TAB becomes spaces, and C1, bidi controls and lone
    surrogates become U+FFFD. A zero-width joiner with nothing to join is removed. The function is
    idempotent. It leaves markup alone: widgets draw text and never parse it.
    """
    if text.isprintable():
        return text
    return _LONE_JOINER.sub("", _UNSAFE.sub(_escape, text))


def safe_name(name: str) -> str:
    """Return the name of a user or a room, safe and truncated to `MAX_NAME_SHOWN` characters."""
    return safe_text(name[: MAX_NAME_SHOWN + 1])[:MAX_NAME_SHOWN]


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if character == "\t":
        return _TAB
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    if character in "\u2028\u2029":
        return _NEW_LINE_SIGN
    if character in "\u061c\u200e\u200f\ufeff":
        return ""
    return _REPLACEMENT
