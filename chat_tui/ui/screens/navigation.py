"""Navigator: takes the user to a room or to a private conversation."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message
from textual.screen import Screen

from chat_server.wire import canonical_name
from chat_tui.model import ChatModel, Location
from chat_tui.ui.screens.chat_context import ChatContext
from chat_tui.ui.screens.pane_focus import PaneFocus
from chat_tui.ui.widgets import Composer


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
        self._model.view(Location.private(person))
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
        model = self._model
        location = next_location(model, step)
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

    def switch_room(self, event: RoomSwitchRequested) -> None:
        """Ask the server for the room that `walk` requested."""
        self._context.session.join(event.room)
        self._context.process_updates()


def next_location(model: ChatModel, step: int) -> Location:
    """Return the location `step` rows below the compose target in the list, wrapping at its end."""
    locations = [Location(room.name) for room in model.rooms.listed()]
    locations += [Location.private(person) for person in model.conversations.listed()]
    current = locations.index(model.compose_location) if model.compose_location in locations else 0
    return locations[(current + step) % len(locations)]


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
