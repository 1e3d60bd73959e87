"""Links in messages: where they are in the text."""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple

# A link ends before a character that cannot be in an address, or that would hide a part of it from
# the reader: spaces, quotes, characters without width, and pictures of control characters. It also
# ends at full-width and CJK punctuation, because no space is written next to it. The letters among
# these signs, such as U+3005, and the middle dot of Japanese names belong to an address. So does
# a joiner between letters of a script that is shaped by it, such as Arabic or Devanagari, and the
# variation selector of an emoji: a link that ended there might lead to another host.
_LINK: Final = re.compile(
    "(?<![a-z0-9])https?://(?:(?<=[\u0600-\u0dff])[\u200c\u200d](?=[\u0600-\u0dff])"
    "|(?<=[\u2100-\u2bff\U0001f000-\U0001faff])\ufe0f"
    '|[^\\s<>"`{}|\\\\^\u00ab\u00ad\u00bb\u034f\u115f\u1160\u17b4\u17b5\u180e'
    "\u200b-\u200f\u2018-\u201f\u2028-\u202f\u2039\u203a\u2060-\u206f\u2400-\u2426\u2800"
    "\u3000-\u3004\u3008-\u3020\u3030\u303d\u3164\ufe00-\ufe19\ufe30-\ufe6b\ufeff"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff64\uffa0\ufff0-\uffff"
    "\U000e0000-\U000e0fff])+",
    re.IGNORECASE,
)
_HAS_HOST: Final = re.compile(
    r"https?://(?:[^/?#]*@)?(?:\[[^]/?#]+\]|[^\[/?#:]*\w)", re.IGNORECASE
).match
_TRAILING_PUNCTUATION: Final = ".,;:!?'*_~"
_OPENING: Final = {")": "(", "]": "["}


class Link(NamedTuple):
    """An address (`target`), and its first character and the one after its last in the text."""

    start: int
    end: int
    target: str


def find_links(text: str) -> list[Link]:
    """Return every http and https address in `text`, from left to right. No other scheme counts.

    `resolve_link` returns where one leads, or why it leads nowhere.
    """
    if "://" not in text:
        return []
    found = []
    position = 0
    while match := _LINK.search(text, position):
        start = match.start()
        target = _without_sentence(match[0], quoted=text[start - 1 : start] == "'")
        # What was cut off may hold another link.
        position = start + max(len(target), len("http://"))
        if _HAS_HOST(target):
            found.append(Link(start, start + len(target), target))
    return found


def _without_sentence(found: str, *, quoted: bool) -> str:
    """Remove what belongs to the sentence around a link.

    That is punctuation at its end, and everything from a bracket or quote that was opened before
    the link.
    """
    opened = {"(": 0, "[": 0}
    for index, character in enumerate(found):
        if character in opened:
            opened[character] += 1
        elif character in _OPENING:
            opened[_OPENING[character]] -= 1
            if opened[_OPENING[character]] < 0:
                found = found[:index]
                break
        elif character == "'" and quoted:
            found = found[:index]
            break
    end = len(found)
    while end and _ends_sentence(found[end - 1]):
        end -= 1
    return found[:end]


def _ends_sentence(character: str) -> bool:
    if character.isascii():
        return character in _TRAILING_PUNCTUATION
    return unicodedata.category(character).startswith("P")
