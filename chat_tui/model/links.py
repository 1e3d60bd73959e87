"""Links in what somebody said: where they stand, and where they really lead."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

# Up to what can't be in an address, or would hide a part of it from who reads: spaces, quotes,
# characters without width, and what stands for a control character.
_LINK: Final = re.compile(
    '(?<![a-z0-9])https?://[^\\s<>"`{}|\\\\^\u00ad\u180e\u200b-\u200f\u2018-\u201f\u2028-\u202f'
    "\u2060-\u206f\u2400-\u2426\u3000-\u3003\u3008-\u3011\ufe00-\ufe0f\ufeff\ufffd]+",
    re.IGNORECASE,
)
_TRAILING_PUNCTUATION: Final = ".,;:!?'*_~…。、！？）"
_PAIRS: Final = {")": "(", "]": "["}


class Link(NamedTuple):
    """An address, and the characters of the text where it stands."""

    start: int
    end: int
    target: str


def find_links(text: str) -> list[Link]:
    """Every http and https address in `text`, from left to right; nothing else is a link."""
    if "://" not in text:
        return []
    found = []
    for match in _LINK.finditer(text):
        target = _trim_trailing(match[0])
        if _host(target):
            found.append(Link(match.start(), match.start() + len(target), target))
    return found


def link_host(target: str) -> str:
    """The machine that a link leads to, as the network knows it.

    Letters that are not ASCII are told as `xn--…`: some of them look like others.
    """
    host = _host(target)
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return ascii(host)[1:-1]


def _host(target: str) -> str:
    try:
        return urlsplit(target).hostname or ""
    except ValueError:  # http://[1
        return ""


def _trim_trailing(found: str) -> str:
    """The address alone: a full stop ends the sentence, and a bracket was opened before it."""
    while found:
        last = found[-1]
        opened = _PAIRS.get(last)
        is_extra = opened is not None and found.count(last) > found.count(opened)
        if last not in _TRAILING_PUNCTUATION and not is_extra:
            break
        found = found[:-1]
    return found
