"""Names that a reader may take for each other: one of them can be nobody's new name. Pure.

Two names are alike where they

* are equal in Unicode's compatibility form (NFKC) without regard to case: `Alice`, `ａｌｉｃｅ`;
* or are so once what nobody sees is gone (variation selectors, fillers) and each letter of Cyrillic
  or Greek that looks like a Latin one is that one: `аlice` with a Cyrillic `а`;
* or differ only in signs that many fonts draw alike: `l`, `I` and `1`; `O` and `0`.

Not covered: other scripts that imitate Latin (Armenian, Cherokee, mathematical letters that NFKC
does not fold), pairs of letters (`rn` for `m`), accents that are hard to see, and more than one of
these at a time in capitals. Unicode's own list (UTS #39) has thousands; these are what is tried.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

# Those that a name may hold: letters and marks that are drawn as nothing.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)

_LATIN: Final = str.maketrans(
    # Cyrillic, then Greek: capitals and small letters apart, for they resemble different ones.
    # Last, what Latin itself has of that kind.
    "АВЕЅІЈКМНОРСТУХԚԜҮӀаеѕіјкорсухԁһԛԝүӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυχγıɑɡ",
    "ABESIJKMHOPCTYXQWYIaesijkopcyxdhqwylABEZHIKMNOPTYXaikvopuxyiag",
)

_CONFUSABLES: Final = str.maketrans("I10O", "lloo")


def find_confusable(name: str, others: Iterable[str]) -> str | None:
    """The first of `others` that `name` could be taken for, itself included; or None."""
    shapes = _skeletons(name)
    for other in others:
        if any(one == another for one, another in zip(shapes, _skeletons(other), strict=True)):
            return other
    return None


def _skeletons(name: str) -> tuple[str, str, str]:
    """What of a name is compared: two that agree in any of the three look alike."""
    compatible = unicodedata.normalize("NFKC", name)
    latin = _INVISIBLE.sub("", compatible).translate(_LATIN)
    return _fold(compatible), _fold(latin), latin.translate(_CONFUSABLES)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold())
