"""ChangePasswordScreen: the form for another password. What is typed stays until it is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, HorizontalGroup, Vertical
from textual.content import Content
from textual.widgets import Button, Label, Static
from textual.widgets.input import Selection

from chat_server.wire import replies
from chat_tui.input import RULES, validate
from chat_tui.sanitize import safe_text
from chat_tui.session import NOT_CHANGED
from chat_tui.ui.screens.dialog import Dialog
from chat_tui.ui.screens.wording import format_duration
from chat_tui.ui.widgets import SafeInput

_FIELDS: Final = (("old", "Old"), ("new", "New"), ("again", "New again"))

_WAITING: Final = "Waiting for the server… Esc closes; you will be told."

_UNKNOWN: Final = (
    "No answer came: it may be changed or not. Lobby tries both to come back; "
    "if you have to sign in, try the new one first."
)

_BY_HEIGHT: Final = [(0, "-short"), (16, "-tall")]
"""Rows from which the stylesheet's class holds: short does without what is blank."""


class ChangePasswordScreen(Dialog[None]):
    """Closed by Esc, by the end of the session, and once the server has changed the password."""

    AUTO_FOCUS = "#old"
    VERTICAL_BREAKPOINTS = _BY_HEIGHT

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: what is typed right behind it, a password, is for the next field.
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("enter", "next_field", show=False, priority=True),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("escape", "close", "Cancel", show=False),
    ]

    def __init__(self, user: str, request_change: Callable[[str, str], None]) -> None:
        """`ask` brings the old and the new password to the server; the screen hears what came."""
        super().__init__()
        self._user = user
        self._request_change = request_change
        self.waiting = False
        """Whether the server was asked and has not answered."""

    def compose(self) -> ComposeResult:
        """Three fields, a line about them, two buttons."""
        with Vertical(classes="dialog", id="password-form") as page:
            page.border_title = Content(f"Change the password of {self._user}")
            for name, words in _FIELDS:
                with HorizontalGroup():
                    yield Label(words, classes="what")
                    yield SafeInput(id=name, compact=True, password=True)
            yield Static(RULES, id="password-said", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Change ⏎", id="change", variant="primary", compact=True)

    # What the screen below tells

    @property
    def is_open(self) -> bool:
        """Whether somebody may see it."""
        return self in self.app.screen_stack

    def close_all(self) -> None:
        """Nobody needs it any more, nor what was opened over it."""
        if self.is_open:
            while self.app.screen is not self:
                self.app.screen.dismiss()
            self.dismiss()

    def rejected(self, reason: str) -> None:
        """It was not done: say why, and let it be corrected."""
        seconds = replies.parse_retry_after(reason)
        if reason == replies.WRONG_PASSWORD:
            self._show_message(
                "The old one is wrong. Nothing was changed: correct it and press Enter."
            )
            self._clear_field("old")
        elif seconds is not None:
            self._show_message(
                f"Too many wrong passwords came. Try again in {format_duration(seconds)}."
            )
        elif reason == NOT_CHANGED:
            self._show_message(f"{reason}. Press Enter to try again.")
        else:
            self._show_message(f"{safe_text(reason).rstrip('.')}. Nothing was changed.")

    def uncertain(self) -> None:
        """No answer will come on this connection."""
        self.waiting = False
        if self.is_open:
            self._show_message(_UNKNOWN)

    # Keys and clicks

    def action_next_field(self) -> None:
        """From the last field on, Enter is for what has the focus."""
        if self.focused is None or self.focused.id not in ("old", "new"):
            raise SkipAction
        self.focus_next()

    @on(SafeInput.Submitted)
    @on(Button.Pressed, "#change")
    def _submit(self) -> None:
        if self.waiting:
            return
        old, new, again = (self.query_one(f"#{name}", SafeInput).value for name, _ in _FIELDS)
        wrong = validate(old, new, again)
        if wrong is not None:
            self._show_message(wrong.message)
            self._clear_field(wrong.field)
            return
        self._show_message(_WAITING, waiting=True)
        self._request_change(old, new)

    @on(Button.Pressed, "#cancel")
    def action_close(self) -> None:
        """Go away; what was asked is on its way, and its answer is told all the same."""
        self.dismiss()

    def _clear_field(self, name: str) -> None:
        """What is typed next replaces what can't be read anyway."""
        field = self.query_one(f"#{name}", SafeInput)
        field.focus()
        field.selection = Selection(0, len(field.value))

    def _show_message(self, message: str, *, waiting: bool = False) -> None:
        self.waiting = waiting
        said = self.query_one("#password-said", Static)
        said.update(message)
        said.set_class(not waiting, "-trouble")
        self.query_one("#change", Button).variant = "default" if waiting else "primary"
