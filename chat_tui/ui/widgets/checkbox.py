"""Tick: a box to tick, whose state can be read without colour."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget


class Checkbox(Widget, can_focus=True):
    """`[x] Words`. Space and a click turn it; Enter is left to the form."""

    ALLOW_SELECT = False

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "toggle_value", "Tick", show=False)]

    value: reactive[bool] = reactive(False)
    """Whether it is ticked."""

    def __init__(self, label: str, value: bool, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._label = label
        self.set_reactive(Checkbox.value, value)

    def render(self) -> Content:
        """Called by Textual."""
        return Content(f"[{'x' if self.value else ' '}] {self._label}")

    def action_toggle_value(self) -> None:
        """The other state."""
        self.value = not self.value

    def on_click(self, event: events.Click) -> None:
        """The same, by mouse."""
        event.stop()
        self.action_toggle_value()
