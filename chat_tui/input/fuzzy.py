"""Normalize and compare mistyped commands. Pure."""

from __future__ import annotations

import re
from typing import Final
from unicodedata import normalize

# Includes characters without width, and those that are removed before a line is sent. A line that
# looks as if it began with "/" was meant to.
IGNORED_PREFIX: Final = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+"
)
"""Invisible characters that may precede the first word of a line."""

_SLASHES: Final = str.maketrans("\uff0f\u2044\u2215\u29f8", "////")
"""Characters that look like a slash. Chinese and Japanese input methods produce the first one."""


def normalize_command(line: str) -> str:
    """Return the line with its first word in ASCII form, if it begins with a kind of slash."""
    if line[:1].translate(_SLASHES) != "/":
        return line
    word, *rest = line.split(None, 1)
    return " ".join((normalize("NFKC", word.translate(_SLASHES)), *rest))


def edit_distance(first: str, second: str) -> int:
    """Return the Damerau-Levenshtein distance (optimal string alignment) of two words.

    It counts letters to remove, insert, replace, or swap with the next one.
    """
    previous: list[int] = []
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first, 1):
        older, previous, row = previous, row, [i]
        for j, other in enumerate(second, 1):
            steps = min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == second[j - 2] and first[i - 2] == other:
                steps = min(steps, older[j - 2] + 1)
            row.append(steps)
    return row[-1]
