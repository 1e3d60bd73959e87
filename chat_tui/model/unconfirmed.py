"""Own words of which it is not known that they arrived: on their way, or unconfirmed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from chat_tui.model.entries import Entry
from chat_tui.model.room_log import RoomLog


class UnconfirmedMessage(NamedTuple):
    """Where it stands. `typed`: what stood in the composer; the entry may show it otherwise."""

    place: str
    entry_id: int
    typed: str


class UnconfirmedMessages:
    """Those of one person at one server, in all places."""

    def __init__(self, log_of: Callable[[str], RoomLog]) -> None:
        """`log_of` gives the log of a place."""
        self._log_of = log_of
        self._pending: dict[int, UnconfirmedMessage] = {}
        self._unconfirmed: dict[str, dict[int, str]] = {}  # place -> entry -> typed, oldest first

    def add_pending(self, own_id: int, place: str, entry: int, typed: str) -> None:
        """It is on its way."""
        self._pending[own_id] = UnconfirmedMessage(place, entry, typed)

    def settle(self, own_id: int) -> UnconfirmedMessage | None:
        """It is on its way no longer; None where it was not."""
        return self._pending.pop(own_id, None)

    def add_unconfirmed(self, place: str, entry: int, typed: str) -> None:
        """It may have arrived or not, and nobody will tell."""
        self._unconfirmed.setdefault(place, {})[entry] = typed

    def take_unconfirmed(self, place: str, entry: int) -> str | None:
        """What was typed for it, which counts no longer; None where it is not unconfirmed."""
        return self._unconfirmed.get(place, {}).pop(entry, None)

    def dismiss(self, place: str) -> None:
        """The unconfirmed ones of this place count no longer."""
        self._unconfirmed.pop(place, None)

    def entries(self, place: str) -> list[Entry]:
        """The entries of those that its log still keeps, oldest first."""
        log = self._log_of(place)
        return [log[entry] for entry in self._unconfirmed.get(place, {}) if entry >= log.first]

    def count_pending(self, since: datetime) -> int:
        """How many have been on their way since then, or longer."""
        waiting = ((self._log_of(said.place), said.entry_id) for said in self._pending.values())
        return sum(entry >= log.first and log[entry].timestamp <= since for log, entry in waiting)

    def by_place(self, now: datetime) -> dict[str, list[tuple[datetime, str]]]:
        """By place, oldest first: when it was said, and what was typed.

        `now` stands for when, where the log keeps it no longer.
        """
        own = list(self._pending.values())
        for place, texts in self._unconfirmed.items():
            own += [UnconfirmedMessage(place, entry, typed) for entry, typed in texts.items()]
        found: dict[str, list[tuple[datetime, str]]] = {}
        for place, entry, typed in sorted(own):
            log = self._log_of(place)
            at = log[entry].timestamp if entry >= log.first else now
            found.setdefault(place, []).append((at, typed))
        return found
