"""InputHistory: the texts sent from the composer, which Up and Down bring back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from chat_tui.input import history_place, holds_no_text, holds_secret

MAX_ITEMS: Final = 500
"""Most texts that are kept for one location; the oldest are dropped."""

_MAX_SHARED: Final = 50
"""Most commands of other locations that are kept for one location."""


class InputHistory:
    """The texts that the user sent in one location, oldest first.

    Commands of other locations are between them, but only a search for commands finds them. The
    composer keeps its own position in the history.
    """

    def __init__(self) -> None:
        self._items: list[str] = []
        self._shared: list[bool] = []  # for each item: it is a command of another location
        self._store: Callable[[str], None] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> str:
        return self._items[index]

    def load(self, earlier: Iterable[str], store: Callable[[str], None]) -> None:
        """Start with the texts of earlier sessions; pass each text added later to `store`."""
        self._items = [*earlier][-MAX_ITEMS:]
        self._shared = [False] * len(self._items)
        self._store = store

    def add(self, text: str) -> None:
        """Add `text` as the newest, unless it is blank or equal to the newest.

        A text with a password is not kept: one press of Up and Enter would send it to the room.
        """
        if self._append(text) and self._store is not None:
            self._store(text)

    def restore(self, text: str) -> None:
        """Add a text of an earlier session as the newest. It is stored already."""
        self._append(text)

    def share(self, command: str) -> None:
        """Add a command that was sent in another location and holds no text for other users."""
        for index, (text, shared) in enumerate(zip(self._items, self._shared, strict=True)):
            if shared and text == command:
                self._remove(index)
                break
        self._items.append(command)
        self._shared.append(True)
        if sum(self._shared) > _MAX_SHARED:
            self._remove(self._shared.index(True))

    def find_next(
        self, index: int, step: int, matches: Callable[[str], bool], *, commands: bool = False
    ) -> int | None:
        """Return the next index after `index` whose text matches, or None.

        `step` is -1 for older texts and 1 for newer ones. `commands`: also find the commands that
        were sent in other locations.
        """
        ahead = range(index + step, -1 if step < 0 else len(self), step)
        candidates = (number for number in ahead if commands or not self._shared[number])
        return next((number for number in candidates if matches(self._items[number])), None)

    def _append(self, text: str) -> bool:
        is_repeated = bool(self._items) and self._items[-1] == text and not self._shared[-1]
        if not text.strip() or holds_secret(text) or is_repeated:
            return False
        self._items.append(text)
        self._shared.append(False)
        while len(self._items) > MAX_ITEMS:
            self._remove(0)
        return True

    def _remove(self, index: int) -> None:
        del self._items[index], self._shared[index]


class InputHistories:
    """The input histories of one user at one server, by location.

    A text is found only where it was sent, so that Up never brings a private text to a room.
    """

    def __init__(self) -> None:
        self._histories: dict[str, InputHistory] = {}
        self._commands: list[str] = []  # of all locations, oldest first
        self._store: Callable[[str, str], None] | None = None

    def of(self, location: str) -> InputHistory:
        """Return the history of a location; it is created empty if there is none."""
        history = self._histories.get(location)
        if history is None:
            history = self._histories[location] = InputHistory()
            history.load((), lambda text: self._added(location, text))
            for command in self._commands:
                history.share(command)
        return history

    def add(self, text: str, location: str) -> None:
        """Add a text that was sent in `location`, to the location that it belongs to."""
        if (found := history_place(text, location)) is not None:
            belongs_to, text = found
            self.of(belongs_to).add(text)

    def load(self, earlier: Iterable[tuple[str, str]], store: Callable[[str, str], None]) -> None:
        """Add the locations and texts of earlier sessions, oldest first, to empty histories.

        Pass each location and text added later to `store`.
        """
        for location, text in earlier:
            self.of(location).restore(text)
            self._share(location, text)
        self._store = store

    def _added(self, location: str, text: str) -> None:
        self._share(location, text)
        if self._store is not None:
            self._store(location, text)

    def _share(self, location: str, text: str) -> None:
        """Let a search for commands find a harmless one in all other locations, too."""
        if not holds_no_text(text):
            return
        self._commands = [*(one for one in self._commands if one != text), text][-_MAX_SHARED:]
        for other, history in self._histories.items():
            if other != location:
                history.share(text)
