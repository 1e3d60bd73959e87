"""ConfirmScreen: a yes-or-no question."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static


class ConfirmScreen(ModalScreen[bool]):
    """A question, dismissed with True for yes. The default has the focus, and Esc means no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", "No", show=False),
        Binding("y", "answer(True)", "Yes", show=False),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]

    def __init__(self, question: str, yes: str, no: str, *, default: bool = False) -> None:
        """`yes` and `no` are the labels of the buttons. `default` is the answer of Enter."""
        super().__init__()
        self._question = question
        self._yes = yes
        self._no = no
        self._default = default

    def compose(self) -> ComposeResult:
        """Yield the question and two buttons."""
        with Vertical(classes="dialog") as page:
            page.border_subtitle = Content(f"Y {self._yes} · Esc {self._no}")
            yield Static(self._question, markup=False)
            with Horizontal(classes="buttons"):
                for name, label in (("no", self._no), ("yes", self._yes)):
                    button = Button(label, id=name, compact=True)
                    if (name == "yes") is self._default:
                        button.variant = "primary"
                    yield button

    def on_mount(self) -> None:
        """Focus the default answer."""
        self.query_one("#yes" if self._default else "#no").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Return the answer of the button."""
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """Return the answer of the key."""
        self.dismiss(answer)
