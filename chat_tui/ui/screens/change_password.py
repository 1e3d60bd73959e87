"""ChangePasswordScreen: the form that changes the password. It keeps its fields after an error."""

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

_WAITING: Final = "Waiting for the server… You can close this: a notice gives the result."

_UNCERTAIN: Final = (
    "No reply: your password may be changed or not. Lobby tries both to reconnect. "
    "If you have to sign in, try the new one first."
)

_BY_HEIGHT: Final = [(0, "-short"), (16, "-tall")]
"""Minimum rows of the stylesheet's classes: short has no blank rows."""


class ChangePasswordScreen(Dialog[None]):
    """The form. It closes by Esc, at the end of the session and after the password has changed."""

    AUTO_FOCUS = "#old"
    VERTICAL_BREAKPOINTS = _BY_HEIGHT

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: a password typed right after Tab or Enter is for the next field.
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("enter", "next_field", show=False, priority=True),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("escape", "close", "Cancel", show=False),
    ]

    def __init__(self, user: str, request_change: Callable[[str, str], None]) -> None:
        """`request_change(old, new)` sends the request. The owner reports its outcome."""
        super().__init__()
        self._user = user
        self._request_change = request_change
        self.waiting = False
        """True while a request has no reply."""

    def compose(self) -> ComposeResult:
        """Yield three fields, a message and two buttons."""
        with Vertical(classes="dialog", id="password-form") as page:
            page.border_title = Content(f"Change the password of {self._user}")
            page.border_subtitle = "Tab Next field · Esc Cancel"
            for name, label in _FIELDS:
                with HorizontalGroup():
                    yield Label(label, classes="label")
                    yield SafeInput(id=name, compact=True, password=True)
            yield Static(RULES, id="password-message", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Change ⏎", id="change", variant="primary", compact=True)

    # Calls of the owner

    @property
    def is_open(self) -> bool:
        """True while the form is on the screen stack."""
        return self in self.app.screen_stack

    def close_all(self) -> None:
        """Close the form and every screen above it."""
        if self.is_open:
            while self.app.screen is not self:
                self.app.screen.dismiss()
            self.dismiss()

    def rejected(self, reason: str) -> None:
        """Show why the server rejected the change, and let the user correct the fields."""
        seconds = replies.parse_retry_after(reason)
        if reason == replies.WRONG_PASSWORD:
            self._show_message(
                "The old password is wrong. Nothing was changed: correct it and press Enter."
            )
            self._select_field("old")
        elif seconds is not None:
            self._show_message(
                f"Too many wrong passwords. Try again in {format_duration(seconds)}."
            )
        elif reason == NOT_CHANGED:
            self._show_message(f"{reason}. Press Enter to try again.")
        else:
            self._show_message(f"{safe_text(reason).rstrip('.')}. Nothing was changed.")

    def uncertain(self) -> None:
        """Show that the connection ended before the reply."""
        self.waiting = False
        if self.is_open:
            self._show_message(_UNCERTAIN)

    # Keys and clicks

    def action_next_field(self) -> None:
        """Focus the next field. In the last field and on buttons, Enter does what it does there."""
        if self.focused is None or self.focused.id not in ("old", "new"):
            raise SkipAction
        self.focus_next()

    @on(SafeInput.Submitted)
    @on(Button.Pressed, "#change")
    def _submit(self) -> None:
        if self.waiting:
            return
        old, new, again = (self.query_one(f"#{name}", SafeInput).value for name, _ in _FIELDS)
        error = validate(old, new, again)
        if error is not None:
            self._show_message(error.message)
            self._select_field(error.field)
            return
        self._show_message(_WAITING, waiting=True)
        self._request_change(old, new)

    @on(Button.Pressed, "#cancel")
    def action_close(self) -> None:
        """Close the form. A request that is under way goes on, and a notice gives its outcome."""
        self.dismiss()

    def _select_field(self, name: str) -> None:
        """Focus the field and select its text, so that typing replaces it."""
        field = self.query_one(f"#{name}", SafeInput)
        field.focus()
        field.selection = Selection(0, len(field.value))

    def _show_message(self, message: str, *, waiting: bool = False) -> None:
        self.waiting = waiting
        line = self.query_one("#password-message", Static)
        line.update(message)
        line.set_class(not waiting, "-error")
        self.query_one("#change", Button).variant = "default" if waiting else "primary"
