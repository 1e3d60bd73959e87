"""HistorySearcher: continues a search of the log in the server's history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chat_server.wire import history_replies
from chat_tui.events import HistoryRequestFailed, PageKind
from chat_tui.model import Entry
from chat_tui.ui.screens.chat_context import ChatContext
from chat_tui.ui.screens.found import FoundScreen
from chat_tui.ui.widgets import SearchQuery

_NO_CONNECTION: Final = "There is no connection to this room. Esc goes back: try again then."

_PROBLEMS: Final = {
    history_replies.SEARCH_TOO_SLOW: "The search took too long. Esc goes back: use rarer words.",
    history_replies.HISTORY_UNAVAILABLE: (
        "The server cannot read its history now. Esc goes back: try again in a moment."
    ),
}


class HistorySearcher:
    """The searches in the history of the room in view. The chat screen owns it."""

    def __init__(self, context: ChatContext, show_message: Callable[[str], None]) -> None:
        """`show_message` shows a message of the location in view by its stamp."""
        self._context = context
        self._model = context.model
        self._show_message = show_message
        self._screen: FoundScreen | None = None

    def is_offered(self, text: str) -> bool:
        """Return True if the server can search for `text` in the location in view."""
        return self._can_search and bool(SearchQuery(text).words)

    def needs_word(self, text: str) -> bool:
        """Return True if the server could search for `text` if it had a word: `from:alice` alone
        is a search of the log only."""
        return self._can_search and bool(text.strip()) and not SearchQuery(text).words

    @property
    def _can_search(self) -> bool:
        return self._model.capabilities.history_search and not self._model.location.is_private

    def search(self, text: str, on_choice: Callable[[], None]) -> None:
        """Ask the server, and show what it finds. `on_choice` is called before a hit is shown."""
        model, query = self._model, SearchQuery(text)
        room = model.room
        model.history_search.begin(room)
        if not self._context.session.search_history(" ".join(query.words)):
            model.apply(HistoryRequestFailed(room, PageKind.FOUND, _NO_CONNECTION))

        def close(chosen: Entry | None) -> None:
            self._screen = None
            if chosen is None:
                return
            on_choice()
            if model.location == room:
                self._show_message(chosen.stamp)
            else:
                shell = self._context.shell
                shell.notify(f"You are not in {room} any more: go there and search again.")

        self._screen = FoundScreen(model.history_search, query, model.now())
        self._context.shell.show_dialog(self._screen, close)
        self._context.process_updates()

    def show_result(self) -> None:
        """Show the answer, if the user still waits for it."""
        search = self._model.history_search
        search.problem = _PROBLEMS.get(search.problem, search.problem)
        if self._screen is not None and self._screen.is_mounted:
            self._screen.show_result()
