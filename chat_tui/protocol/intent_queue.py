"""What the person wants done, in the order in which it was wanted."""

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
    """A room was chosen, other than by typing."""

    room: str


@dataclass(frozen=True, slots=True)
class ActionIntent:
    """What we do, to be told in the room, in the server's form."""

    text: str

    @property
    def command(self) -> CommandInput:
        """The command that tells it."""
        return action_command(self.text)


Intent = JoinIntent | CommandInput | TextLine | ActionIntent | PrivateIntent


class IntentQueue:
    """What is wanted and has to wait: nothing may overtake a change of room.

    A text is meant for the room to which the last change before it leads. Where that fails, the
    text goes back to its writer; what stands behind the next change is not concerned.
    """

    def __init__(self) -> None:
        self._items: deque[Intent] = deque()

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, items: Iterable[Intent]) -> None:
        """More is wanted. Of rooms chosen in a row only the last one counts."""
        for item in items:
            if (
                isinstance(item, JoinIntent)
                and self._items
                and isinstance(self._items[-1], JoinIntent)
            ):
                self._items.pop()
            self._items.append(item)

    def take(self) -> Intent:
        """What is to be done next. Raises `IndexError` where nothing is wanted."""
        return self._items.popleft()

    def take_until_join(self) -> tuple[str, list[str], list[CommandInput | PrivateIntent]]:
        """What was to be done before the next change of room, which is the one that failed.

        What goes back to the composer, which lines can't, and what can be done in any room.
        """
        for_the_room: list[TextLine | ActionIntent] = []
        for_any: list[CommandInput | PrivateIntent] = []
        while self._items and self._room_of(self._items[0]) is None:
            item = self._items.popleft()
            if isinstance(item, TextLine | ActionIntent):
                for_the_room.append(item)
            elif isinstance(item, CommandInput | PrivateIntent):
                for_any.append(item)
        return *_to_composer(for_the_room), for_any

    def take_all(self) -> tuple[str, list[str], list[PrivateIntent]]:
        """Nothing can be done any more: what goes back to the composer, and which lines can't.

        And what goes back to private conversations.
        """
        private = [
            item for item in self._items if isinstance(item, PrivateIntent) and not item.typed
        ]
        rest = [item for item in self._items if item not in private]
        self._items.clear()
        return *_to_composer(rest), private

    def texts_by_place(self, room: str) -> dict[str, str]:
        """What is to be said, by place, as it would have to stand in the composer.

        `room`: where that is said which waits for no other change of room.
        """
        waiting: dict[str, list[Intent]] = {}
        for item in self._items:
            goal = self._room_of(item)
            if goal is not None:
                room = goal
            elif isinstance(item, PrivateIntent) and not item.typed:
                waiting.setdefault(item.place, []).append(TextLine(item.text))
            else:
                waiting.setdefault(room, []).append(item)
        return {place: text for place, items in waiting.items() if (text := _to_composer(items)[0])}

    def target_rooms(self) -> list[str]:
        """The rooms that are to be gone to, in order."""
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
    """What goes back to the composer, and which lines can't.

    Commands can't stand among several lines: there they would be said aloud. What holds a password
    never goes back: it would be kept as a draft, and be there for all who look.
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
