"""RoomList: which rooms there are, how many are in each, and which one we are in."""

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

from chat_tui.model.rooms import Room
from chat_tui.widgets.caption import Caption
from chat_tui.widgets.cells import cut
from chat_tui.widgets.field import Field
from chat_tui.widgets.side_list import SideList, SideRow

MUTED: Final = "⊘"
"""Calls nobody: no bell, nothing in the title."""


class RoomList(Vertical):
    """The left sidebar. A click or Enter on a room goes there; the field below opens any other."""

    @dataclass
    class RoomChosen(Message):
        """Somebody wants to go to this room of the list."""

        room: str

    @dataclass
    class RoomNamed(Message):
        """Somebody typed the name of a room to go to; whether it is a name is not known."""

        name: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rooms: Sequence[Room] = ()
        self._unread: Mapping[str, int] = {}
        self._muted: Container[str] = ()

    def compose(self) -> ComposeResult:
        """The heading, the list, the field."""
        yield Caption("ROOMS", classes="heading")
        yield SideList(id="room-rows")
        yield Field(placeholder="+ open a room ^O", compact=True, id="room-name")

    def show(self, rooms: Sequence[Room], unread: Mapping[str, int], muted: Container[str]) -> None:
        """Draw these rooms; `unread`: how much is, by room; those of `muted` call nobody."""
        self._rooms, self._unread, self._muted = rooms, unread, muted
        rows = self.query_one(SideList)
        rows.show([self._row(room, rows.row_width) for room in rooms])

    def focus_list(self) -> None:
        """Let keys go to the list, with the current room highlighted."""
        rows = self.query_one(SideList)
        current = [index for index, room in enumerate(self._rooms) if room.current]
        if current:
            rows.highlighted = current[0]
        rows.focus()

    def focus_field(self) -> None:
        """Let keys go to the field that opens a room by its name."""
        self.query_one(Field).focus()

    def on_resize(self) -> None:
        """Numbers stand at the right edge, wherever that is."""
        self.show(self._rooms, self._unread, self._muted)

    @on(SideList.OptionSelected)
    def _chosen(self, event: SideList.OptionSelected) -> None:
        event.stop()
        if event.option_id is not None:
            self.post_message(self.RoomChosen(event.option_id))

    @on(Field.Submitted)
    def _named(self, event: Field.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.post_message(self.RoomNamed(event.value.strip()))

    def clear_field(self) -> None:
        """The name was taken."""
        self.query_one(Field).value = ""

    def _row(self, room: Room, width: int) -> SideRow:
        mark = "▸ " if room.current else "  "
        number = "" if room.members is None else f" {room.members}"
        sign = f" {MUTED}" if room.name in self._muted else ""
        unread = f" ({self._unread[room.name]})" if room.name in self._unread else ""
        left = width - len(mark) - len(unread) - len(sign) - len(number)
        name = cut(room.name, left)
        gap = " " * max(0, left - cell_len(name))
        look = "$accent bold" if room.current else ""
        quiet = "$foreground 60%"
        return SideRow(
            room.name,
            Content.assemble((mark + name, look), (unread, "bold"), gap, (sign + number, quiet)),
        )
