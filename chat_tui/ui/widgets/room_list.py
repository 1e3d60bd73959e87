"""RoomList: the rooms and the private conversations, with their unread numbers."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from chat_tui.model import Location, RoomInfo, UnreadNumbers
from chat_tui.ui.widgets.caption import Caption
from chat_tui.ui.widgets.place_row import PlaceRow
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

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete", "forget", "Forget", id="rooms.forget"),
    ]

    @dataclass
    class RoomChosen(Message):
        """The user asked to join this room of the list."""

        room: str

    @dataclass
    class ConversationChosen(Message):
        """The user asked to view the conversation with this person."""

        person: str

    @dataclass
    class ForgetRequested(Message):
        """The user asked to remove this place from the list."""

        place: Location

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
        self._unread: Mapping[str, UnreadNumbers] = {}
        self._muted: Container[str] = ()
        self._shows_members = True
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
        unread: Mapping[str, UnreadNumbers],
        muted: Container[str],
        *,
        shows_members: bool,
    ) -> None:
        """Draw these rooms and the conversations with these people.

        `viewed_person` is the partner of the conversation in view, "" if a room is in view.
        `unread` and `muted` are keyed by location. `shows_members`: the number at the right edge is
        that of the members, and the unread messages are behind the name. Otherwise the unread
        messages and mentions are at the right edge.
        """
        self._rooms, self._unread, self._muted = rooms, unread, muted
        self._shows_members = shows_members
        self._people, self._viewed_person = people, viewed_person
        self._draw()

    def _draw(self) -> None:
        rows = self.query_one(SideList)
        width = self.content_width - rows.scrolls(self._row_count)
        shown = [SideRow(room.name, self._row_of_room(room).content(width)) for room in self._rooms]
        if self._people:
            shown += [SideRow(None, Content("")), SideRow(None, Content("PRIVATE"))]
            shown += [
                SideRow(_CONVERSATION + person, self._row_of_person(person).content(width))
                for person in self._people
            ]
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
        rows = [*map(self._row_of_room, self._rooms), *map(self._row_of_person, self._people)]
        content = max((row.needed_width for row in rows), default=0)
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

    @property
    def highlighted_place(self) -> Location | None:
        """The place of the highlighted row, None if there is none."""
        option = self.query_one(SideList).highlighted_option
        if option is None or option.id is None:
            return None
        if option.id.startswith(_CONVERSATION):
            return Location.private(option.id[len(_CONVERSATION) :])
        return Location(option.id)

    def action_forget(self) -> None:
        """Ask to remove the highlighted place from the list."""
        if (place := self.highlighted_place) is not None:
            self.post_message(self.ForgetRequested(place))

    def _row_of_room(self, room: RoomInfo) -> PlaceRow:
        mark = " "
        if room.current:
            mark = WAITING if self._viewed_person else HERE
        # The sixteen colours have no muted one.
        dimmed = "dim" if self.has_pseudo_class("ansi") else "$text-muted"
        style = dimmed if room.is_empty else ""
        return self._row(mark, room.name, Location(room.name), room.members, style)

    def _row_of_person(self, person: str) -> PlaceRow:
        mark = HERE if person == self._viewed_person else " "
        return self._row(mark, person, Location.private(person), None)

    def _row(
        self, mark: str, name: str, place: Location, members: int | None, quiet_style: str = ""
    ) -> PlaceRow:
        return PlaceRow(
            mark,
            name,
            self._unread.get(place, UnreadNumbers()),
            sign=MUTED if place in self._muted else "",
            members=members if self._shows_members else None,
            unread_is_at_name=self._shows_members,
            is_viewed=mark == HERE,
            quiet_style=quiet_style,
        )
