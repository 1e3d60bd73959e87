"""InputHistory: the texts sent from the composer, which Up and Down bring back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from chat_tui.input import holds_secret

MAX_ITEMS: Final = 500
"""Most texts that are kept; the oldest are dropped."""


class InputHistory:
    """The texts that the user sent, oldest first. The composer keeps its own position in it."""

    def __init__(self) -> None:
        self._items: list[str] = []
        self._store: Callable[[str], None] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> str:
        return self._items[index]

    def load(self, earlier: Iterable[str], store: Callable[[str], None]) -> None:
        """Start with the texts of earlier sessions; pass each text added later to `store`."""
        self._items = [*earlier][-MAX_ITEMS:]
        self._store = store

    def add(self, text: str) -> None:
        """Add `text` as the newest, unless it is blank or equal to the newest.

        A text with a password is not kept: one press of Up and Enter would send it to the room.
        """
        if not text.strip() or holds_secret(text) or (self._items and self._items[-1] == text):
            return
        self._items.append(text)
        del self._items[:-MAX_ITEMS]
        if self._store is not None:
            self._store(text)

    def find_next(self, index: int, step: int, matches: Callable[[str], bool]) -> int | None:
        """Return the next index after `index` whose text matches, or None.

        `step` is -1 for older texts and 1 for newer ones.
        """
        ahead = range(index + step, -1 if step < 0 else len(self), step)
        return next((number for number in ahead if matches(self._items[number])), None)
