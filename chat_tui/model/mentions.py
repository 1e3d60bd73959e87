"""Mentions: which texts are addressed to the user."""

from __future__ import annotations

import re
from collections.abc import Sequence


class Mentions:
    """The user's name and keywords. They match as whole words, in upper or lower case."""

    def __init__(self) -> None:
        self.user = ""
        self.keywords: tuple[str, ...] = ()
        self.pattern: re.Pattern[str] | None = None
        """Matches the name and each keyword; None if there are none."""

    def configure(self, *, user: str | None = None, keywords: Sequence[str] | None = None) -> None:
        """Set the name, the keywords or both; None keeps the current value."""
        if user is not None:
            self.user = user
        if keywords is not None:
            self.keywords = tuple(keywords)
        # The longest first: with "build" and "build red", the latter must match as a whole.
        terms = sorted({self.user, *map(str.strip, self.keywords)} - {""}, key=len, reverse=True)
        any_term = "|".join(map(re.escape, terms))
        self.pattern = re.compile(rf"(?<!\w)(?:{any_term})(?!\w)", re.IGNORECASE) if terms else None

    def matches(self, text: str) -> bool:
        """Return True if `text` is addressed to the user."""
        return self.pattern is not None and self.pattern.search(text) is not None
