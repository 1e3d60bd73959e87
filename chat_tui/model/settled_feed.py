"""What is new in all rooms, in a form that will not change any more."""

from __future__ import annotations

from dataclasses import dataclass, field

from chat_tui.model.chat_model import ChatModel
from chat_tui.model.entries import Entry, EntryState
from chat_tui.model.room_log import RoomLog


@dataclass(slots=True)
class _LogPosition:
    """How far one log was read, and which own messages before that are still on their way."""

    log: RoomLog
    read_to: int = 0
    pending: list[int] = field(default_factory=list)


class SettledFeed:
    """Reads on in every log of a model, also after somebody else has signed in.

    Each entry comes once. An own message comes when it is known whether the server took it: among
    the others it then stands where the server has it.
    """

    def __init__(self, model: ChatModel) -> None:
        """What `model` holds already counts as new."""
        self._model = model
        self._positions: dict[str, _LogPosition] = {}

    @property
    def pending(self) -> int:
        """How many own messages, of those seen so far, are still on their way."""
        return sum(len(reading.pending) for reading in self._positions.values())

    def take(self) -> list[tuple[str, Entry]]:
        """The new entries of each place, and the place; the oldest of a place first."""
        found: list[tuple[str, Entry]] = []
        for place in self._model.locations:
            log = self._model.log_of(place)
            reading = self._positions.get(place)
            if reading is None or reading.log is not log:
                reading = self._positions[place] = _LogPosition(log)
            found += [(place, entry) for entry in self._new(reading)]
        return found

    @staticmethod
    def _new(reading: _LogPosition) -> list[Entry]:
        log, seen = reading.log, reading.read_to
        if not reading.pending and seen == log.end:
            return []
        sought = [number for number in reading.pending if number >= log.first]
        entries = [log[number] for number in sought] + log.entries(seen)
        reading.read_to = log.end
        reading.pending = [one.id for one in entries if one.state is EntryState.PENDING]
        return [entry for entry in entries if entry.state is not EntryState.PENDING]
