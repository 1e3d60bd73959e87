"""LogPane: the message log with its search bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from chat_tui.ui.widgets import MessageLog, SearchBar


class LogPane(Vertical):
    """The log and its search. Other messages of the log go on to the screen."""

    # In the pane and with priority: text typed right after the key goes to the newly focused pane.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "end_search('stay')", "Stay here", id="search.stay", priority=True),
        Binding("escape", "end_search('back')", "Back", id="search.back", priority=True),
    ]

    @dataclass
    class HistoryWanted(Message):
        """The user searches for `text`, of which the log has no older hit."""

        text: str

    def __init__(
        self,
        now: Callable[[], datetime],
        leads_on: Callable[[str], bool],
        needs_word: Callable[[str], bool],
    ) -> None:
        """`now` gives the local time without zone.

        `leads_on` returns True if a search for a text can go on in the server's history,
        `needs_word` if it could with another word.
        """
        super().__init__()
        self._now = now
        self._leads_on = leads_on
        self._needs_word = needs_word
        self._previous_focus: Widget | None = None  # what had the focus before the search

    def compose(self) -> ComposeResult:
        """Yield the log and the search bar, which is visible only during a search."""
        yield MessageLog(self._now, id="log")
        yield SearchBar()

    @property
    def _log(self) -> MessageLog:
        return self.query_one(MessageLog)

    @property
    def _bar(self) -> SearchBar:
        return self.query_one(SearchBar)

    def find(self, text: str = "") -> None:
        """Open the search, for `text` if it is not empty.

        If the search is open and focused, go to the next older hit.
        """
        if text:
            self._bar.set_text(text)
        if self._bar.has_focus_within:
            self._step(SearchBar.Stepped(-1))
            return
        if not self._bar.is_open:
            self._previous_focus = self.screen.focused
            self._log.begin_search()
        self._bar.open()

    def stay_at_hit(self) -> None:
        """End a search and focus the log, which shows what was found."""
        if self._bar.is_open:
            self._end(back=False)

    def stop_searching(self) -> None:
        """End a search and scroll back to the position before it."""
        if self._bar.is_open:
            self._end(back=True)

    def action_end_search(self, how: Literal["back", "stay"]) -> None:
        """End the search: scroll back, or stay at the hit."""
        self._end(back=how == "back")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let the keys end a search only while its field has the focus. Called by Textual."""
        focused = any(bar.has_focus_within for bar in self.query(SearchBar))
        return action != "end_search" or focused

    def _end(self, *, back: bool) -> None:
        self._log.end_search(back=back)
        self._bar.close()
        if not back:
            self.screen.set_focus(self._log)
        elif self._previous_focus is not None and self._previous_focus.is_attached:
            self.screen.set_focus(self._previous_focus)

    @on(SearchBar.Changed)
    def _search(self) -> None:
        self._log.search(self._bar.text)

    @on(SearchBar.Stepped)
    def _step(self, event: SearchBar.Stepped) -> None:
        self._search()
        if event.by < 0 and self._is_at_server:
            self.post_message(self.HistoryWanted(self._bar.text))
        else:
            self._log.step(event.by)

    @property
    def _is_at_server(self) -> bool:
        return self._log.is_at_oldest_hit and self._leads_on(self._bar.text)

    @on(SearchBar.Closed)
    def _search_bar_closed(self) -> None:
        self._end(back=True)

    @on(MessageLog.Searched)
    def _searched(self, event: MessageLog.Searched) -> None:
        needs_word = self._log.is_at_oldest_hit and self._needs_word(self._bar.text)
        self._bar.show(event.number, event.hits, leads_on=self._is_at_server, needs_word=needs_word)

    @on(MessageLog.SearchEnded)
    def _log_search_ended(self) -> None:
        if self._bar.is_open:
            if self._bar.has_focus_within and self._previous_focus is not None:
                self._previous_focus.focus()
            self._bar.close()

    @on(MessageLog.LinkChosen)
    def _link_chosen(self, event: MessageLog.LinkChosen) -> None:
        # Only now: the tables of `idna` are not needed for the first frame.
        from chat_tui.ui.screens.link import LinkScreen

        self.app.push_screen(LinkScreen(event.links, event.author, event.chosen))

    @on(MessageLog.ActionUnavailable)
    def _action_unavailable(self, event: MessageLog.ActionUnavailable) -> None:
        self.app.notify(event.reason)
