"""OwnEntries: the user's own messages in the logs, from being sent to their final state. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from chat_tui import events
from chat_tui.input import outgoing_to_composer_text, parse_outgoing
from chat_tui.model.conversations import Conversations
from chat_tui.model.entries import Entry, EntryKind, EntryState
from chat_tui.model.location import Location
from chat_tui.model.logs import LogStore
from chat_tui.model.message_intake import MessageIntake
from chat_tui.model.past_pages import stamp_of
from chat_tui.model.people import Roster
from chat_tui.model.timestamps import not_before_day_of
from chat_tui.model.unconfirmed import UnconfirmedMessages
from chat_tui.sanitize import safe_name, safe_text

OwnMessageSettled = (
    events.MessageSent
    | events.MessageUnconfirmed
    | events.MessageKept
    | events.MessageResent
    | events.MessageRejected
)
"""The events about an own message that is in its log already."""

_STATES: Final[dict[type[OwnMessageSettled], EntryState]] = {
    events.MessageSent: EntryState.SENT,
    events.MessageUnconfirmed: EntryState.UNCONFIRMED,
    events.MessageKept: EntryState.KEPT,
    events.MessageResent: EntryState.RESENT,
    events.MessageRejected: EntryState.REJECTED,
}


class OwnEntries:
    """The entries of the user's own messages. The model draws the logs that they are in."""

    def __init__(
        self,
        logs: LogStore,
        people: Roster,
        conversations: Conversations,
        unconfirmed: UnconfirmedMessages,
        intake: MessageIntake,
        now: Callable[[], datetime],
    ) -> None:
        """`people` knows the name of the user, `intake` the clock of the server.

        `now` returns the local time without a zone.
        """
        self._logs = logs
        self._people = people
        self._conversations = conversations
        self._unconfirmed = unconfirmed
        self._intake = intake
        self._now = now

    def pending(self, event: events.MessagePending) -> Location:
        """Add a message that was handed to the connection."""
        location = Location(safe_name(event.room))
        entry = self._add(
            location, self._now(), event.text, EntryState.PENDING, is_action=event.is_action
        )
        typed = outgoing_to_composer_text(event.text, is_action=event.is_action)
        self._unconfirmed.add_pending(event.id, location, entry.id, typed, event.proof)
        return location

    def restore(
        self,
        location: Location,
        timestamp: datetime,
        typed: str,
        proof: events.DeliveryProof | None,
    ) -> None:
        """Add a message of an earlier session that may have arrived or not."""
        text, is_action = parse_outgoing(typed)
        entry = self._add(location, timestamp, text, EntryState.UNCONFIRMED, is_action=is_action)
        self._unconfirmed.restore(location, entry.id, typed, proof)

    def settled(self, event: OwnMessageSettled) -> Location | None:
        """Give a message another state. Return None if that is not possible any more."""
        timestamp, stamp = None, ""
        if isinstance(event, events.MessageSent) and event.time is not None:
            stamp = stamp_of(event.time)
            timestamp = self._intake.local_time(event.time)
            if not stamp:
                timestamp = not_before_day_of(timestamp, self._now())
        message = self._unconfirmed.settle(event.id, _STATES[type(event)], timestamp, stamp)
        return None if message is None else Location(message.location)

    def has_only_rejected(self, location: Location) -> bool:
        """Return True if the log holds nothing but own messages that were not delivered."""
        return all(entry.state is EntryState.REJECTED for entry in self._logs.of(location))

    def _add(
        self,
        location: Location,
        timestamp: datetime,
        text: str,
        state: EntryState,
        *,
        is_action: bool,
    ) -> Entry:
        kind = EntryKind.PRIVATE if location.is_private else EntryKind.MESSAGE
        if location.is_private:
            self._conversations.begin(location.partner)
        return self._logs.of(location).append(
            EntryKind.ACTION if is_action else kind,
            timestamp,
            safe_text(text),
            author=self._people.user,
            recipient=location.partner,
            own=True,
            state=state,
        )
