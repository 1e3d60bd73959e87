"""ProfilePicker: a choice of one of several profiles, on one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from chat_tui.sanitize import safe_name


class ProfilePicker(Widget, can_focus=True):
    """`‹ work ›  2 of 3`. The arrows and a click pick another profile; Enter signs in."""

    ALLOW_SELECT = False

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.sign_in", "Sign in"),
        Binding("left,up", "pick(-1)", "Previous", show=False),
        Binding("right,down,space", "pick(1)", "Next profile"),
    ]

    @dataclass
    class ProfilePicked(Message):
        """The user picked another profile."""

        index: int

    def __init__(self, names: Sequence[str], index: int, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = names
        self._index = index

    def set_profiles(self, names: Sequence[str], index: int) -> None:
        """Replace the profiles."""
        self._names, self._index = names, index
        self.refresh()

    def render(self) -> Content:
        """Return the name and the position of the profile. Textual calls it."""
        if not self._names:
            return Content("")
        name = safe_name(self._names[self._index])
        return Content(f"‹ {name} ›  {self._index + 1} of {len(self._names)}")

    def action_pick(self, steps: int) -> None:
        """Pick the next (1) or the previous (-1) profile, around the ends."""
        self._index = (self._index + steps) % len(self._names)
        self.refresh()
        self.post_message(self.ProfilePicked(self._index))

    def on_click(self, event: events.Click) -> None:
        """Pick the previous profile on the left arrow, otherwise the next one."""
        event.stop()
        self.action_pick(-1 if event.x < 2 else 1)
