"""Text from outside made safe for a terminal, once, where it enters the model."""

from __future__ import annotations

import re
from typing import Final

MAX_NAME_SHOWN: Final = 64
"""Most characters of a name that are kept: other servers may have other limits than ours."""

_TAB: Final = "    "
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_NEW_LINE_SIGN: Final = "\N{SYMBOL FOR NEWLINE}"

# ESC and C1 begin terminal sequences; bidi overrides, embeddings and isolates reorder what stands
# beside them; U+2028 and U+2029 break lines in str.splitlines; U+FFF9 to U+FFFB hide text; a lone
# surrogate can't be written to a terminal at all. The weak marks U+061C, U+200E, U+200F and the
# byte order mark are no harm in a sentence, but nothing that a terminal has to hear of.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"
)


def safe_text(text: str) -> str:
    """`text` on one line that a terminal only shows and never obeys.

    C0 and DEL stand as their control pictures, a TAB as spaces, C1, bidi controls and lone
    surrogates as U+FFFD. Applying it twice changes nothing. Markup is not touched: widgets draw
    text, they never parse it.
    """
    if text.isprintable():
        return text
    return _UNSAFE.sub(_escape, text)


def safe_name(name: str) -> str:
    """A name of a user or a room, safe and not endless."""
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
