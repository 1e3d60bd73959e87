"""SettledFeed: the new entries of all locations, each once its state is final."""

from __future__ import annotations

from dataclasses import dataclass, field

from chat_tui.model.chat_model import ChatModel
from chat_tui.model.entries import Entry, EntryState
from chat_tui.model.room_log import RoomLog


@dataclass(slots=True)
class _LogPosition:
    """How far one log was read, and which own messages before that are still pending."""

    log: RoomLog
    read_to: int = 0
    pending: list[int] = field(default_factory=list)


class SettledFeed:
    """A reader of the logs of a model, also after another user has signed in.

    Each entry is returned once. An own message is returned when it is no longer pending: its order
    among the others is then the server's order.
    """

    def __init__(self, model: ChatModel) -> None:
        """The entries that `model` holds already count as new."""
        self._model = model
        self._positions: dict[str, _LogPosition] = {}

    @property
    def pending(self) -> int:
        """The number of own messages that were read and are still pending."""
        return sum(len(position.pending) for position in self._positions.values())

    def take(self) -> list[tuple[str, Entry]]:
        """Return the new entries with their locations; those of one location oldest first."""
        found: list[tuple[str, Entry]] = []
        for location in self._model.locations:
            log = self._model.log_of(location)
            position = self._positions.get(location)
            if position is None or position.log is not log:
                position = self._positions[location] = _LogPosition(log)
            found += [(location, entry) for entry in self._new_entries(position)]
        return found

    @staticmethod
    def _new_entries(position: _LogPosition) -> list[Entry]:
        log, read_to = position.log, position.read_to
        if not position.pending and read_to == log.end:
            return []
        kept = [entry_id for entry_id in position.pending if log.keeps(entry_id)]
        entries = [log[entry_id] for entry_id in kept] + log.entries(read_to)
        position.read_to = log.end
        position.pending = [entry.id for entry in entries if entry.state is EntryState.PENDING]
        return [entry for entry in entries if entry.state is not EntryState.PENDING]
