"""HouseStyle: how any app of ours looks and speaks, whatever it does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import App
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.reactive import reactive
from textual.worker import Worker, WorkerState

from chat_tui.ui.terminal import WidthFilter
from chat_tui.ui.theme import ANSI, DARK, LIGHT, author_variables

_MOUSE_MODES: Final = (1000, 1003, 1015, 1006)
"""What Textual asks a terminal for: clicks, movements, and two ways of telling where."""


class BaseApp(App[None]):
    """An app that looks like ours and reads no text of others as markup."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f7", "mouse", "Mouse", show=False, priority=True, id="mouse"),
    ]

    mouse_on = reactive(True)
    """Whether what the mouse does comes to us; status bars watch it."""

    def __init__(self) -> None:
        super().__init__()
        self.width_filter = WidthFilter()
        for theme in (DARK, LIGHT, *ANSI):
            self.register_theme(theme)
        # Before the first frame, and unwatched: nothing has to be styled a second time.
        if "TEXTUAL_THEME" not in os.environ:
            self.set_reactive(App.theme, DARK.name)
            self.stylesheet.set_variables(self.get_css_variables())
        self.animation_level = "none"  # nothing moves but what somebody scrolls

    def on_mount(self) -> None:
        """Let the mouse be as it was set, also when the terminal is ours again after Ctrl+Z."""
        if not self.mouse_on:
            self.update_mouse_tracking()
        self.app_resume_signal.subscribe(self, lambda _: self.update_mouse_tracking())

    def action_mouse(self) -> None:
        """Leave the mouse to the terminal, to select text as anywhere; or take it."""
        key = self.key_of("mouse", "F7")
        self.mouse_on = not self.mouse_on
        self.update_mouse_tracking()
        self.notify(
            "The mouse is the client's again."
            if self.mouse_on
            else f"The mouse is the terminal's: drag to select. {key} ends that."
        )

    def update_mouse_tracking(self) -> None:
        """Ask for what the mouse does, or for none of it."""
        switch = "h" if self.mouse_on else "l"
        self.write_to_terminal("".join(f"\x1b[?{mode}{switch}" for mode in _MOUSE_MODES))

    def get_driver_class(self) -> type[Driver]:
        """What stands between us and the terminal. Called by Textual."""
        driver = super().get_driver_class()
        if driver.__name__ != "LinuxDriver":  # another system, or somebody's own choice
            return driver
        from chat_tui.ui.terminal import TerminalDriver

        return TerminalDriver

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line goes through before it is drawn. Called by Textual."""
        filters = super().get_line_filters()
        return [*filters, self.width_filter] if self.width_filter.enabled else filters

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A thread that fails is a mistake of ours, and no reason to lose what one is writing."""
        if event.state is WorkerState.ERROR:
            self.notify(f"{event.worker.name} failed: {event.worker.error!r}", severity="error")

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """As Textual's, but a text is a text unless markup is asked for.

        To be called on the app: a widget's own `notify` asks for markup.
        """
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)

    def action_help_quit(self) -> None:
        """Ctrl+C with nothing selected: somebody may want to leave."""
        self.notify(f"{self.key_of('quit', 'Ctrl+Q')} quits. Ctrl+C copies what is selected.")

    def get_key_display(self, binding: Binding) -> str:
        """Keys as they stand on the keyboard: F1, ^K, Tab."""
        return super().get_key_display(binding).title()

    def key_of(self, action: str, default: str) -> str:
        """The key that does it: the one of a person's own, or the `usual` one.

        `action`: as it is called where keys of one's own are set.
        """
        own = self._keymap.get(action, "").partition(",")[0]
        return self.get_key_display(Binding(own, "")) if own else default

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The authors' colours, on whatever theme was chosen."""
        return author_variables(self.current_theme)

    def write_to_terminal(self, sequence: str) -> None:
        """Send the terminal what is no part of the picture; not where that is a web page."""
        if self._driver is not None and not self.is_web:
            self._driver.write(sequence)
