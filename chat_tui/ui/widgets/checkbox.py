"""Checkbox: a checkbox whose state can be read without colour."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget


class Checkbox(Widget, can_focus=True):
    """`[x] Label`. Space and a click toggle it; Enter is left to the form."""

    ALLOW_SELECT = False

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "toggle_value", "Toggle", show=False)]

    value: reactive[bool] = reactive(False)
    """True if it is checked."""

    def __init__(self, label: str, value: bool, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._label = label
        self.set_reactive(Checkbox.value, value)

    def render(self) -> Content:
        """Return the box and its label. Textual calls it."""
        return Content(f"[{'x' if self.value else ' '}] {self._label}")

    def action_toggle_value(self) -> None:
        """Toggle the value."""
        self.value = not self.value

    def on_click(self, event: events.Click) -> None:
        """Toggle the value."""
        event.stop()
        self.action_toggle_value()
