"""What counts as addressed to the person who reads."""

from __future__ import annotations

import re
from collections.abc import Sequence


class Mentions:
    """One's own name and words of one's own, wherever they stand as whole words, in any case."""

    def __init__(self) -> None:
        self.user = ""
        self.keywords: tuple[str, ...] = ()
        self.pattern: re.Pattern[str] | None = None
        """Finds each of them in a text; None where there is nothing to look for."""

    def configure(self, *, user: str | None = None, keywords: Sequence[str] | None = None) -> None:
        """Another name, or other words; what is not given stays."""
        if user is not None:
            self.user = user
        if keywords is not None:
            self.keywords = tuple(keywords)
        # The longest first: of "build" and "build red" the latter is found whole.
        sought = sorted({self.user, *map(str.strip, self.keywords)} - {""}, key=len, reverse=True)
        found = "|".join(map(re.escape, sought))
        self.pattern = re.compile(rf"(?<!\w)(?:{found})(?!\w)", re.IGNORECASE) if sought else None

    def matches(self, text: str) -> bool:
        """Whether `text` is addressed to the person."""
        return self.pattern is not None and self.pattern.search(text) is not None
