"""Regular expressions for reply texts. Pure."""

from __future__ import annotations

import re


def reply_pattern(pattern: str) -> re.Pattern[str]:
    """Return the compiled pattern, in which a dot matches every character."""
    return re.compile(pattern, re.DOTALL)


def first_group(pattern: re.Pattern[str], text: str) -> str | None:
    """Return the first group if the pattern matches the whole text, or None."""
    match = pattern.fullmatch(text)
    return None if match is None else match[1]


def both_groups(pattern: re.Pattern[str], text: str) -> tuple[str, str] | None:
    """Return the first two groups if the pattern matches the whole text, or None."""
    match = pattern.fullmatch(text)
    return None if match is None else (match[1], match[2])
