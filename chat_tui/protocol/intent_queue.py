"""IntentQueue: the user's intents, in the order in which they were typed or chosen."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from chat_server.wire import TextLine
from chat_tui.input import CommandInput, action_command, holds_secret, to_composer_text
from chat_tui.protocol.pending_requests import RequestKind, RequestOrigin, make_request
from chat_tui.protocol.private_messages import PrivateIntent


@dataclass(frozen=True, slots=True)
class JoinIntent:
    """The intent to join a room that the user chose other than by a command."""

    room: str


@dataclass(frozen=True, slots=True)
class ActionIntent:
    """The intent to publish an action (`/me`) in the room. The text is in its published form."""

    text: str

    @property
    def command(self) -> CommandInput:
        """The command that publishes it."""
        return action_command(self.text)


Intent = JoinIntent | CommandInput | TextLine | ActionIntent | PrivateIntent


class IntentQueue:
    """The user's queued intents. Nothing may overtake a room change that was queued earlier.

    A text goes to the target of the preceding room change. If that change fails, the text goes back
    to the composer. Texts after the next room change are not affected.
    """

    def __init__(self) -> None:
        self._items: deque[Intent] = deque()

    def __bool__(self) -> bool:
        return bool(self._items)

    @property
    def next(self) -> Intent:
        """The next intent. Raises `IndexError` if the queue is empty."""
        return self._items[0]

    def add(self, items: Iterable[Intent]) -> None:
        """Append intents. Of consecutive `JoinIntent`s only the last is kept."""
        for item in items:
            if (
                isinstance(item, JoinIntent)
                and self._items
                and isinstance(self._items[-1], JoinIntent)
            ):
                self._items.pop()
            self._items.append(item)

    def take(self) -> Intent:
        """Return the next intent. Raises `IndexError` if the queue is empty."""
        return self._items.popleft()

    def take_until_join(self) -> tuple[str, list[str], list[CommandInput | PrivateIntent]]:
        """Take the intents before the next room change. Called after a room change failed.

        Return the text for the composer, the lines that cannot go there, and the intents that do
        not depend on the room.
        """
        for_room: list[TextLine | ActionIntent] = []
        independent: list[CommandInput | PrivateIntent] = []
        while self._items and self._room_of(self._items[0]) is None:
            item = self._items.popleft()
            if isinstance(item, TextLine | ActionIntent):
                for_room.append(item)
            elif isinstance(item, CommandInput | PrivateIntent):
                independent.append(item)
        return *_to_composer(for_room), independent

    def take_all(self) -> tuple[str, list[str], list[PrivateIntent]]:
        """Take all intents. Called after the connection ended.

        Return the text for the composer, the lines that cannot go there, and the texts that go
        back to private conversations.
        """
        private = [
            item for item in self._items if isinstance(item, PrivateIntent) and not item.typed
        ]
        rest = [item for item in self._items if item not in private]
        self._items.clear()
        return *_to_composer(rest), private

    def texts_by_location(self, room: str) -> dict[str, str]:
        """Return the queued texts by location, as the composer would hold them.

        `room`: the room for the texts before the first queued room change.
        """
        waiting: dict[str, list[Intent]] = {}
        for item in self._items:
            next_room = self._room_of(item)
            if next_room is not None:
                room = next_room
            elif isinstance(item, PrivateIntent) and not item.typed:
                waiting.setdefault(item.location, []).append(TextLine(item.text))
            else:
                waiting.setdefault(room, []).append(item)
        return {
            location: text
            for location, items in waiting.items()
            if (text := _to_composer(items)[0])
        }

    def target_rooms(self) -> list[str]:
        """Return the rooms of the queued room changes, in order."""
        rooms = [self._room_of(item) for item in self._items]
        return [room for room in rooms if room is not None]

    @staticmethod
    def _room_of(item: Intent) -> str | None:
        if isinstance(item, JoinIntent):
            return item.room
        if isinstance(item, CommandInput):
            request = make_request(item, RequestOrigin.TYPED)
            return request.subject if request.kind is RequestKind.JOIN else None
        return None


def _to_composer(items: Iterable[Intent]) -> tuple[str, list[str]]:
    """Return the text for the composer, and the lines that cannot go there.

    A command cannot be one of several lines, because it would be published as text. A line with a
    password never goes back: it would be saved as a draft and be readable on the screen.
    """
    texts: list[str] = []
    commands: list[str] = []
    for item in items:
        if isinstance(item, TextLine):
            texts.append(item.text)
        elif isinstance(item, CommandInput):
            commands.append(item.line)
        elif isinstance(item, ActionIntent | PrivateIntent):
            commands.append(item.command.line)
    if not texts and len(commands) == 1 and not holds_secret(commands[0]):
        return commands[0], []
    return to_composer_text(texts), commands
