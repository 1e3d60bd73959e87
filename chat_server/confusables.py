"""Confusable names: a new account or room must not have a name that looks like another's.

Two names are confusable in each of these cases:

* They are equal in Unicode's compatibility form (NFKC), ignoring case: `Alice`, `ａｌｉｃｅ`.
* They are so after invisible characters (variation selectors, fillers) and marks before the first
  letter are removed, and each letter that looks like one of another script is replaced by it:
  `аlice` with a Cyrillic `а`.
* They have the same skeleton of UTS #39: `l`, `I` and `1`; `O` and `0`; `rn` and `m`.

The look-alikes are those of Unicode's table, `confusables.txt`, and a few more. Not covered:
accents that are hard to see, and the last case in different capitals.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

Look = tuple[str, str, str]
"""The forms of a name to compare, one for each case. Two names are confusable if one is equal."""

# Letters and marks that a name may contain although they are drawn as nothing.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\uffa0\ufe00-\ufe0f\U00013441"
    "\U00013442\U00016fe4\U000e0100-\U000e01ef]"
)

_LATIN: Final = str.maketrans(
    # Cyrillic, then Greek: the pairs that Unicode's table lacks, and those where it loses the case.
    # Last, Latin letters that look like other Latin letters.
    "АВЕЅІЈКМНОРСТУХԚԜҮӀаеѕіјкорсухԁһԛԝүӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυχγıɑɡ",
    "ABESIJKMHOPCTYXQWYIaesijkopcyxdhqwylABEZHIKMNOPTYXaikvopuxyiag",
)

_ASCII_SKELETON: Final = str.maketrans({"I": "l", "1": "l", "0": "o", "O": "o", "m": "rn"})
"""The look-alikes within ASCII, so that a server with only such names does not load the table."""


def find_confusable(name: str, others: Iterable[str]) -> str | None:
    """Return the first of `others` that `name` equals or could be mistaken for, or None."""
    look = look_of(name)
    for other in others:
        if any(a == b for a, b in zip(look, look_of(other), strict=True)):
            return other
    return None


def has_visible_character(name: str) -> bool:
    """Return True if a valid name contains more than fillers and marks of other letters."""
    return any(
        not unicodedata.category(character).startswith("M")
        for character in _INVISIBLE.sub("", name)
    )


@lru_cache(maxsize=4096)
def look_of(name: str) -> Look:
    """Return the forms of a name to compare.

    The first call for a name that is not ASCII loads Unicode's table, which takes 0.05 s and 8 MB.
    """
    if name.isascii():
        folded = name.lower()
        return folded, folded, name.translate(_ASCII_SKELETON)
    compatible = unicodedata.normalize("NFKC", name)
    latin = _INVISIBLE.sub("", compatible).translate(_LATIN)
    decomposed = _without_leading_marks(unicodedata.normalize("NFD", latin))
    replaced = "".join(map(_similar_letter, decomposed))
    skeleton = "".join(_prototypes().get(character, character) for character in decomposed)
    return (
        _fold(compatible),
        _fold(replaced),
        unicodedata.normalize("NFD", skeleton).translate(_ASCII_SKELETON),
    )


def _without_leading_marks(decomposed: str) -> str:
    """Return the name from its first letter: marks before that are drawn on what precedes it."""
    for index, character in enumerate(decomposed):
        if not unicodedata.category(character).startswith("M"):
            return decomposed[index:]
    return decomposed


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold())


def _similar_letter(character: str) -> str:
    """Return what `character` looks like, without mistaking one ASCII letter for another."""
    if character.isascii():
        return character
    prototype = _prototypes().get(character, character)
    if prototype == "1" and not character.isdecimal():
        return "I" if character.isupper() else "l"
    if prototype == "0" and not character.isdecimal():
        return "O" if character.isupper() else "o"
    return prototype


@cache
def _prototypes() -> Mapping[str, str]:
    """Return the table: from each character that looks like others to one that represents them.

    The library lists, for each character or sequence, the others in the same line of Unicode's
    table. So those that are connected look alike. A class has at most one sequence, such as `rn`.
    It represents its class, because only it can also be typed as several characters.
    """
    # The library's module would keep the whole file in memory, with the names of the characters.
    data = files("confusable_homoglyphs").joinpath("confusables.json").read_text("ascii")
    parents: dict[str, str] = {}

    def root(node: str) -> str:
        while (parent := parents.setdefault(node, node)) != node:
            parents[node] = node = parents[parent]
        return node

    for source, similar in json.loads(data).items():
        for each in similar:
            # The library keeps the marks around characters that are written from right to left.
            parents[root(_bare(source))] = root(_bare(each["c"]))
    classes: dict[str, list[str]] = {}
    for node in list(parents):
        classes.setdefault(root(node), []).append(node)
    single = {
        node: min(members)
        for members in classes.values()
        if all(len(member) == 1 for member in members)
        for node in members
    }
    sequences = {
        node: "".join(single.get(character, character) for character in max(members, key=len))
        for members in classes.values()
        if any(len(member) > 1 for member in members)
        for node in members
        if len(node) == 1
    }
    return {**single, **sequences}


def _bare(text: str) -> str:
    return text.strip("\u200e\u200f")
