"""Mentions of a user's name in a text. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache


def mentions(text: str, name: str) -> bool:
    """Return True if the text contains the name as a whole word, in any case.

    Names may contain `-` and `.`, so "ann" is not mentioned in "ann-marie". It is in "Thanks, ann."
    """
    folded, name = _fold(text), _fold(name)
    return name in folded and _pattern(name).search(folded) is not None


@lru_cache(maxsize=1000)
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?<!\w[-.]){re.escape(name)}(?!\w)(?![-.]+\w)")


def _fold(text: str) -> str:
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text).casefold()
