"""MessageLog: the messages of a room or private conversation, on Textual's line API.

No stock widget wraps again when the width changes, keeps its position while messages come, and lets
the user select text. The parts of the log do this: `LogLayout` (rows), `LogViewport` (scrolling),
`LogStrips` (drawing), `LogSelection`, `LogCursor` and `LogSearchController`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from chat_tui.events import PageKind
from chat_tui.model import (
    HUES,
    Entry,
    EntryState,
    Link,
    MentionFinder,
    RoomLog,
    find_links,
)
from chat_tui.ui.terminal import CopyRequested
from chat_tui.ui.widgets.log_cursor import LogCursor
from chat_tui.ui.widgets.log_layout import LogLayout
from chat_tui.ui.widgets.log_loading import LogLoading
from chat_tui.ui.widgets.log_painting import STYLE_NAMES
from chat_tui.ui.widgets.log_rows import TEXT_ROWS, Row, RowKind, shown_text, with_author
from chat_tui.ui.widgets.log_search_controller import LogSearchController
from chat_tui.ui.widgets.log_selection import LogSelection, author_at, character_at
from chat_tui.ui.widgets.log_strips import LogStrips
from chat_tui.ui.widgets.log_sync import LogSync
from chat_tui.ui.widgets.log_viewport import LogViewport
from chat_tui.ui.widgets.quote import quote_of

_ON_MESSAGE: Final = frozenset(
    ("copy_message", "quote_message", "open_link", "follow_author", "resend_message")
)
"""Actions on the selected message. Without one, their letters are text for the composer."""


class MessageLog(ScrollView, can_focus=True):
    """A view of a `RoomLog`: the newest entry at the bottom, followed until the user scrolls up.

    Only the screen's thread calls it. It keeps row numbers and offsets; the text stays in the
    `RoomLog`.
    """

    # A click selects text or presses a label; what is typed next still goes to the composer.
    FOCUS_ON_CLICK = False

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"message-log--{name}" for name in STYLE_NAMES} | {
        f"message-log--author-{hue}" for hue in range(HUES)
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor(-1)", "Older", show=False, id="log.older"),
        Binding("down", "cursor(1)", "Newer", show=False, id="log.newer"),
        Binding("c,y", "copy_message", "Copy", id="log.copy"),
        Binding("q", "quote_message", "Quote", id="log.quote"),
        Binding("o", "open_link", "Link", id="log.link"),
        Binding("f", "follow_author", "Follow", id="log.follow"),
        Binding("r", "resend_message", "Again", id="log.resend"),
        Binding("end", "follow", "Newest", id="log.newest"),
    ]

    @dataclass
    class ResendRequested(Message):
        """The user asked to send an unconfirmed message again."""

        entry_id: int

    @dataclass
    class AuthorChosen(Message):
        """The user asked to follow this person, or to stop following them."""

        name: str

    @dataclass
    class QuoteRequested(Message):
        """The user asked to quote a message."""

        quote: str
        """One line."""

    @dataclass
    class LinkChosen(Message):
        """The user asked where a link leads."""

        links: Sequence[Link]
        """All links of the message."""
        chosen: int
        """The index of the link in `links`."""
        author: str

    @dataclass
    class Searched(Message):
        """The result of a search has changed."""

        number: int
        """The number of the current hit, counted from 1 at the oldest; 0: there is none."""
        hits: int

    class SearchEnded(Message):
        """The search ended because another log is shown."""

    @dataclass
    class PageWanted(Message):
        """The user scrolled to an edge of the log: EARLIER or LATER messages are needed."""

        kind: PageKind

    class PresentWanted(Message):
        """The user wants to see the newest messages, which the shown log does not hold."""

    class CursorMoved(Message):
        """Another message is selected, or none."""

    @dataclass
    class ActionUnavailable(Message):
        """A key had no effect."""

        reason: str

    def __init__(
        self, now: Callable[[], datetime] = datetime.now, *, id: str | None = None
    ) -> None:
        """`now` returns the local time without a zone."""
        super().__init__(id=id)
        # Textual takes every segment for a link of its own, and would draw the whole log again
        # whenever the mouse moves from one to another.
        self.set_reactive(MessageLog.auto_links, False)
        self._log_layout = LogLayout()
        self._viewport = LogViewport(self, self._log_layout, now)
        self._strips = LogStrips(self, self._log_layout, lambda: now().date())
        self._selection = LogSelection(self, self._log_layout)
        self._cursor = LogCursor(self, self._log_layout, self._viewport, self._cursor_moved)
        self._search = LogSearchController(self._cursor, self._viewport, self._log_layout.is_shown)
        self._sync = LogSync(
            self._log_layout, self._viewport, self._selection, self._cursor, self._search
        )
        self._loading = LogLoading(self, self._log_layout, self._page_wanted)

    def on_mount(self) -> None:
        """Update the read marker when the terminal window loses or gets the focus."""
        self.watch(self.app, "app_focus", self._viewport.update_read_marker, init=False)

    # Called by the screen

    def show(self, log: RoomLog, mention: MentionFinder, hint: str) -> None:
        """Draw `log` from now on; if it is drawn already, draw what changed in it.

        `mention` finds what is addressed to the user. `hint` is shown in an empty log. A search
        goes on in new entries, and ends when another log is shown.
        """
        self._strips.set_hint(hint)
        if self._sync.show(log, mention):
            self.post_message(self.SearchEnded())
        self._report_search()

    def set_resend_key(self, key: str) -> None:
        """Name this key in the hint below each unconfirmed message."""
        self._sync.rearrange(lambda: self._log_layout.set_resend_key(key))

    def show_presence(self, shown: bool) -> None:
        """Show or hide comings and goings."""
        self._sync.rearrange(lambda: self._log_layout.show_presence(shown))

    def shows(self, log: RoomLog) -> bool:
        """Return True if `log` was the one of the last call of `show`."""
        return self._log_layout.log is log

    @property
    def following(self) -> bool:
        """True if the newest entry is in view and will be when another one comes."""
        return self._viewport.following

    @property
    def new_below(self) -> int:
        """The number of messages that arrived since the user scrolled up."""
        return self._viewport.new_below

    @property
    def top_entry(self) -> int | None:
        """The id of the entry at the top of the view, None in an empty log."""
        top = self._viewport.top_row()
        return None if top is None else top.entry

    @property
    def longest_label(self) -> int:
        """The cells of the longest name in the author's column."""
        return self._log_layout.longest_label

    @property
    def cursor(self) -> int | None:
        """The id of the entry that the cursor is on."""
        return self._cursor.entry

    def action_follow(self) -> None:
        """Go to the newest entry and follow what comes. The end of a search leads there, too."""
        self._cursor.set(None)
        self._search.return_to_end(self._log_layout.end)
        if self._log_layout.log.present is not None:
            self.post_message(self.PresentWanted())
        else:
            self._viewport.follow()

    # The edges of the log

    def scroll_page_up(self, **options: Any) -> None:
        """Scroll up; at the top, ask for earlier messages."""
        self._loading.at_top()
        super().scroll_page_up(**options)

    def scroll_page_down(self, **options: Any) -> None:
        """Scroll down; at the bottom, ask for later messages."""
        self._loading.at_bottom()
        super().scroll_page_down(**options)

    def scroll_home(self, **options: Any) -> None:
        """Scroll to the oldest entry; at the top, ask for earlier messages."""
        self._loading.at_top()
        super().scroll_home(**options)

    def action_page_up(self) -> None:
        """Scroll up, also in a log that is shorter than the view."""
        self.scroll_page_up(animate=False)

    def action_scroll_home(self) -> None:
        """Scroll to the oldest entry, also in a log that is shorter than the view."""
        self.scroll_home(animate=False)

    def on_mouse_scroll_up(self) -> None:
        """At the top, ask for earlier messages."""
        self._loading.at_top()

    def on_mouse_scroll_down(self) -> None:
        """At the bottom, ask for later messages."""
        self._loading.at_bottom()

    def _page_wanted(self, kind: PageKind) -> None:
        self.post_message(self.PageWanted(kind))

    # Called by Textual

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow or stop following after the user scrolled."""
        super().watch_scroll_y(old_value, new_value)
        if self._viewport.scrolled(new_value):
            self._loading.scrolled(old_value, new_value)

    def on_resize(self, event: events.Resize) -> None:
        """Wrap again for another width; the entry at the top stays there."""
        width = self.scrollable_content_region.width
        anchor = self._viewport.anchor()
        if width > 0 and width != self._log_layout.columns.width:
            self._log_layout.set_width(width)
            self._selection.clear()
        self._viewport.restore(anchor)
        self._sync.begin_at_new()

    def on_blur(self) -> None:
        """Remove the cursor, unless the user searches; follow again if the end is in view."""
        if self._search.query is None:
            self._cursor.set(None)
            self._viewport.follow_if_at_end()

    def notify_style_update(self) -> None:
        """Draw everything again: the theme has changed."""
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """Return the row at `y` of the view."""
        width, height = self.scrollable_content_region.size
        base = self._strips.base
        if not self._log_layout.rows:
            return self._strips.hint_row(y, width, height).adjust_cell_length(width, base)
        number = self.scroll_offset.y + y
        if number >= len(self._log_layout.rows):
            return Strip.blank(width, base)
        strip = self._strips.row(
            number,
            first=y == 0,
            cursor=self._cursor.entry,
            query=self._search.query,
            selected=self._selection.span(number),
        ).adjust_cell_length(width, base)
        if y == height - 1 and not self.following:
            label = self._viewport.below_label
            left = strip.crop(0, max(0, width - cell_len(label)))
            below = self._strips.below_label(label, has_new=self.new_below > 0)
            return Strip.join([left, below])
        return strip

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Return the selected text, for the clipboard."""
        text = self._selection.text
        return (text, "\n") if text else None

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the new selection, within the rows that are in view now."""
        top = self.scroll_offset.y
        bottom = top + self.scrollable_content_region.height - 1
        self._selection.update(selection, top, bottom)

    def on_click(self, event: events.Click) -> None:
        """Press the label, hint, author or link under the mouse; a double click selects."""
        if self._is_on_label(event):
            event.stop()
            self.action_follow()
            return
        number = self.scroll_offset.y + event.y
        if number >= len(self._log_layout.rows):
            return
        row = self._log_layout.rows[number]
        if event.y == 0:
            row = with_author(row)  # as it is drawn
        if row.kind is RowKind.HINT:
            event.stop()
            self.post_message(self.ResendRequested(row.entry))
        elif event.chain >= 2:
            event.stop()
            event.prevent_default()  # Textual would select the whole log, or screen
            self._selection.select_entry(row.entry)
        elif row.kind in TEXT_ROWS and not self._selection.text:  # not the end of a drag
            self._click_on_text(row, event.x)

    def _is_on_label(self, event: events.Click) -> bool:
        width, height = self.scrollable_content_region.size
        on_it = event.y == height - 1 and event.x >= width - cell_len(self._viewport.below_label)
        return on_it and not self.following

    # The message under the cursor or the mouse

    def _cursor_moved(self) -> None:
        self.post_message(self.CursorMoved())

    def action_cursor(self, by: int) -> None:
        """Move the cursor to an older (-1) or a newer (1) message; at an edge, ask for more."""
        before = self.cursor
        self._cursor.move(by)
        if self.cursor != before:
            return
        if by < 0:
            self._loading.at_top()
        else:
            self._loading.at_bottom()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what acts on a message only while one is selected. Called by Textual."""
        return action not in _ON_MESSAGE or self.cursor is not None

    def action_copy_message(self) -> None:
        """Copy the text of the message to the clipboard, without its time and author."""
        if (entry := self._chosen_entry()) is not None:
            self.post_message(CopyRequested(shown_text(self._log_layout.shown(entry.id))))

    def action_quote_message(self) -> None:
        """Quote the message in the composer."""
        if (entry := self._chosen_entry()) is None:
            return
        if quote := quote_of(entry):
            self.post_message(self.QuoteRequested(quote))
        else:
            self.post_message(self.ActionUnavailable("Only messages can be quoted."))

    def action_open_link(self) -> None:
        """Show where the links of the message lead; without a cursor, of the newest that has any.

        Only messages in view count: the user must see a link before it can be opened.
        """
        entries = [self.cursor]
        if self.cursor is None and self._log_layout.rows:
            top, bottom = self._viewport.entries_in_view()
            entries = list(range(bottom, top - 1, -1))
        for entry_id in entries:
            if entry_id is not None and self._links_of(entry_id):
                self._choose_link(entry_id, 0)
                return
        self.post_message(self.ActionUnavailable("There is no link in this message."))

    def action_follow_author(self) -> None:
        """Follow the author of the message, or stop following them."""
        entry = self._chosen_entry()
        if entry is not None and entry.author and not entry.own:
            self.post_message(self.AuthorChosen(entry.author))

    def action_resend_message(self) -> None:
        """Send the message again if it is unconfirmed."""
        if (entry := self._chosen_entry()) is None:
            return
        if entry.state is EntryState.UNCONFIRMED:
            self.post_message(self.ResendRequested(entry.id))
        else:
            self.post_message(self.ActionUnavailable("Only a message marked ! can be sent again."))

    def _chosen_entry(self) -> Entry | None:
        """Return the message under the cursor. Without a cursor, report what to do first."""
        if self.cursor is None:
            self.post_message(self.ActionUnavailable("No message is chosen: press Up first."))
            return None
        return self._log_layout.log[self.cursor]

    def _click_on_text(self, row: Row, x: int) -> None:
        """Choose the author or the link at this cell of a row that shows text."""
        layout = self._log_layout
        if author := author_at(layout, row, x):
            self.post_message(self.AuthorChosen(author))
        character = character_at(layout, row, x)
        for index, link in enumerate(self._links_of(row.entry)):
            if character is not None and link.start <= character < link.end:
                self._choose_link(row.entry, index)

    def _links_of(self, entry_id: int) -> list[Link]:
        return find_links(shown_text(self._log_layout.log[entry_id]))

    def _choose_link(self, entry_id: int, chosen: int) -> None:
        entry = self._log_layout.log[entry_id]
        author = "you" if entry.own else entry.author
        self.post_message(self.LinkChosen(self._links_of(entry_id), chosen, author))

    # The search

    def begin_search(self) -> None:
        """Store the view to return to. The screen calls it before the methods below."""
        self._search.begin()

    def search(self, text: str) -> None:
        """Search for another text, backwards from the stored view."""
        self._search.search(self._log_layout.log, text)
        self._report_search()

    @property
    def is_at_oldest_hit(self) -> bool:
        """True if the search has no older hit in this log."""
        return self._search.is_at_oldest

    def step(self, by: int) -> None:
        """Go to an older (-1) or a newer (1) hit."""
        self._search.step(by)
        self._report_search()

    def end_search(self, *, back: bool) -> None:
        """Unmark the hits; return to the stored view, or stay with the cursor at the hit."""
        self._search.end(back=back)
        self.refresh()

    def _report_search(self) -> None:
        if (result := self._search.take_result()) is not None:
            self.post_message(self.Searched(*result))
