"""What was sent from the composer, for Up and Down to walk through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from chat_tui.input import holds_secret

MAX_ITEMS: Final = 500
"""Items that are kept."""


class InputHistory:
    """What was given with Enter, oldest first. Where one stands in it is the composer's matter."""

    def __init__(self) -> None:
        self._items: list[str] = []
        self._store: Callable[[str], None] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> str:
        return self._items[index]

    def load(self, earlier: Iterable[str], store: Callable[[str], None]) -> None:
        """Begin with what was sent in `earlier` sessions; `keep` is told what comes from now on."""
        self._items = [*earlier][-MAX_ITEMS:]
        self._store = store

    def add(self, text: str) -> None:
        """Keep `text` as the newest; the same twice in a row is kept once, nothing is not.

        What holds a password is not kept either: whoever presses Up shows it to the room.
        """
        if not text.strip() or holds_secret(text) or (self._items and self._items[-1] == text):
            return
        self._items.append(text)
        del self._items[:-MAX_ITEMS]
        if self._store is not None:
            self._store(text)

    def find_next(self, place: int, step: int, matches: Callable[[str], bool]) -> int | None:
        """The next place that fits from `place` on, backwards (-1) or forwards (1), or None."""
        ahead = range(place + step, -1 if step < 0 else len(self), step)
        return next((index for index in ahead if matches(self._items[index])), None)
