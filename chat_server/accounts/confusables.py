"""Confusable names: a new account must not have a name that looks like another's. Pure.

Two names are confusable in each of these cases:

* They are equal in Unicode's compatibility form (NFKC), ignoring case: `Alice`, `ａｌｉｃｅ`.
* They are so after invisible characters (variation selectors, fillers) are removed and each
  Cyrillic or Greek letter that looks like a Latin one is replaced by it: `аlice` with a
  Cyrillic `а`.
* They differ only in characters that many fonts draw alike: `l`, `I` and `1`; `O` and `0`.

Not covered: other scripts that imitate Latin (Armenian, Cherokee, mathematical letters that NFKC
does not fold), pairs of letters (`rn` for `m`), accents that are hard to see, and combinations of
these cases in capitals. Unicode's own list (UTS #39) has thousands of entries. These are the ones
that attackers try.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

# Letters and marks that a name may contain although they are drawn as nothing.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)

_LATIN: Final = str.maketrans(
    # Cyrillic, then Greek. Capitals and small letters are separate: they look like different ones.
    # Last, Latin letters that look like other Latin letters.
    "АВЕЅІЈКМНОРСТУХԚԜҮӀаеѕіјкорсухԁһԛԝүӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυχγıɑɡ",
    "ABESIJKMHOPCTYXQWYIaesijkopcyxdhqwylABEZHIKMNOPTYXaikvopuxyiag",
)

_CONFUSABLES: Final = str.maketrans("I10O", "lloo")


def find_confusable(name: str, others: Iterable[str]) -> str | None:
    """Return the first of `others` that `name` equals or could be mistaken for, or None."""
    skeletons = _skeletons(name)
    for other in others:
        if any(a == b for a, b in zip(skeletons, _skeletons(other), strict=True)):
            return other
    return None


def _skeletons(name: str) -> tuple[str, str, str]:
    """Return the forms to compare. Two names are confusable if one form is equal."""
    compatible = unicodedata.normalize("NFKC", name)
    latin = _INVISIBLE.sub("", compatible).translate(_LATIN)
    return _fold(compatible), _fold(latin), latin.translate(_CONFUSABLES)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold())
