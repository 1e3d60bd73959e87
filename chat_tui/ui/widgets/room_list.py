"""RoomList: the rooms with their numbers of members, and the private conversations."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from chat_tui.model import Location, RoomInfo
from chat_tui.ui.terminal import cut
from chat_tui.ui.widgets.caption import Caption
from chat_tui.ui.widgets.side_list import SideList, SideRow
from chat_tui.ui.widgets.text_input import SafeInput

MUTED: Final = "⊘"
"""The location is muted: it does not ring the bell and does not count in the title."""

HERE: Final = "▸"
"""The location in view."""

WAITING: Final = "•"
"""The room that the user is in, while a private conversation is in view."""

_OPEN: Final = "+ open a room {}"
"""The placeholder of the field for the name of a room, with the key that focuses it."""

_CONVERSATION: Final = "\n"
"""Prefix of the key of a conversation's row. The name of a room never begins with it."""


class RoomList(Vertical):
    """The left sidebar: rooms, private conversations, and a field that opens any other room.

    A click or Enter on a room joins it.
    """

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
        """The user typed the name of a room to join. The name is not validated yet."""

        name: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rooms: Sequence[RoomInfo] = ()
        self._people: Sequence[str] = ()
        self._viewed_person = ""
        self._unread: Mapping[str, int] = {}
        self._muted: Container[str] = ()

    def compose(self) -> ComposeResult:
        """Yield the heading, the list and the field."""
        yield Caption("ROOMS", classes="heading")
        yield SideList(id="room-rows")
        yield SafeInput(placeholder=_OPEN.format("^O"), compact=True, id="room-name")

    def set_open_key(self, key: str) -> None:
        """Name the key that focuses the field in its placeholder."""
        self.query_one(SafeInput).placeholder = _OPEN.format(key)

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
        width = rows.row_width
        shown = [self._room_row(room, width) for room in self._rooms]
        if self._people:
            shown += [SideRow(None, Content("")), SideRow(None, Content("PRIVATE"))]
            shown += [self._person_row(person, width) for person in self._people]
        rows.show(shown)

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

    def on_resize(self) -> None:
        """Draw again: numbers are aligned to the right edge."""
        self._draw()

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
        if event.value.strip():
            self.post_message(self.RoomNameEntered(event.value.strip()))

    def clear_field(self) -> None:
        """Empty the field: the name was accepted."""
        self.query_one(SafeInput).value = ""

    def _room_row(self, room: RoomInfo, width: int) -> SideRow:
        number = "" if room.members is None else f" {room.members}"
        mark = " "
        if room.current:
            mark = WAITING if self._viewed_person else HERE
        return SideRow(room.name, self._row(mark, room.name, room.name, number, width))

    def _person_row(self, person: str, width: int) -> SideRow:
        mark = HERE if person == self._viewed_person else " "
        row = self._row(mark, person, Location.private(person), "", width)
        return SideRow(_CONVERSATION + person, row)

    def _row(self, mark: str, text: str, location: str, number: str, width: int) -> Content:
        sign = f" {MUTED}" if location in self._muted else ""
        unread = f" ({self._unread[location]})" if location in self._unread else ""
        left = width - len(mark) - 1 - len(unread) - len(sign) - len(number)
        name = cut(text, left)
        gap = " " * max(0, left - cell_len(name))
        look = "$accent bold" if mark == HERE else ""
        quiet = "$foreground 60%"
        return Content.assemble(
            (f"{mark} {name}", look), (unread, "bold"), gap, (sign + number, quiet)
        )
