"""What a line begins with as it was meant, whatever a keyboard or a slip made of it. Pure."""

from __future__ import annotations

import re
from typing import Final
from unicodedata import normalize

# Also what has no width, and what is taken out before it is sent: a line that looks as if it began
# with "/" was meant to.
IGNORED_PREFIX: Final = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+"
)
"""What may stand before the first word of a line, unseen."""

_SLASHES: Final = str.maketrans("\uff0f\u2044\u2215\u29f8", "////")
"""What looks like a slash: an input method for Chinese or Japanese gives the first."""


def normalize_command(line: str) -> str:
    """The line with its first word as a keyboard of ASCII gives it."""
    if line[:1].translate(_SLASHES) != "/":
        return line
    word, *rest = line.split(None, 1)
    return " ".join((normalize("NFKC", word.translate(_SLASHES)), *rest))


def edit_distance(one: str, other: str) -> int:
    """Letters to leave out, put in, change or swap with the next, to get from one to the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, wanted in enumerate(other, 1):
            steps = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                steps = min(steps, older[j - 2] + 1)
            row.append(steps)
    return row[-1]
