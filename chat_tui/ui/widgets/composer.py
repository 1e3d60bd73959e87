"""Composer: where one writes. Nothing that is typed here is ever lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import TextArea

from chat_server.wire import clean
from chat_tui.input import BlockedInput, merge_into_draft
from chat_tui.model import InputHistory, conversation_partner
from chat_tui.ui.widgets.completing_area import Completer, CompletionTextArea

_PASSED_THROUGH_KEYS: Final = frozenset({"ctrl+k", "pageup", "pagedown"})
"""Keys that a text area would take, and that mean more to the screen or to the log."""

MAX_LINES_UNCONFIRMED: Final = 5
MAX_BYTES_UNCONFIRMED: Final = 2000
"""What may be pasted without a question: more is as often a slip as it is meant."""

PASTE_LIMIT: Final = 64 * 1024
"""Most bytes that may stand here after a paste: every line is said to everybody in the room."""


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))


def _is_ours(binding: BindingType) -> bool:
    return isinstance(binding, Binding) and binding.key not in _PASSED_THROUGH_KEYS


class Composer(CompletionTextArea, inherit_bindings=False):
    """A few lines of text; Enter sends them, Up and Down walk through what was sent before.

    A line that was typed narrows the walk to what begins with it; Down always comes back to it.

    A paste of several lines stays here, whole, until Enter. While `accepting` is false Enter leaves
    the text where it is; so it does where the text is held back, and then Tab mends it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *(binding for binding in TextArea.BINDINGS if _is_ours(binding)),
        Binding(
            "ctrl+j,alt+enter,shift+enter", "new_line", "New line", show=False, id="composer.line"
        ),
        Binding(
            "pageup", "scroll_log('page_up')", "Back in the log", show=False, id="composer.back"
        ),
        Binding(
            "pagedown", "scroll_log('page_down')", "On in the log", show=False, id="composer.on"
        ),
        Binding(
            "ctrl+end", "scroll_log('end')", "Newest message", show=False, id="composer.newest"
        ),
    ]

    @dataclass
    class Submitted(Message):
        """Enter was pressed; the composer is empty again."""

        text: str
        place: str = ""
        """What was written to then."""

    @dataclass
    class SubmitBlocked(Message):
        """Enter was pressed while nothing can be sent; the text is still here."""

    @dataclass
    class PasteNeedsConfirmation(Message):
        """Something long was pasted; it comes here by `insert_paste` once somebody says yes."""

        text: str | None
        """None: it is more than can stand here."""
        lines: int
        size: int
        """In bytes."""

    @dataclass
    class ScrollLog(Message):
        """A key was pressed that means the log, although the cursor is here."""

        to: Literal["page_up", "page_down", "end"]

    def __init__(
        self,
        history: InputHistory,
        complete: Completer,
        check_input: Callable[[str], BlockedInput | None],
        *,
        id: str | None = None,
    ) -> None:
        """`history`: what was sent; only read here. `check_input`: why a text must not be sent."""
        super().__init__(complete, id=id)
        self.accepting = True
        """Whether Enter sends now."""
        self._target = ""
        self._history = history
        # Where one is in the history (its length: at the draft), and what was typed at each place
        # but not sent, the draft among it.
        self._place: int | None = None
        self._typed: dict[int, str] = {}
        self._saved_draft = (
            ""  # what the draft was when the walk began: what is found begins with it
        )
        self._returned = ""  # what came back and is only in the history: Up finds it in any case
        self._connection_line: Content | None = None
        self._check_input = check_input
        self._blocked: BlockedInput | None = None  # why this text was not sent
        self._blocked_text = ""

    # What the screen tells

    def set_target(self, place: str) -> None:
        """Name the room, or the one person (`@bob`), that will hear it."""
        self._target = place
        person = conversation_partner(place)
        whom = f"{person} privately" if person else place
        self.placeholder = Content(f"Message {whom}…")

    @property
    def down_selects(self) -> bool:
        """Not within the history: there, Down leads back to the draft."""
        return self._place is None

    @property
    def draft(self) -> str:
        """What was typed and not sent; not what Up brought back, unless somebody changed it."""
        end, place = len(self._history), self._place
        if place is None or place >= end or self.text != self._history[place]:
            return self.text
        return self._typed.get(end, "")

    def set_draft(self, draft: str) -> None:
        """Go on with another draft; `draft`, from before, is put away already."""
        self._place = None
        self._typed.clear()
        self._replace(draft)

    def show_connection_line(self, line: Content | None) -> None:
        """Put a line about the connection above the text; None: nothing to say."""
        self._connection_line = line
        self._update_title()

    def insert_paste(self, text: str) -> None:
        """Put a paste where the cursor is, or in place of what is selected."""
        self.accept()
        pasted = self.replace(text, *self.selection, maintain_selection_offset=False)
        self.move_cursor(pasted.end_location)

    def return_text(self, text: str) -> bool:
        """Something could not be sent: put it before what is typed here.

        False where that would change its meaning, because one of both is a command: then what is
        typed stays, and Up finds the other.
        """
        together = merge_into_draft(text, self.text)
        if together == self.text:
            self._returned = text
            return False
        self._replace(together)
        return True

    # Keys

    async def on_key(self, event: events.Key) -> None:
        """Enter sends instead of making a line; Tab mends what was held back."""
        if event.key == "enter" and not self.is_choosing:
            event.stop()
            event.prevent_default()
            self._submit()
        elif event.key == "tab" and (instead := self._suggestion()):
            event.stop()
            event.prevent_default()
            self._replace(instead)

    async def on_paste(self, event: events.Paste) -> None:
        """Keep all lines of a paste."""
        event.stop()
        event.prevent_default()
        self._pasted(event.text)

    def action_paste(self) -> None:
        """Ctrl+V: what was copied within the client."""
        self._pasted(self.app.clipboard)

    def action_new_line(self) -> None:
        """Begin another line."""
        self.insert("\n")

    def action_scroll_log(self, to: Literal["page_up", "page_down", "end"]) -> None:
        """Let the log move while one writes."""
        self.post_message(self.ScrollLog(to))

    def action_cursor_line_end(self, select: bool = False) -> None:
        """To the end of the line; from there to the newest message."""
        if select or not self.cursor_at_end_of_line:
            super().action_cursor_line_end(select)
        else:
            self.post_message(self.ScrollLog("end"))

    def action_cursor_up(self, select: bool = False) -> None:
        """Up a row; from the first row to what was sent before."""
        if select or not self.navigator.is_first_wrapped_line(self.cursor_location):
            super().action_cursor_up(select)
        else:
            self._walk(-1)

    def action_cursor_down(self, select: bool = False) -> None:
        """Down a row; from the last row towards the draft."""
        if select or not self.navigator.is_last_wrapped_line(self.cursor_location):
            super().action_cursor_down(select)
        else:
            self._walk(1)

    def on_text_area_changed(self) -> None:
        """Say how many lines Enter would send; what was said about the former text is over."""
        if self.text != self._blocked_text:
            self._blocked = None
        self._update_title()

    # How it is done

    def _pasted(self, pasted: str) -> None:
        # The first look is for what is so long that already measuring it would take its time.
        if len(pasted) > PASTE_LIMIT or _size(pasted) + _size(self.text) > PASTE_LIMIT:
            self.post_message(self.PasteNeedsConfirmation(None, 0, 0))
            return
        # What the terminal would obey is left out.
        text = "\n".join(clean(line) for line in pasted.splitlines())
        lines, size = text.count("\n") + 1, _size(text)
        if lines > MAX_LINES_UNCONFIRMED or size > MAX_BYTES_UNCONFIRMED:
            self.post_message(self.PasteNeedsConfirmation(text, lines, size))
        else:
            self.insert_paste(text)

    def _submit(self) -> None:
        if not self.text.strip():
            return
        self._blocked_text = self.text
        self._blocked = self._check_input(self.text)
        if self._blocked is not None:
            self._update_title()
            return
        if not self.accepting:
            self.post_message(self.SubmitBlocked())
            return
        # Taken out here, at once: a key pressed before the screen heard of it is kept.
        text = self.text
        draft = "" if self._place is None else self._typed.get(len(self._history), "")
        self._place = None
        self._typed.clear()
        self._returned = ""
        # What was only begun to look for this has done its work; anything else is still wanted.
        self._replace("" if text.startswith(draft) else draft)
        self.post_message(self.Submitted(text, self._target))

    def _walk(self, step: int) -> None:
        end = len(self._history)
        here = end if self._place is None else min(self._place, end)
        text = self.text
        if here == end:
            one_line = text.strip() and self.document.line_count == 1
            self._saved_draft = text if one_line else ""  # several lines are nothing to look for
        there = self._history.find_next(
            here,
            step,
            lambda item: (
                item != text and (item == self._returned or item.startswith(self._saved_draft))
            ),
        )
        if there is None and step > 0:
            there = end
        if there is None or there == here:
            return
        self._typed[here] = text
        self._place = None if there == end else there
        self._replace(self._typed.get(there, self._history[there] if there < end else ""))

    def _suggestion(self) -> str:
        held = self._blocked if self.text == self._blocked_text else None
        return held.suggestion if held else ""

    def _replace(self, text: str) -> None:
        self.accept()
        self.load_text(text)
        self.move_cursor(self.document.end)

    def _update_title(self) -> None:
        lines = self.document.line_count
        title = self._connection_line
        if self._blocked is not None:
            title = Content(self._blocked.reason)
        self.set_class(title is not None, "-trouble")
        if title is None and lines > 1:
            title = Content(f"{lines} lines: Enter sends each as a message")
        self.border_title = None if title is None else Content.assemble(" ", title, " ")
