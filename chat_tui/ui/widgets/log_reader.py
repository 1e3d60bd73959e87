"""TalkLog: a log that is read by hand: a cursor on one message, a search, links and authors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from chat_tui.model import EntryState, Link, RoomLog, find_links
from chat_tui.ui.terminal import CopyRequested
from chat_tui.ui.widgets.log_painting import RowRenderer
from chat_tui.ui.widgets.log_rows import TEXT_ROWS, Row, RowKind, head_of, shown_text
from chat_tui.ui.widgets.log_search import LogSearch, SearchQuery
from chat_tui.ui.widgets.log_selection import character_at
from chat_tui.ui.widgets.message_log import MessageLog


class _ViewPosition(NamedTuple):
    """Where somebody was: at the top of the view (None: the end was followed), and at its end."""

    top: Row | None
    bottom: int


class LogReader(MessageLog):
    """While the cursor is on a message that is not the newest, what comes does not move the view.

    The cursor is there while the log has the focus or something is searched; it and every hit are
    known by the entry's id.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor(-1)", "Older", show=False, id="log.older"),
        Binding("down", "cursor(1)", "Newer", show=False, id="log.newer"),
        Binding("c,y", "copy_message", "Copy", id="log.copy"),
        Binding("o", "open_link", "Link", id="log.link"),
        Binding("f", "follow_author", "Follow", id="log.follow"),
        Binding("r", "resend_message", "Again", show=False, id="log.resend"),
    ]

    @dataclass
    class AuthorChosen(Message):
        """Somebody wants to follow this person, or no longer."""

        name: str

    @dataclass
    class LinkChosen(Message):
        """Somebody wants to know where a link leads; the others are of the same message."""

        links: Sequence[Link]
        chosen: int
        author: str

    @dataclass
    class Searched(Message):
        """What a search found: the number of the hit one is at (from 1 at the oldest), of all."""

        number: int
        hits: int

    class SearchEnded(Message):
        """Another log is in view: what was searched was not in it."""

    @dataclass
    class ActionUnavailable(Message):
        """A key did nothing; this is why."""

        reason: str

    _cursor: int | None = None
    _search: LogSearch | None = None
    _search_origin: _ViewPosition | None = None
    _reported: tuple[int, int] | None = None

    def show(self, log: RoomLog, mention: re.Pattern[str] | None, hint: str) -> None:
        """As before; a search goes on in what came, and ends where another log comes."""
        if log is not self._log_layout.log:
            self._point_at(None)
            if self._search_origin is not None:
                self._search = self._search_origin = None
                self.post_message(self.SearchEnded())
        super().show(log, mention, hint)
        if self._cursor is not None and self._cursor < log.first:
            self._point_at(log.first)
        if self._search is not None:
            self._search.update()
            self._report()

    def _renderer(self) -> RowRenderer:
        painter = super()._renderer()
        painter.cursor = self._cursor
        painter.query = self._search.query if self._search is not None else None
        return painter

    # The cursor

    @property
    def cursor(self) -> int | None:
        """The id of the entry that the cursor is on."""
        return self._cursor

    def action_follow(self) -> None:
        """Go to the newest; while one searches, that is then where one came from."""
        self._point_at(None)
        if self._search_origin is not None:
            self._search_origin = _ViewPosition(None, self._log_layout.end)
        super().action_follow()

    def action_cursor(self, by: int) -> None:
        """To the message above or below; from nowhere, or from out of view, into what is in view.

        Below the newest there is nothing: then it is followed again.
        """
        layout = self._log_layout
        if not layout.rows:
            return
        top, bottom = self._entries_in_view()
        if self._cursor is None or not top <= self._cursor <= bottom:
            self._go_to(bottom if by < 0 else top)
        elif self._cursor + by >= layout.log.end:
            self._follow()
        else:
            self._go_to(max(layout.log.first, self._cursor + by))

    def on_blur(self) -> None:
        """The cursor is for who reads; where the newest is in view it is followed again."""
        if self._search is None:
            self._leave_cursor()

    def _leave_cursor(self) -> None:
        self._point_at(None)
        if not self._following and self.scroll_offset.y >= self.max_scroll_y:
            self._follow()

    def _entries_in_view(self) -> tuple[int, int]:
        rows = self._log_layout.rows
        top = min(self.scroll_offset.y, len(rows) - 1)
        bottom = min(top + self.scrollable_content_region.height, len(rows)) - 1
        return rows[top].entry, rows[bottom].entry

    def _point_at(self, entry_id: int | None) -> None:
        if entry_id != self._cursor:
            self._cursor = entry_id
            self._strips.clear()
            self.refresh()

    def _go_to(self, entry_id: int, *, centered: bool = False) -> None:
        """Put the cursor there and have all of it in view; `amid`: with what stands around it."""
        layout, height = self._log_layout, self.scrollable_content_region.height
        self._point_at(entry_id)
        first, end = layout.first_row_of(entry_id), layout.first_row_of(entry_id + 1)
        top = self.scroll_offset.y
        if first < top or end > top + height:
            if centered:
                top = first - max(0, height - (end - first)) // 2
            else:
                top = first if first < top or end - first > height else end - height
            self.scroll_to(y=max(0, top), animate=False)
        at_end = self.scroll_offset.y >= self.max_scroll_y
        self._following = at_end and end == len(layout.rows)
        self._view_changed()
        self.refresh()

    # What can be done with the message under it

    def action_copy_message(self) -> None:
        """Put the message's text into the clipboard, as it was said."""
        if self._cursor is None:
            self.post_message(self.ActionUnavailable("No message is chosen: press Up first."))
            return
        self.post_message(CopyRequested(shown_text(self._log_layout.log[self._cursor])))

    def action_open_link(self) -> None:
        """Show where the links of the message lead; without a cursor, of the newest that has any.

        Only what is in view: nobody opens what they have not seen.
        """
        entries = [self._cursor]
        if self._cursor is None and self._log_layout.rows:
            top, bottom = self._entries_in_view()
            entries = list(range(bottom, top - 1, -1))
        for entry_id in entries:
            if entry_id is not None and self._links_of(entry_id):
                self._choose_link(entry_id, 0)
                return
        self.post_message(self.ActionUnavailable("There is no link in this message."))

    def action_follow_author(self) -> None:
        """Follow who said it, or no longer."""
        entry = None if self._cursor is None else self._log_layout.log[self._cursor]
        if entry is None:
            self.post_message(self.ActionUnavailable("No message is chosen: press Up first."))
        elif entry.author and not entry.own:
            self.post_message(self.AuthorChosen(entry.author))

    def action_resend_message(self) -> None:
        """Send it again, if it was not confirmed."""
        if self._cursor is None:
            return
        if self._log_layout.log[self._cursor].state is EntryState.UNCONFIRMED:
            self.post_message(self.ResendRequested(self._cursor))

    def _links_of(self, entry_id: int) -> list[Link]:
        return find_links(shown_text(self._log_layout.log[entry_id]))

    def _choose_link(self, entry_id: int, chosen: int) -> None:
        entry = self._log_layout.log[entry_id]
        author = "you" if entry.own else entry.author
        self.post_message(self.LinkChosen(self._links_of(entry_id), chosen, author))

    def on_click(self, event: events.Click) -> None:
        """A click on a link shows where it leads, one on an author follows them, or no longer.

        Not the end of a drag, which selects text; nor what belongs to the label "new below".
        """
        number = self.scroll_offset.y + event.y
        layout = self._log_layout
        if event.chain > 1 or number >= len(layout.rows) or self._is_on_label(event):
            return
        row = layout.rows[number]
        if row.kind not in TEXT_ROWS or self.has_selected_text:
            return
        entry = layout.log[row.entry]
        if row.kind is RowKind.HEAD and entry.author and not entry.own:
            time, space, label, _ = head_of(row, entry, layout.columns)
            x = cell_len(time + space)
            if x <= event.x < x + cell_len(label):
                self.post_message(self.AuthorChosen(entry.author))
        place = character_at(layout, row, event.x)
        for chosen, link in enumerate(self._links_of(row.entry)):
            if place is not None and link.start <= place < link.end:
                self._choose_link(row.entry, chosen)

    # The search

    def begin_search(self) -> None:
        """Remember where one is. Each of the following is called after this one."""
        if self._search_origin is None:
            bottom = self._entries_in_view()[1] if self._log_layout.rows else 0
            self._search_origin = _ViewPosition(self._anchor(), bottom)

    def search(self, text: str) -> None:
        """Look for something else: from where one came, backwards; with no hit, back there."""
        known = None if self._search is None else self._search.query.text
        if self._search_origin is None or text == known:
            return
        self._search = LogSearch(self._log_layout.log, SearchQuery(text))
        self._search.select_nearest(self._search_origin.bottom)
        self._reported = None
        self._strips.clear()
        self._show_hit()

    def step(self, by: int) -> None:
        """To an older (-1) or a newer (1) hit."""
        if self._search is not None:
            self._search.step(by)
            self._show_hit()

    def end_search(self, *, back: bool) -> None:
        """Hits are no longer marked; go back to where one was, or stay with the cursor."""
        self._search = None
        self._strips.clear()
        if back:
            self._go_back()
        self._search_origin = None
        self.refresh()

    def _show_hit(self) -> None:
        assert self._search is not None
        if self._search.current is None:
            self._go_back()
        else:
            self._go_to(self._search.current, centered=True)
        self._report()

    def _go_back(self) -> None:
        place = self._search_origin
        self._point_at(None)
        if place is None:
            return
        if place.top is None:
            self._follow()
        else:
            self._following = False
            self._restore_view(place.top)

    def _report(self) -> None:
        assert self._search is not None
        told = (self._search.number, len(self._search))
        if told != self._reported:
            self._reported = told
            self.post_message(self.Searched(*told))
