"""What was sent from the composer, for Up and Down to walk through."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from chat_tui.input.redaction import holds_secret

NEWEST_KEPT: Final = 500
"""Items that are kept."""


class History:
    """What was given with Enter, oldest first. Where one stands in it is the composer's matter."""

    def __init__(self) -> None:
        self._items: list[str] = []
        self._keep: Callable[[str], None] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> str:
        return self._items[index]

    def go_on_from(self, earlier: Iterable[str], keep: Callable[[str], None]) -> None:
        """Begin with what was sent in `earlier` sessions; `keep` is told what comes from now on."""
        self._items = [*earlier][-NEWEST_KEPT:]
        self._keep = keep

    def add(self, text: str) -> None:
        """Keep `text` as the newest; the same twice in a row is kept once, nothing is not.

        What holds a password is not kept either: whoever presses Up shows it to the room.
        """
        if not text.strip() or holds_secret(text) or (self._items and self._items[-1] == text):
            return
        self._items.append(text)
        del self._items[:-NEWEST_KEPT]
        if self._keep is not None:
            self._keep(text)

    def beside(self, place: int, step: int, fits: Callable[[str], bool]) -> int | None:
        """The next place that fits from `place` on, backwards (-1) or forwards (1), or None."""
        ahead = range(place + step, -1 if step < 0 else len(self), step)
        return next((index for index in ahead if fits(self._items[index])), None)
