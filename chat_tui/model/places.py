"""Places: the rooms and conversations in the list, and which of them have unread messages."""

from __future__ import annotations

from collections.abc import Collection, Container
from typing import Final

from chat_tui.events import UnreadListed
from chat_tui.model.conversations import Conversations
from chat_tui.model.location import Location
from chat_tui.model.rooms import RoomDirectory
from chat_tui.model.unread import Unread, UnreadNumbers
from chat_tui.sanitize import safe_name

_MAX_FORGOTTEN: Final = 20
"""Most forgotten places that the user can bring back."""


class Places:
    """What the user can go to, in the order of the list: the rooms, then the conversations."""

    def __init__(self, rooms: RoomDirectory, conversations: Conversations, unread: Unread) -> None:
        self._rooms = rooms
        self._conversations = conversations
        self._unread = unread
        self._forgotten: list[Location] = []

    def listed(self) -> list[Location]:
        """Return all places."""
        rooms = [Location(room.name) for room in self._rooms.listed()]
        return rooms + [Location.private(name) for name in self._conversations.listed()]

    # Unread messages

    def report(self, event: UnreadListed, *, viewed: str) -> list[Location]:
        """Replace the server's numbers. Return the places with more for the user than before.

        That is a higher number of mentions in a room, or of messages in a private conversation.
        The server never counts the room that the user is in: a report about it came late. `viewed`:
        the location in view, whose messages the client requests at once.
        """
        listed = {
            Location(safe_name(name)): UnreadNumbers(max(0, messages), max(0, mentions))
            for name, messages, mentions in event.places
        }
        if event.is_complete:
            for name in self._unread.reported_locations:
                listed.setdefault(Location(name), UnreadNumbers())
        risen: list[Location] = []
        for place, numbers in listed.items():
            if place == self._rooms.current:
                continue
            before = self._unread.reported(place)
            self._unread.report(place, numbers)
            if place.is_private:
                has_risen = numbers.messages > before.messages
            else:
                has_risen = numbers.mentions > before.mentions
            if numbers.messages:
                self._keep(place)
            if has_risen and place in self and place != viewed:
                risen.append(place)
        return risen

    def __contains__(self, place: object) -> bool:
        if not isinstance(place, Location):
            return False
        return place.partner in self._conversations if place.is_private else place in self._rooms

    def _keep(self, place: Location) -> None:
        if place.is_private:
            self._conversations.begin(place.partner)
        else:
            self._rooms.visited.report(place)

    def unread(self, excluding: Container[str] = ()) -> list[Location]:
        """Return the places with unread messages that are not in `excluding`.

        Those with a message for the user come first, then those that have waited longest.
        """
        found = [Location(name) for name in self._unread.locations if name not in excluding]
        return sorted(filter(self.__contains__, found), key=lambda place: not self.is_urgent(place))

    def is_urgent(self, place: Location) -> bool:
        """Return True if an unread message there is addressed to the user."""
        numbers = self._unread.numbers(place)
        return bool(numbers.messages if place.is_private else numbers.mentions)

    def unread_total(self, excluding: Collection[str] = ()) -> int:
        """Return the number of unread messages in the listed places not in `excluding`."""
        hidden = [name for name in self._unread.locations if Location(name) not in self]
        return self._unread.total({*excluding, *hidden})

    # Forgetting

    def can_forget(self, place: Location) -> bool:
        """Return True for a conversation, and for a room without people that the user is not in.

        False if the server keeps no messages: then a place is listed only while it is in use.
        """
        if place.is_private:
            return self._rooms.keeps_visited and place.partner in self._conversations
        return self._rooms.can_forget(place)

    def forget(self, place: Location) -> bool:
        """Remove a place from the list. Return False, and change nothing, if that is not possible.

        A conversation comes back with its next message, a room when others enter it.
        """
        if not self.can_forget(place):
            return False
        if place.is_private:
            self._conversations.end(place.partner)
        else:
            self._rooms.visited.forget(place)
        self._unread.forget(place)
        self._forgotten = [*self._forgotten[1 - _MAX_FORGOTTEN :], place]
        return True

    @property
    def last_forgotten(self) -> Location | None:
        """The place that the user forgot last and has not brought back."""
        waiting = [place for place in self._forgotten if place not in self]
        return waiting[-1] if waiting else None

    def bring_back(self) -> Location | None:
        """List the place again that the user forgot last. Return it, None if there is none."""
        place = self.last_forgotten
        if place is not None:
            if place.is_private:
                self._conversations.begin(place.partner)
            else:
                self._rooms.visited.visit(place)
            self._forgotten.remove(place)
        return place
