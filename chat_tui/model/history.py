"""What was sent from the composer, for Up and Down to walk through."""

from __future__ import annotations

from typing import Final

NEWEST_KEPT: Final = 500
"""Items that are kept."""


class History:
    """What was given with Enter, oldest first. Where one stands in it is the composer's matter."""

    def __init__(self) -> None:
        self._items: list[str] = []

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> str:
        return self._items[index]

    def add(self, text: str) -> None:
        """Keep `text` as the newest; the same twice in a row is kept once, nothing is not."""
        if not text.strip() or (self._items and self._items[-1] == text):
            return
        self._items.append(text)
        del self._items[:-NEWEST_KEPT]
