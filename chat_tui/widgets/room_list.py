"""RoomList: which rooms there are, how many are in each, and which one we are in."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from chat_tui.model.rooms import Room
from chat_tui.widgets.caption import Caption
from chat_tui.widgets.cells import padded
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
        self._muted: Container[str] = ()

    def compose(self) -> ComposeResult:
        """The heading, the list, the field."""
        yield Caption("ROOMS", classes="heading")
        yield SideList(id="room-rows")
        yield Field(placeholder="+ open a room ^O", compact=True, id="room-name")

    def show(self, rooms: Sequence[Room], muted: Container[str] = ()) -> None:
        """Draw these rooms; those of `muted` call nobody."""
        self._rooms, self._muted = rooms, muted
        rows = self.query_one(SideList)
        width = rows.row_width
        rows.show(
            [SideRow(room.name, _row(room, width, muted=room.name in muted)) for room in rooms]
        )

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
        self.show(self._rooms, self._muted)

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


def _row(room: Room, width: int, *, muted: bool) -> Content:
    mark = "▸ " if room.current else "  "
    number = "" if room.members is None else f" {room.members}"
    number = f" {MUTED}{number}" if muted else number
    name = padded(room.name, width - len(mark) - len(number))
    style = "$accent bold" if room.current else ""
    return Content.assemble((mark + name, style), (number, "$foreground 60%"))
