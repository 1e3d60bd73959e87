"""Links in messages: where they are in the text, and which host they lead to."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

# A link ends before a character that cannot be in an address, or that would hide a part of it from
# the reader: spaces, quotes, characters without width, and pictures of control characters.
_LINK: Final = re.compile(
    '(?<![a-z0-9])https?://[^\\s<>"`{}|\\\\^\u00ad\u180e\u200b-\u200f\u2018-\u201f\u2028-\u202f'
    "\u2060-\u206f\u2400-\u2426\u3000-\u3003\u3008-\u3011\ufe00-\ufe0f\ufeff\ufffd]+",
    re.IGNORECASE,
)
_TRAILING_PUNCTUATION: Final = ".,;:!?'*_~…。、！？）"
_PAIRS: Final = {")": "(", "]": "["}


class Link(NamedTuple):
    """An address (`target`), and its first character and the one after its last in the text."""

    start: int
    end: int
    target: str


def find_links(text: str) -> list[Link]:
    """Return every http and https address in `text`, from left to right. No other scheme counts."""
    if "://" not in text:
        return []
    found = []
    for match in _LINK.finditer(text):
        target = _trim_trailing(match[0])
        if _host(target):
            found.append(Link(match.start(), match.start() + len(target), target))
    return found


def link_host(target: str) -> str:
    """Return the host that a link leads to, as it is resolved.

    A name that is not ASCII is returned as `xn--…`: some letters look like others.
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
    """Remove the punctuation of the sentence: full stops, and brackets opened before the link."""
    while found:
        last = found[-1]
        opened = _PAIRS.get(last)
        is_extra = opened is not None and found.count(last) > found.count(opened)
        if last not in _TRAILING_PUNCTUATION and not is_extra:
            break
        found = found[:-1]
    return found
