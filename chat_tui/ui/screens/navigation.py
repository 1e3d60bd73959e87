"""Navigator: takes the user to a room or to a private conversation."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from textual.message import Message
from textual.screen import Screen

from chat_server.wire import LOBBY, canonical_name
from chat_tui.model import ChatModel, Location, UnreadNumbers
from chat_tui.ui.screens.chat_context import ChatContext
from chat_tui.ui.screens.pane_focus import PaneFocus
from chat_tui.ui.widgets import Composer, MessageLog


@dataclass
class RoomSwitchRequested(Message):
    """The user walked to another room. What the user types next is meant for that room."""

    room: str


class Navigator:
    """Changes of the location in view, through the session if the server has to agree.

    The chat screen owns it.
    """

    def __init__(self, screen: Screen[None], context: ChatContext, focus: PaneFocus) -> None:
        self._screen = screen
        self._context = context
        self._model = context.model
        self._focus = focus
        self._unread_round = UnreadRound()
        self._unfollowed_before: str | None = None  # the last unfollowed person at the last forget

    def join(self, room: str) -> None:
        """Join a room. What the user types from here on waits for the server's reply."""
        name, model = canonical_name(room.strip()) or room, self._model
        is_joining = model.compose_location != model.location
        if name == model.room and model.location.is_private and not is_joining:
            model.view(Location(name))
        else:
            model.room_requested(name)
            self._context.session.join(name)
        self._focus.focus_composer()
        self._context.process_updates()

    def open_conversation(self, person: str) -> None:
        """Show the private conversation with `person` and focus the composer."""
        if not self._model.capabilities.private_messages:
            self._context.shell.notify("This server has no private messages.", severity="warning")
            return
        place = Location.private(person)
        self._model.view(place)
        if self._model.capabilities.history:
            self._model.unread.report(place, UnreadNumbers())
            self._context.session.read_private(person)
        self._focus.focus_composer()
        self._context.process_updates()

    def open_next_conversation(self) -> None:
        """Show the next private conversation, one with unread messages first.

        The call waits for the keys pressed before: they are meant for the location in view.
        """
        self._screen.query_one(Composer).call_later(self._open_next_conversation)

    def _open_next_conversation(self) -> None:
        person = next_conversation(self._model)
        if person:
            self.open_conversation(person)
        else:
            key = self._context.shell.key_of("jump", "Ctrl+K")
            self._context.shell.notify(f"No private conversation yet: {key} and a name starts one.")

    def walk(self, step: int) -> None:
        """Show the location `step` rows below in the list. Waits for the keys pressed before."""
        self._screen.query_one(Composer).call_later(self._walk, step)

    def _walk(self, step: int) -> None:
        self._go_to(next_location(self._model, step))

    def open_next_unread(self) -> None:
        """Show the next place with unread messages. Waits for the keys pressed before."""
        self._screen.query_one(Composer).call_later(self._open_next_unread)

    def _open_next_unread(self) -> None:
        model, muted = self._model, self._context.notifier.muted
        place = self._unread_round.next(model, muted)
        if place is not None:
            self._go_to(place)
        elif model.compose_location == model.location and model.unread.count(model.location):
            self._screen.query_one(MessageLog).action_follow()
        else:
            self._context.shell.notify(nothing_unread(model, muted))

    def _go_to(self, location: Location) -> None:
        model = self._model
        if partner := location.partner:
            self.open_conversation(partner)
        elif location == model.room and model.compose_location == model.location:
            model.view(location)
            self._context.process_updates()
        else:
            # What the user types from here on is meant for the new room, but messages submitted
            # before may still be queued in the composer. The request takes the same way through
            # the composer's queue, so it cannot overtake them.
            model.room_requested(location)
            self._context.process_updates()
            self._screen.query_one(Composer).post_message(RoomSwitchRequested(location))

    def forget(self, place: Location) -> None:
        """Remove a room without people, or a conversation, from the list. The key of undo helps."""
        model, shell = self._model, self._context.shell
        if not model.places.can_forget(place):
            shell.notify(why_not_forgotten(model, place), severity="warning")
            return
        model.forget_place(place)
        self._unfollowed_before = model.people.last_unfollowed
        undo = shell.key_of("people.undo", "Alt+U")
        shell.notify(f"Forgot {described(place)}. {undo}: undo")
        self._context.process_updates()

    @property
    def forgot_last(self) -> bool:
        """True if the user has forgotten a place since they stopped following a person."""
        unfollowed = self._model.people.last_unfollowed
        is_newer = unfollowed is None or unfollowed == self._unfollowed_before
        return is_newer and self._model.places.last_forgotten is not None

    def bring_back(self) -> None:
        """List the place again that the user has forgotten last."""
        place = self._model.bring_place_back()
        if place is not None:
            self._context.shell.notify(f"{described(place).capitalize()} is back in the list.")
            self._context.process_updates()

    def switch_room(self, event: RoomSwitchRequested) -> None:
        """Ask the server for the room that `walk` requested."""
        self._context.session.join(event.room)
        self._context.process_updates()


def next_location(model: ChatModel, step: int) -> Location:
    """Return the location `step` rows below the compose target in the list, wrapping at its end."""
    locations = model.places.listed()
    current = locations.index(model.compose_location) if model.compose_location in locations else 0
    return locations[(current + step) % len(locations)]


def described(place: Location) -> str:
    """Return a place as a notice names it."""
    return f"the conversation with {place.partner}" if place.is_private else f"room {place}"


def why_not_forgotten(model: ChatModel, place: Location) -> str:
    """Return why a place stays in the list."""
    if place.is_private and place in model.places:
        return f"{place.partner} stays in the list until you quit: the server keeps no messages."
    if place.is_private:
        return f"There is no conversation with {place.partner}."
    if place == LOBBY or place == model.room:
        return f"{place} stays in the list." if place == LOBBY else f"You are in {place}."
    if place in model.rooms:
        return f"{place} stays in the list while people are in it."
    return f"{place} is not in the list."


class UnreadRound:
    """The order of the jumps to unread places: each place once, then from the start again.

    A place may keep its unread messages when the user goes on, so it has to be remembered. New
    messages there begin its turn again.
    """

    def __init__(self) -> None:
        self._done: dict[Location, int] = {}  # the number of messages when the user left

    def next(self, model: ChatModel, muted: Container[str]) -> Location | None:
        """Return the next place with unread messages, None if there is none but the current."""
        here, unread = model.compose_location, model.unread
        places = model.places.unread(muted)
        self._done = {place: self._done[place] for place in places if place in self._done}
        if here in places:
            self._done[here] = unread.count(here)
        others = [place for place in places if place != here]
        waiting = [place for place in others if unread.count(place) > self._done.get(place, 0)]
        if not waiting:
            self._done.clear()
            waiting = others
        return waiting[0] if waiting else None


def nothing_unread(model: ChatModel, muted: Container[str]) -> str:
    """Return the notice if there is no unread message in a place that is not muted."""
    others = [place for place in model.places.unread() if place in muted]
    if not others:
        return "You have read everything."
    return f"You have read everything except in muted places: {', '.join(others[:3])}."


def has_unread_conversation(model: ChatModel) -> bool:
    """Return True if a private conversation has unread messages."""
    return any(
        model.unread.count(Location.private(person)) for person in model.conversations.listed()
    )


def next_conversation(model: ChatModel) -> str:
    """Return the partner of the next conversation, an unread one first; "" if there is none."""
    people = model.conversations.listed()
    if not people:
        return ""
    after = people.index(model.location.partner) + 1 if model.location.partner in people else 0
    ordered = people[after:] + people[:after]
    unread = (person for person in ordered if model.unread.count(Location.private(person)))
    return next(unread, ordered[0])
