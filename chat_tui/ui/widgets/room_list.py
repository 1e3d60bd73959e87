"""RoomList: the rooms with their numbers of members, and the private conversations."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message

from chat_tui.model import Location, RoomInfo
from chat_tui.ui.terminal import cut
from chat_tui.ui.widgets.caption import Caption
from chat_tui.ui.widgets.side_list import SideList, SideRow
from chat_tui.ui.widgets.sidebar import Sidebar
from chat_tui.ui.widgets.text_input import SafeInput

MUTED: Final = "⊘"
"""The location is muted: it does not ring the bell and does not count in the title."""

HERE: Final = "▸"
"""The location in view."""

WAITING: Final = "•"
"""The room that the user is in, while a private conversation is in view."""

_OPEN: Final = ("+ open a room {}", "+ room {}", "+ {}")
"""The placeholders of the field for the name of a room, with the key that focuses it. The first
that fits is shown."""

_CONVERSATION: Final = "\n"
"""Prefix of the key of a conversation's row. The name of a room never begins with it."""


class RoomList(Sidebar):
    """The left sidebar: rooms, private conversations, and a field that opens any other room.

    A click or Enter on a room joins it.
    """

    INNER_EDGE = "right"
    FRAME = 2

    @dataclass
    class RoomChosen(Message):
        """The user asked to join this room of the list."""

        room: str

    @dataclass
    class ConversationChosen(Message):
        """The user asked to view the conversation with this person."""

        person: str

    @dataclass
    class RoomNameEntered(Message):
        """The user typed the name of a room to join, here without the `#` of other chats.

        The name is not validated yet.
        """

        name: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rooms: Sequence[RoomInfo] = ()
        self._people: Sequence[str] = ()
        self._viewed_person = ""
        self._unread: Mapping[str, int] = {}
        self._muted: Container[str] = ()
        self._open_key = "^O"

    def compose(self) -> ComposeResult:
        """Yield the heading, the list and the field."""
        yield Caption("ROOMS", classes="heading")
        yield SideList(id="room-rows")
        yield SafeInput(placeholder=_OPEN[0].format("^O"), compact=True, id="room-name")

    def set_open_key(self, key: str) -> None:
        """Name the key that focuses the field in its placeholder."""
        self._open_key = key

    def show(
        self,
        rooms: Sequence[RoomInfo],
        people: Sequence[str],
        viewed_person: str,
        unread: Mapping[str, int],
        muted: Container[str],
    ) -> None:
        """Draw these rooms and the conversations with these people.

        `viewed_person` is the partner of the conversation in view, "" if a room is in view.
        `unread` and `muted` are keyed by location.
        """
        self._rooms, self._unread, self._muted = rooms, unread, muted
        self._people, self._viewed_person = people, viewed_person
        self._draw()

    def _draw(self) -> None:
        rows = self.query_one(SideList)
        width = self.content_width - rows.scrolls(self._row_count)
        shown = [self._room_row(room, width) for room in self._rooms]
        if self._people:
            shown += [SideRow(None, Content("")), SideRow(None, Content("PRIVATE"))]
            shown += [self._person_row(person, width) for person in self._people]
        current = next((room.name for room in self._rooms if room.current), None)
        if self._viewed_person in self._people:
            current = _CONVERSATION + self._viewed_person
        rows.show(shown, current)
        names = [text.format(self._open_key) for text in _OPEN]
        fitting = (name for name in names if cell_len(name) <= width)
        self.query_one(SafeInput).placeholder = next(fitting, "+")

    def redraw(self) -> None:
        """Draw the rows again for another width."""
        self._draw()

    @property
    def needed_width(self) -> int:
        """The cells in which every row is shown whole."""
        rows = [*map(self._parts_of_room, self._rooms), *map(self._parts_of_person, self._people)]
        # A space after the mark, and one before the numbers.
        content = max((sum(map(cell_len, row)) + 1 for row in rows), default=0)
        return self.FRAME + content + self.query_one(SideList).scrolls(self._row_count)

    @property
    def _row_count(self) -> int:
        return len(self._rooms) + (len(self._people) + 2 if self._people else 0)

    def focus_list(self) -> None:
        """Focus the list, with the location in view highlighted."""
        rows = self.query_one(SideList)
        current = [index for index, room in enumerate(self._rooms) if room.current]
        if self._viewed_person in self._people:
            current = [rows.get_option_index(_CONVERSATION + self._viewed_person)]
        if current:
            rows.highlighted = current[0]
        rows.focus()

    def focus_field(self) -> None:
        """Focus the field that opens a room by its name."""
        self.query_one(SafeInput).focus()

    @on(SideList.OptionSelected)
    def _chosen(self, event: SideList.OptionSelected) -> None:
        event.stop()
        if event.option_id is None:
            return
        if event.option_id.startswith(_CONVERSATION):
            self.post_message(self.ConversationChosen(event.option_id[len(_CONVERSATION) :]))
        else:
            self.post_message(self.RoomChosen(event.option_id))

    @on(SafeInput.Submitted)
    def _name_submitted(self, event: SafeInput.Submitted) -> None:
        event.stop()
        if typed := event.value.strip():
            self.post_message(self.RoomNameEntered(typed.removeprefix("#") or typed))

    def clear_field(self) -> None:
        """Empty the field: the name was accepted."""
        self.query_one(SafeInput).value = ""

    def _room_row(self, room: RoomInfo, width: int) -> SideRow:
        return SideRow(room.name, self._row(*self._parts_of_room(room), width))

    def _person_row(self, person: str, width: int) -> SideRow:
        return SideRow(_CONVERSATION + person, self._row(*self._parts_of_person(person), width))

    def _parts_of_room(self, room: RoomInfo) -> tuple[str, str, str, str]:
        mark = " "
        if room.current:
            mark = WAITING if self._viewed_person else HERE
        number = "" if room.members is None else f" {room.members}"
        return (mark, room.name, self._unread_of(room.name), self._sign_of(room.name) + number)

    def _parts_of_person(self, person: str) -> tuple[str, str, str, str]:
        mark = HERE if person == self._viewed_person else " "
        location = Location.private(person)
        return (mark, person, self._unread_of(location), self._sign_of(location))

    def _unread_of(self, location: str) -> str:
        return f" ({self._unread[location]})" if location in self._unread else ""

    def _sign_of(self, location: str) -> str:
        return f" {MUTED}" if location in self._muted else ""

    def _row(self, mark: str, text: str, unread: str, quiet: str, width: int) -> Content:
        left = width - len(mark) - 1 - len(unread)
        if left - len(quiet) < cell_len(text) <= left:
            quiet = ""  # the whole name matters more
        left -= len(quiet)
        name = cut(text, left)
        gap = " " * max(0, left - cell_len(name))
        look = "$accent bold" if mark == HERE else ""
        return Content.assemble(
            (f"{mark} {name}", look), (unread, "bold"), gap, (quiet, "$text-muted")
        )
