"""TrustScreen and ChangedKeyScreen: a server's key, shown in full before anything is sent."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from chat_tui.events import KeyChanged, KeyUnknown, TrustDecision
from chat_tui.sanitize import safe_text
from chat_tui.session import trust_text
from chat_tui.ui.screens.dialog import Dialog

_FOCUS_BINDINGS: list[BindingType] = [
    Binding("left", "app.focus_previous", show=False),
    Binding("right", "app.focus_next", show=False),
    Binding("up", "scroll('up')", show=False),
    Binding("down", "scroll('down')", show=False),
    Binding("pageup", "scroll('page_up')", show=False),
    Binding("pagedown", "scroll('page_down')", show=False),
]

_NARROW: list[tuple[int, str]] = [(0, "-narrow"), (60, "-wide")]
_SHORT: list[tuple[int, str]] = [(0, "-short"), (20, "-tall")]
"""Minimum columns and rows of the stylesheet's classes: narrow and short have no margins."""


class TrustScreen(Dialog[TrustDecision]):
    """The question whether to trust an unknown key: no, once or always.

    No has the focus, and Esc means no. No letter is a shortcut: the screen may appear while the
    user types a message.
    """

    HORIZONTAL_BREAKPOINTS = _NARROW
    VERTICAL_BREAKPOINTS = _SHORT

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "no", "No", show=False),
        *_FOCUS_BINDINGS,
    ]

    def __init__(self, event: KeyUnknown) -> None:
        super().__init__()
        self._event = event

    def compose(self) -> ComposeResult:
        """Yield the reason, the key, how to compare it, and the buttons."""
        with Vertical(classes="dialog key-page") as page:
            page.border_title = Content(f"Is this {safe_text(self._event.server)}?")
            page.border_subtitle = "Tab, Enter Choose · Esc No"
            with VerticalScroll(can_focus=False):
                yield Static(self._event.why, markup=False)
                yield Static(self._event.fingerprint, markup=False, classes="fingerprint")
                advice = f"{trust_text.COMPARE} Nothing of your login was sent so far."
                yield Static(advice, markup=False, classes="advice")
            with Horizontal(classes="buttons"):
                yield Button("No", id="no", variant="primary", compact=True)
                yield Button("Once", id="once", compact=True)
                yield Button("Always", id="always", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Return the decision of the button."""
        self.dismiss(TrustDecision(event.button.id))

    def action_no(self) -> None:
        """Return the decision not to trust the key."""
        self.dismiss(TrustDecision.REJECT)

    def action_scroll(self, how: str) -> None:
        """Scroll the text."""
        _scroll(self, how)


class ChangedKeyScreen(Dialog[None]):
    """The warning about a changed key. Trusting the new key takes a command outside the client."""

    HORIZONTAL_BREAKPOINTS = _NARROW
    VERTICAL_BREAKPOINTS = _SHORT

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", show=False),
        *_FOCUS_BINDINGS,
    ]

    def __init__(self, event: KeyChanged) -> None:
        super().__init__()
        self._event = event

    def compose(self) -> ComposeResult:
        """Yield both keys, the possible reasons and the command."""
        event = self._event
        with Vertical(classes="dialog key-page -changed") as page:
            page.border_title = Content(f"Not the key of {safe_text(event.server)}")
            page.border_subtitle = "Esc Close"
            with VerticalScroll(can_focus=False):
                yield Static("Nothing was sent. The key that you trusted:", markup=False)
                yield Static(event.trusted, markup=False, classes="fingerprint")
                yield Static("The key that it shows now:", markup=False)
                yield Static(event.seen, markup=False, classes="fingerprint")
                yield Static(trust_text.CHANGED, markup=False)
                hint = trust_text.changed_key_hint(event)
                yield Static(safe_text(hint), markup=False, classes="advice")
            with Horizontal(classes="buttons"):
                yield Button("Close", id="close", variant="primary", compact=True)

    def on_button_pressed(self) -> None:
        """Close."""
        self.dismiss()

    def action_scroll(self, how: str) -> None:
        """Scroll the text."""
        _scroll(self, how)


def _scroll(screen: Dialog[TrustDecision] | Dialog[None], how: str) -> None:
    getattr(screen.query_one(VerticalScroll), f"scroll_{how}")(animate=False)
