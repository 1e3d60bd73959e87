"""What the person wants done, in the order in which it was wanted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from chat_server.wire.protocol import Text
from chat_tui.input.parser import CommandLine, composed, deed_line
from chat_tui.input.redaction import holds_secret
from chat_tui.protocol.pending_requests import Kind, Origin, request
from chat_tui.protocol.private_messages import Privately


@dataclass(frozen=True, slots=True)
class Move:
    """A room was chosen, other than by typing."""

    room: str


@dataclass(frozen=True, slots=True)
class Deed:
    """What we do, to be told in the room, in the server's form."""

    text: str

    @property
    def command(self) -> CommandLine:
        """The command that tells it."""
        return deed_line(self.text)


Wanted = Move | CommandLine | Text | Deed | Privately


class Held:
    """What is wanted and has to wait: nothing may overtake a change of room.

    A text is meant for the room to which the last change before it leads. Where that fails, the
    text goes back to its writer; what stands behind the next change is not concerned.
    """

    def __init__(self) -> None:
        self._items: deque[Wanted] = deque()

    def __bool__(self) -> bool:
        return bool(self._items)

    def add(self, items: Iterable[Wanted]) -> None:
        """More is wanted. Of rooms chosen in a row only the last one counts."""
        for item in items:
            if isinstance(item, Move) and self._items and isinstance(self._items[-1], Move):
                self._items.pop()
            self._items.append(item)

    def take(self) -> Wanted:
        """What is to be done next. Raises `IndexError` where nothing is wanted."""
        return self._items.popleft()

    def take_until_move(self) -> tuple[str, list[str], list[CommandLine | Privately]]:
        """What was to be done before the next change of room, which is the one that failed.

        What goes back to the composer, which lines can't, and what can be done in any room.
        """
        for_the_room: list[Text | Deed] = []
        for_any: list[CommandLine | Privately] = []
        while self._items and self._room_of(self._items[0]) is None:
            item = self._items.popleft()
            if isinstance(item, Text | Deed):
                for_the_room.append(item)
            elif isinstance(item, CommandLine | Privately):
                for_any.append(item)
        return *_returned(for_the_room), for_any

    def take_all(self) -> tuple[str, list[str], list[Privately]]:
        """Nothing can be done any more: what goes back to the composer, and which lines can't.

        And what goes back to private conversations.
        """
        private = [item for item in self._items if isinstance(item, Privately) and not item.typed]
        rest = [item for item in self._items if item not in private]
        self._items.clear()
        return *_returned(rest), private

    def texts(self, room: str) -> dict[str, str]:
        """What is to be said, by place, as it would have to stand in the composer.

        `room`: where that is said which waits for no other change of room.
        """
        waiting: dict[str, list[Wanted]] = {}
        for item in self._items:
            goal = self._room_of(item)
            if goal is not None:
                room = goal
            elif isinstance(item, Privately) and not item.typed:
                waiting.setdefault(item.place, []).append(Text(item.text))
            else:
                waiting.setdefault(room, []).append(item)
        return {place: text for place, items in waiting.items() if (text := _returned(items)[0])}

    def rooms(self) -> list[str]:
        """The rooms that are to be gone to, in order."""
        rooms = [self._room_of(item) for item in self._items]
        return [room for room in rooms if room is not None]

    @staticmethod
    def _room_of(item: Wanted) -> str | None:
        if isinstance(item, Move):
            return item.room
        if isinstance(item, CommandLine):
            asked = request(item, Origin.TYPED)
            return asked.subject if asked.kind is Kind.JOIN else None
        return None


def _returned(items: Iterable[Wanted]) -> tuple[str, list[str]]:
    """What goes back to the composer, and which lines can't.

    Commands can't stand among several lines: there they would be said aloud. What holds a password
    never goes back: it would be kept as a draft, and be there for all who look.
    """
    texts: list[str] = []
    commands: list[str] = []
    for item in items:
        if isinstance(item, Text):
            texts.append(item.text)
        elif isinstance(item, CommandLine):
            commands.append(item.line)
        elif isinstance(item, Deed | Privately):
            commands.append(item.command.line)
    if not texts and len(commands) == 1 and not holds_secret(commands[0]):
        return commands[0], []
    return composed(texts), commands
