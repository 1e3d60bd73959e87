"""Composer: the text area in which the user writes messages. It never loses typed text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import TextArea

from chat_server.wire import clean
from chat_tui.input import BlockedInput, merge_into_draft
from chat_tui.model import Completion, InputHistory, Location
from chat_tui.ui.widgets.cluster_text_area import ClusterTextArea
from chat_tui.ui.widgets.completion_controller import Completer, CompletionController
from chat_tui.ui.widgets.editing_keys import run_binding_now

_OTHER_KEYS: Final = frozenset({"ctrl+k", "pageup", "pagedown", "ctrl+z,super+z"})
"""Keys of a text area that the app, the screen or the log uses instead."""

MAX_PASTED_LINES: Final = 20
MAX_PASTED_BYTES: Final = 2000
"""Most lines, and most bytes a line, that are pasted without a question: a larger paste is often a
mistake. Nothing is sent before Enter, and the row above the composer gives the number of lines."""

PASTE_LIMIT: Final = 64 * 1024
"""Most bytes in the composer after a paste: every line is sent to everyone in the room."""


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))


def _is_ours(binding: BindingType) -> bool:
    return isinstance(binding, Binding) and binding.key not in _OTHER_KEYS


class Composer(ClusterTextArea, inherit_bindings=False):
    """A few lines of text. Enter sends them. Up and Down walk through the input history.

    If the user typed a line before Up, the walk visits only entries that begin with it; Down always
    returns to it.

    A paste of several lines stays in the composer until Enter. While `accepting` is false, Enter
    leaves the text where it is. It also does so if the check of the input blocks the text; then Tab
    replaces the text by the suggestion.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *(binding for binding in TextArea.BINDINGS if _is_ours(binding)),
        Binding(
            "ctrl+j,alt+enter,shift+enter", "new_line", "New line", show=False, id="composer.line"
        ),
        # Terminals send the same for Ctrl+_ and Ctrl+/, or name the key with its modifiers.
        Binding(
            "ctrl+underscore,ctrl+slash,ctrl+shift+minus,super+z",
            "undo",
            "Undo",
            show=False,
            id="composer.undo",
        ),
        Binding(
            "pageup", "scroll_log('page_up')", "Page up in the log", show=False, id="composer.back"
        ),
        Binding(
            "pagedown",
            "scroll_log('page_down')",
            "Page down in the log",
            show=False,
            id="composer.on",
        ),
        Binding(
            "ctrl+end", "scroll_log('end')", "Newest message", show=False, id="composer.newest"
        ),
    ]

    cursor_blink = reactive(False, init=False)  # no timer wakes an idle client

    @dataclass
    class Submitted(Message):
        """The user pressed Enter; the composer is empty again."""

        text: str
        location: Location
        """The location that the text was written for."""

    @dataclass
    class SubmitBlocked(Message):
        """The user pressed Enter while nothing can be sent; the text is still in the composer."""

    @dataclass
    class PasteNeedsConfirmation(Message):
        """A long text was pasted. After a yes, the screen calls `insert_paste`."""

        text: str | None
        """None: it is longer than `PASTE_LIMIT` allows."""
        lines: int
        size: int
        """In bytes."""

    @dataclass
    class StateChanged(Message):
        """The text that belongs above the composer has changed."""

        forms: tuple[str, ...]
        """The text, from its longest form to its shortest; empty: there is nothing to say."""
        is_error: bool
        is_blocked: bool
        """It says why the input was not sent."""

    @dataclass
    class ScrollLog(Message):
        """The user pressed a key that scrolls the log, although the composer has the focus."""

        to: Literal["page_up", "page_down", "end"]

    @dataclass
    class CompletionsChanged(Message):
        """The list of completions has changed; it is empty if there are none."""

        completions: tuple[Completion, ...]
        chosen: int | None
        """The index of the one that is in the text now; None: the text is what the user typed."""

    def __init__(
        self,
        complete: Completer,
        check_input: Callable[[str], BlockedInput | None],
        *,
        id: str | None = None,
    ) -> None:
        """`check_input` returns why a text must not be sent, or None."""
        super().__init__(
            id=id, soft_wrap=True, tab_behavior="focus", compact=True, highlight_cursor_line=False
        )
        self._completion = CompletionController(self, complete, self._completions_changed)
        self.accepting = True
        """True if Enter sends now."""
        self._target = Location()
        self._history = InputHistory()
        # The index in the history (its length: the draft; None: the user is not walking), and the
        # unsent text that was typed at each index, including the draft.
        self._history_index: int | None = None
        self._typed: dict[int, str] = {}
        self._saved_draft = ""  # the draft when the walk began; found entries begin with it
        self._returned = ""  # text that `return_text` left to the history: Up always finds it
        self._connection_line: Sequence[str] = ()
        self._audience_line: Sequence[str] = ()
        self._check_input = check_input
        self._blocked: BlockedInput | None = None  # why `_blocked_text` was not sent
        self._blocked_text = ""

    # Called by the screen

    def set_target(self, location: Location, history: InputHistory) -> None:
        """Show the room or the person that will receive the text.

        Up and Down walk through `history`, which is only read.
        """
        self._target = location
        if history is not self._history:
            self._history = history
            self._history_index = None
            self._typed.clear()
            self._returned = ""
        receiver = f"{location.partner} privately" if location.is_private else location
        self.placeholder = Content(f"Message {receiver}…")

    @property
    def draft(self) -> str:
        """The typed and unsent text. An unchanged history entry does not count as typed."""
        end, index = len(self._history), self._history_index
        if index is None or index >= end or self.text != self._history[index]:
            return self.text
        return self._typed.get(end, "")

    def set_draft(self, draft: str) -> None:
        """Show another draft. The caller has stored the former one already."""
        self._history_index = None
        self._typed.clear()
        self._replace(draft)

    def show_lines(self, connection: Sequence[str], audience: Sequence[str]) -> None:
        """Show a text about the connection or the followed people above the composer.

        Each is given from its longest form to its shortest, and is empty if there is nothing to
        say. What the user has just typed comes first.
        """
        self._connection_line, self._audience_line = connection, audience
        self._update_state()

    def insert_paste(self, text: str) -> None:
        """Insert a paste at the cursor, or replace the selected text by it."""
        self._completion.accept()
        pasted = self.replace(text, *self.selection, maintain_selection_offset=False)
        self.move_cursor(pasted.end_location)

    def insert_completion(self, index: int) -> None:
        """Insert the completion that the user clicked on."""
        self._completion.insert(index)

    def return_text(self, text: str) -> bool:
        """Put a text that could not be sent before the typed text.

        Return False if that would change the meaning because either is a command. Then the
        typed text stays, and Up finds the other one.
        """
        together = merge_into_draft(text, self.text)
        if together == self.text:
            self._returned = text
            return False
        self._replace(together)
        return True

    def insert_quote(self, quote: str) -> bool:
        """Put a quoted line above the typed text, below other quotes. The cursor stays in the text.

        Return False, and change nothing, if the text is a command, which has one line only.
        """
        text = self.text
        is_command = text.startswith("/") and not text.startswith("//") and "\n" not in text
        if is_command or _size(text) + _size(quote) > PASTE_LIMIT:
            return False
        lines = text.split("\n")
        quotes = next((at for at, line in enumerate(lines) if line[:2] != "> "), len(lines))
        self._completion.accept()
        self.history.checkpoint()  # one undo takes back the quote alone
        if quotes < len(lines):
            self.insert(f"{quote}\n", (quotes, 0))
        else:
            self.insert(f"\n{quote}\n", self.document.end)
        return True

    # Keys

    async def on_key(self, event: events.Key) -> None:
        """Send on Enter; apply a suggestion on Tab; then serve the completions; then edit."""
        if event.key == "enter" and not self._completion.is_choosing:
            event.stop()
            event.prevent_default()
            self._submit()
        elif event.key == "tab" and (instead := self._suggestion()):
            event.stop()
            event.prevent_default()
            self._replace(instead)
        # In the history, Down leads back to the draft.
        elif self._completion.handle_key(event.key, down_selects=self._history_index is None):
            event.stop()
            event.prevent_default()
        else:
            self._completion.key_typed()
            await run_binding_now(self, event)

    async def on_paste(self, event: events.Paste) -> None:
        """Insert all lines of a paste."""
        event.stop()
        event.prevent_default()
        self._pasted(event.text)

    def action_paste(self) -> None:
        """Insert what was copied within the client (Ctrl+V)."""
        self._pasted(self.app.clipboard)

    def action_new_line(self) -> None:
        """Begin another line."""
        self.insert("\n")

    def action_scroll_log(self, to: Literal["page_up", "page_down", "end"]) -> None:
        """Scroll the log without leaving the composer."""
        self.post_message(self.ScrollLog(to))

    def action_cursor_line_end(self, select: bool = False) -> None:
        """Go to the end of the line; if the cursor is there, scroll to the newest message."""
        if select or not self.cursor_at_end_of_line:
            super().action_cursor_line_end(select)
        else:
            self.post_message(self.ScrollLog("end"))

    def action_cursor_up(self, select: bool = False) -> None:
        """Go up a row; from the first row, to an older history entry."""
        if select or not self.navigator.is_first_wrapped_line(self.cursor_location):
            super().action_cursor_up(select)
        else:
            self._walk(-1)

    def action_cursor_down(self, select: bool = False) -> None:
        """Go down a row; from the last row, to a newer history entry or the draft."""
        if select or not self.navigator.is_last_wrapped_line(self.cursor_location):
            super().action_cursor_down(select)
        else:
            self._walk(1)

    def on_text_area_changed(self) -> None:
        """Update the state and the completions; forget why a former text was blocked."""
        if self.text != self._blocked_text:
            self._blocked = None
        self._update_state()
        self._completion.update()

    def on_text_area_selection_changed(self) -> None:
        """Update the completions: another text is before the cursor."""
        self._completion.update()

    def on_blur(self) -> None:
        """Hide the completions."""
        self._completion.accept()

    # Implementation

    def _completions_changed(self, completions: tuple[Completion, ...], chosen: int | None) -> None:
        self.post_message(self.CompletionsChanged(completions, chosen))

    def _pasted(self, pasted: str) -> None:
        # The first test is for a text that is so long that encoding it would take too long.
        if len(pasted) > PASTE_LIMIT or _size(pasted) + _size(self.text) > PASTE_LIMIT:
            self.post_message(self.PasteNeedsConfirmation(None, 0, 0))
            return
        # Control characters, which a terminal would obey, are removed.
        text = "\n".join(clean(line) for line in pasted.splitlines())
        lines, size = text.count("\n") + 1, _size(text)
        if lines > MAX_PASTED_LINES or size > MAX_PASTED_BYTES * lines:
            self.post_message(self.PasteNeedsConfirmation(text, lines, size))
        else:
            self.insert_paste(text)

    def _submit(self) -> None:
        if not self.text.strip():
            return
        self._blocked_text = self.text
        self._blocked = self._check_input(self.text)
        if self._blocked is not None:
            self._update_state()
            return
        if not self.accepting:
            self.post_message(self.SubmitBlocked())
            return
        # The text is removed here, at once: a key that is pressed before the screen handles the
        # message must not be lost.
        text = self.text
        draft = "" if self._history_index is None else self._typed.get(len(self._history), "")
        self._history_index = None
        self._typed.clear()
        self._returned = ""
        # A draft that only served to find this entry is done with; any other draft is kept.
        self._replace("" if text.startswith(draft) else draft)
        self.post_message(self.Submitted(text, self._target))

    def _walk(self, step: int) -> None:
        end = len(self._history)
        here = end if self._history_index is None else min(self._history_index, end)
        text = self.text
        if here == end:
            one_line = text.strip() and self.document.line_count == 1
            self._saved_draft = text if one_line else ""  # several lines are not a search prefix
        there = self._history.find_next(
            here,
            step,
            lambda item: (
                item != text and (item == self._returned or item.startswith(self._saved_draft))
            ),
            commands=self._saved_draft.startswith("/"),
        )
        if there is None and step > 0:
            there = end
        if there is None or there == here:
            return
        self._typed[here] = text
        self._history_index = None if there == end else there
        self._replace(self._typed.get(there, self._history[there] if there < end else ""))

    def _suggestion(self) -> str:
        blocked = self._blocked if self.text == self._blocked_text else None
        return blocked.suggestion if blocked else ""

    def _replace(self, text: str) -> None:
        self._completion.accept()
        self.load_text(text)
        self.move_cursor(self.document.end)

    def _update_state(self) -> None:
        lines = self.document.line_count
        forms: Sequence[str] = ()
        if self._blocked is not None:
            forms = (self._blocked.reason,)
        elif self._connection_line:
            forms = self._connection_line
        is_error = bool(forms)
        if not forms and lines > 1:
            forms = (
                f"{lines} lines: Enter sends each as a message",
                f"{lines} lines, {lines} messages",
            )
        is_blocked = self._blocked is not None
        forms = tuple(forms or self._audience_line)
        self.post_message(self.StateChanged(forms, is_error, is_blocked))
