"""PeopleList: the members of the room, and the people that the user follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message

from chat_server.wire import EVERYONE
from chat_tui.model import Person, Roster
from chat_tui.ui.terminal import cut, padded
from chat_tui.ui.widgets.caption import Caption
from chat_tui.ui.widgets.side_list import SideList, SideRow
from chat_tui.ui.widgets.sidebar import Sidebar

FOLLOWED: Final = "●"
"""The user follows this person by name."""

THROUGH_EVERYONE: Final = "◉"
"""The user follows everyone; also the mark of the row "everyone"."""

NOT_FOLLOWED: Final = "○"
"""The user does not receive messages of this person."""

RECENT_SPEAKER: Final = "‹"
"""This person wrote a message within the last minute."""


PEOPLE_ROWS: Final = "people-rows"
"""The id of the list of people."""


@dataclass(frozen=True, slots=True)
class PeopleActivity:
    """The number of unread messages by author, and the recent speakers."""

    unread: Mapping[str, int] = field(default_factory=dict)
    recent_speakers: frozenset[str] = frozenset()


class PeopleList(Sidebar):
    """The right sidebar. A click or Enter on a name follows, or stops following."""

    INNER_EDGE = "left"
    FRAME = 1

    @dataclass
    class Toggled(Message):
        """The user asked to follow this name ("*": everyone), or to stop following it."""

        name: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._people = Roster()
        self._activity = PeopleActivity()
        self._everyone_offered = True
        self._viewed_person = ""

    def compose(self) -> ComposeResult:
        """Yield the heading, the list, and a hint for an empty one."""
        yield Caption("FOLLOWING", classes="heading")
        yield SideList(id=PEOPLE_ROWS)
        yield Caption(id="people-advice")

    def show(
        self,
        people: Roster,
        activity: PeopleActivity,
        *,
        everyone_offered: bool,
        viewed_person: str = "",
    ) -> None:
        """Draw these people. `everyone_offered`: the server supports following everyone.

        `viewed_person` is the partner of the conversation in view: their row is kept in view.
        """
        self._people = people
        self._viewed_person = viewed_person
        self._activity = activity
        self._everyone_offered = everyone_offered
        self.redraw()

    def redraw(self) -> None:
        """Draw the rows again for another width."""
        side_list, width = self.query_one(SideList), self.content_width
        rows = self._rows(width)
        if side_list.scrolls(len(rows)):
            rows = self._rows(width - 1)
        side_list.show(rows, self._viewed_person or None)
        advice = self.query_one("#people-advice", Caption)
        advice.update(self._empty_hint())

    @property
    def needed_width(self) -> int:
        """The cells in which every row is shown whole."""
        people, unread = self._people, self._activity.unread
        shown = [*people.here(), *people.elsewhere(extra=unread.keys() - {""})]
        widths = [2 + len("everyone")] if self._everyone_offered else []
        for person in shown:
            number = f" {RECENT_SPEAKER} {unread[person.name]}" if person.name in unread else ""
            widths.append(2 + cell_len(person.name) + len(" (you)" if person.own else number))
        rows = len(shown) + 5  # the headings and the blank rows above them
        scrollbar = self.query_one(SideList).scrolls(rows)
        return self.FRAME + max(widths, default=0) + scrollbar

    def focus_list(self) -> None:
        """Focus the list, with a row highlighted."""
        rows = self.query_one(SideList)
        if rows.highlighted is None:
            rows.action_first()
        rows.focus()

    @on(SideList.OptionSelected)
    def _toggled(self, event: SideList.OptionSelected) -> None:
        event.stop()
        if event.option_id is not None:
            self.post_message(self.Toggled(event.option_id))

    def _rows(self, width: int) -> list[SideRow]:
        people = self._people
        rows: list[SideRow] = []
        if self._everyone_offered:
            mark = THROUGH_EVERYONE if people.everyone else NOT_FOLLOWED
            rows.append(SideRow(EVERYONE, _person_content(mark, "everyone", width)))
        here, elsewhere = people.here(), people.elsewhere(extra=self._activity.unread.keys() - {""})
        if here:
            rows += [_blank(), _heading("HERE")]
            rows += [self._person(person, width) for person in here]
        if elsewhere:
            rows += [_blank(), _heading("ELSEWHERE" if people.known else "FOLLOWED")]
            rows += [self._person(person, width) for person in elsewhere]
        return rows[1:] if rows and rows[0] == _blank() else rows

    def _person(self, person: Person, width: int) -> SideRow:
        if person.own:
            fits = 2 + cell_len(person.name) + len(" (you)") <= width
            return SideRow(None, Content(f"· {person.name} (you)" if fits else "· you"))
        mark = NOT_FOLLOWED
        if person.followed:
            mark = FOLLOWED
        elif self._people.everyone:
            mark = THROUGH_EVERYONE
        unread = self._activity.unread.get(person.name, 0)
        spoke = person.name in self._activity.recent_speakers
        return SideRow(
            person.name, _person_content(mark, person.name, width, unread, is_recent_speaker=spoke)
        )

    def _empty_hint(self) -> str:
        people = self._people
        if people.known and len(people.here()) == 1:
            return "No one else is here."
        if not people.known and not self._everyone_offered:
            return "This server does not list members. Follow people with /subscribe NAME."
        return ""


def _person_content(
    mark: str, name: str, width: int, unread: int = 0, *, is_recent_speaker: bool = False
) -> Content:
    style = "$text-muted" if mark == NOT_FOLLOWED else "$foreground"
    sign = f" {RECENT_SPEAKER}" if is_recent_speaker else ""
    number = f" {unread}" if unread else ""
    name = padded(cut(name, width - 2 - len(sign) - len(number)) + sign, width - 2 - len(number))
    return Content.assemble(
        (f"{mark} ", style),
        (name, f"{style} bold" if is_recent_speaker else style),
        (number, "bold"),
    )


def _heading(text: str) -> SideRow:
    return SideRow(None, Content(text))


def _blank() -> SideRow:
    return SideRow(None, Content(" "))
