"""Own messages that are not known to have arrived: pending or unconfirmed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from chat_tui.events import DeliveryProof
from chat_tui.model.entries import Entry, EntryState
from chat_tui.model.room_log import RoomLog


class UnconfirmedMessage(NamedTuple):
    """The location, the entry in its log, and the text as typed in the composer.

    The entry may show another text than `typed`.
    """

    location: str
    entry_id: int
    typed: str
    proof: DeliveryProof | None = None
    is_repeated: bool = False
    """True if the user has sent the same text again. Later connections can't tell them apart."""


class UnconfirmedMessages:
    """The unconfirmed messages of one user at one server, in all locations.

    It sets the state of their entries, too.
    """

    def __init__(self, log_of: Callable[[str], RoomLog]) -> None:
        """`log_of` returns the log of a location."""
        self._log_of = log_of
        self._pending: dict[int, UnconfirmedMessage] = {}
        # Settled, but the server may still report another state: unconfirmed or kept.
        self._open: dict[int, UnconfirmedMessage] = {}
        self._restored = 0  # messages of earlier sessions so far
        # Location -> entry id -> typed text, oldest first.
        self._unconfirmed: dict[str, dict[int, str]] = {}

    def add_pending(
        self,
        own_id: int,
        location: str,
        entry_id: int,
        typed: str,
        proof: DeliveryProof | None = None,
    ) -> None:
        """Add a message that was handed to the connection."""
        for earlier_id, earlier in self.unresolved():
            if (earlier.location, earlier.typed) == (location, typed):
                self._open[earlier_id] = earlier._replace(is_repeated=True)
        self._pending[own_id] = UnconfirmedMessage(location, entry_id, typed, proof)

    def restore(
        self, location: str, entry_id: int, typed: str, proof: DeliveryProof | None
    ) -> None:
        """Add an unconfirmed message of an earlier session. It gets an id below zero."""
        self._restored += 1
        self._open[-self._restored] = UnconfirmedMessage(location, entry_id, typed, proof)
        self.add_unconfirmed(location, entry_id, typed)

    def unresolved(self) -> list[tuple[int, UnconfirmedMessage]]:
        """Return the unconfirmed messages with their ids, in each location the oldest first."""
        found = [
            (own_id, message)
            for own_id, message in self._open.items()
            if message.entry_id in self._unconfirmed.get(message.location, ())
        ]
        return sorted(found, key=lambda item: (item[1].location, item[1].entry_id))

    def proofs(self, now: datetime) -> dict[tuple[str, datetime, str], DeliveryProof | None]:
        """Return the proofs by location, time and typed text: see `by_location`.

        None: the message has no proof that holds after the end of the connection.
        """
        found: dict[tuple[str, datetime, str], DeliveryProof | None] = {}
        for message in (*self._pending.values(), *(own for _, own in self.unresolved())):
            log = self._log_of(message.location)
            at = log[message.entry_id].timestamp if log.keeps(message.entry_id) else now
            proof = None if message.is_repeated else message.proof
            found[message.location, at, message.typed] = proof
        return found

    def connection_lost(self) -> None:
        """Leave repeated messages to the user: the pages of a next connection have both."""
        for own_id, message in self._open.items():
            if message.is_repeated:
                self._open[own_id] = message._replace(proof=None)

    def add_unconfirmed(self, location: str, entry_id: int, typed: str) -> None:
        """Add a message that may have arrived or not; no confirmation will come."""
        self._unconfirmed.setdefault(location, {})[entry_id] = typed

    def settle(
        self, own_id: int, state: EntryState, timestamp: datetime | None, stamp: str = ""
    ) -> UnconfirmedMessage | None:
        """Give a message another state, and a time and stamp unless None or empty.

        It is pending, or unconfirmed or kept since this session. Return the message, or None if
        its state is final.
        """
        message = self._pending.pop(own_id, None)
        if message is None and (message := self._open.pop(own_id, None)) is not None:
            message = self._take_open(message)
        if message is not None:
            self._log_of(message.location).set_state(message.entry_id, state, timestamp, stamp)
            if state is EntryState.UNCONFIRMED:
                self.add_unconfirmed(message.location, message.entry_id, message.typed)
            if state in (EntryState.UNCONFIRMED, EntryState.KEPT):
                self._open[own_id] = message
        return message

    def _take_open(self, message: UnconfirmedMessage) -> UnconfirmedMessage | None:
        """Stop offering an unconfirmed message. Return None if the user has decided about it."""
        log = self._log_of(message.location)
        if log.keeps(message.entry_id) and log[message.entry_id].state is EntryState.KEPT:
            return message
        known = self._unconfirmed.get(message.location, {}).pop(message.entry_id, None)
        return None if known is None else message

    def mark_resent(self, location: str, entry_id: int) -> str | None:
        """Mark an unconfirmed message as sent again. Return the text to put into the composer.

        None, and nothing changes, if there is no such entry or it is not unconfirmed.
        """
        typed = self._unconfirmed.get(location, {}).pop(entry_id, None)
        if typed is not None:
            self._log_of(location).set_state(entry_id, EntryState.RESENT)
        return typed

    def dismiss(self, location: str) -> None:
        """Mark the unconfirmed messages of a location as dismissed: they are not sent again."""
        for entry in self.entries(location):
            self._log_of(location).set_state(entry.id, EntryState.DISMISSED)
        self._unconfirmed.pop(location, None)

    def forget(self, location: str, timestamp: datetime, typed: str) -> bool:
        """Mark one message of a location as dismissed. Return False if there is no such message."""
        log = self._log_of(location)
        for entry_id, text in self._unconfirmed.get(location, {}).items():
            if text == typed and log.keeps(entry_id) and log[entry_id].timestamp == timestamp:
                log.set_state(entry_id, EntryState.DISMISSED)
                del self._unconfirmed[location][entry_id]
                return True
        return False

    def entries(self, location: str) -> list[Entry]:
        """Return the unconfirmed entries that the log still keeps, oldest first."""
        log = self._log_of(location)
        return [log[entry] for entry in self._unconfirmed.get(location, {}) if log.keeps(entry)]

    def oldest(self, location: str) -> int | None:
        """Return the id of the oldest pending or unconfirmed entry of a location, None if none."""
        ids = [own.entry_id for own in self._pending.values() if own.location == location]
        ids += self._unconfirmed.get(location, {})
        return min(filter(self._log_of(location).keeps, ids), default=None)

    def renumber(self, location: str, before: int, shift: int) -> None:
        """The entries of a location with ids less than `before` got ids that differ by `shift`."""
        for messages in (self._pending, self._open):
            for own_id, message in messages.items():
                if message.location == location and message.entry_id < before:
                    messages[own_id] = message._replace(entry_id=message.entry_id + shift)
        if location in self._unconfirmed:
            self._unconfirmed[location] = {
                entry + shift if entry < before else entry: typed
                for entry, typed in self._unconfirmed[location].items()
            }

    def count_pending(self, since: datetime) -> int:
        """Return how many messages have been pending since then, or longer."""
        pending = ((self._log_of(own.location), own.entry_id) for own in self._pending.values())
        return sum(log.keeps(entry) and log[entry].timestamp <= since for log, entry in pending)

    def by_location(self, now: datetime) -> dict[str, list[tuple[datetime, str]]]:
        """Return the time and the typed text of each message, by location, oldest first.

        `now` replaces the time of a message that the log no longer keeps.
        """
        own = list(self._pending.values())
        for location, texts in self._unconfirmed.items():
            own += [UnconfirmedMessage(location, entry, typed) for entry, typed in texts.items()]
        found: dict[str, list[tuple[datetime, str]]] = {}
        for location, entry, typed, *_ in sorted(own, key=lambda own: (own.location, own.entry_id)):
            log = self._log_of(location)
            at = log[entry].timestamp if log.keeps(entry) else now
            found.setdefault(location, []).append((at, typed))
        return found
