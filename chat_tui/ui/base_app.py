"""BaseApp: the themes, keys, mouse and notices of the app, without any chat."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import ClassVar, Final

from rich.console import RenderableType
from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.driver import Driver
from textual.filter import LineFilter, Monochrome, NoColor
from textual.geometry import Offset
from textual.notifications import SeverityLevel
from textual.reactive import reactive
from textual.worker import Worker, WorkerState

from chat_tui.ui.notices import NoticeBoard
from chat_tui.ui.terminal import (
    EncodingFilter,
    NoColorFilter,
    WidthFilter,
    cursor_cell,
    is_unicode,
    may_hide_focus,
    typed,
)
from chat_tui.ui.theme import ANSI, DARK, LIGHT, author_variables

_MOUSE_MODES: Final = (1000, 1003, 1015, 1006)
"""The modes that Textual sets: clicks, movements and two encodings of the position."""

_RESET_SCREEN: Final = "\x0f\x1b(B\x1b[r\x1b[m\x1b[?7l\x1b[?25l\x1b[2J"
"""Latin letters, no scrolling region, no style, no wrapping, no cursor, and an empty screen."""


class BaseApp(App[None]):
    """An app with the client's themes. It never reads text from outside as markup."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f7", "mouse", "Mouse", show=False, priority=True, id="mouse"),
        Binding("ctrl+l", "redraw", "Redraw", show=False, priority=True, id="redraw"),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, priority=True, id="suspend"),
    ]

    mouse_on = reactive(True)
    """True if mouse events go to the client. Status bars watch it."""

    def __init__(self) -> None:
        super().__init__()
        self.width_filter = WidthFilter()
        self._no_color_filter = NoColorFilter()
        self._encoding_filter: EncodingFilter | None = None
        self.notices = NoticeBoard()
        """The notices. A `NoticeBar` of the screen in view shows them."""
        self.focus_is_reported = not may_hide_focus(os.environ)
        """False until the terminal has reported a change of the focus, if it may not do so."""
        self._newest_key = 0.0
        for theme in (DARK, LIGHT, *ANSI):
            self.register_theme(theme)
        # Before the first frame and without a watcher, so that nothing is styled twice.
        if "TEXTUAL_THEME" not in os.environ:
            self.set_reactive(App.theme, DARK.name)
            self.stylesheet.set_variables(self.get_css_variables())
        self.animation_level = "none"

    def on_mount(self) -> None:
        """Apply the mouse setting, now and each time the terminal is resumed after Ctrl+Z."""
        encoding = getattr(sys.__stderr__, "encoding", "") or "utf-8"
        if not (self.is_headless or self.is_web or is_unicode(encoding)):
            self._encoding_filter = EncodingFilter(encoding)
        if not self.mouse_on:
            self.update_mouse_tracking()
        self.app_resume_signal.subscribe(self, lambda _: self._resumed())

    def _resumed(self) -> None:
        self.update_mouse_tracking()
        self.action_redraw()

    async def on_event(self, event: events.Event) -> None:
        """Let every text field insert what is typed. Called by Textual for each event.

        A key also removes a notice about a problem that the user has read.
        """
        if isinstance(event, events.Key) and not event.is_forwarded:
            self.notices.key_pressed()
            self._newest_key = time.monotonic()
            event = typed(event)
        elif isinstance(event, events.AppFocus | events.AppBlur):
            self.focus_is_reported = True
        await super().on_event(event)

    @property
    def cursor_position(self) -> Offset:
        """The cell of the terminal's cursor: in the focused text field, from the first frame on.

        Textual sets it at each key and each change of focus, and reads it after each frame.
        """
        focused = self.focused if self._screen_stack else None
        return cursor_cell(focused) or self._cursor_position

    @cursor_position.setter
    def cursor_position(self, position: Offset) -> None:
        self._cursor_position = position

    def panic(self, *renderables: RenderableType) -> None:
        """Exit with an error. Called by Textual; without this, the exit code would be 0."""
        self._return_code = self._return_code or 1
        super().panic(*renderables)

    def action_mouse(self) -> None:
        """Release the mouse, so that the terminal selects text with it, or capture it again."""
        key = self.key_of("mouse", "F7")
        self.mouse_on = not self.mouse_on
        self.update_mouse_tracking()
        self.notify(
            "The client has the mouse again."
            if self.mouse_on
            else f"Drag selects text now. {key} captures the mouse again."
        )

    @property
    def seconds_since_key(self) -> float:
        """The time since the user pressed a key."""
        return time.monotonic() - self._newest_key

    def action_redraw(self) -> None:
        """Draw the whole screen again: another program has written over it."""
        self.write_to_terminal(_RESET_SCREEN)
        self.refresh(layout=True)

    def action_suspend_process(self) -> None:
        """Stop the client until the user enters `fg` in the shell. Does nothing in a browser.

        The whole process group stops, as after Ctrl+Z in other programs: a shell that waits for
        `make` or `uv`, which has started the client, must get the terminal back.
        """
        driver = self._driver
        if driver is None or not driver.can_suspend:
            return
        if os.getpgrp() == os.getsid(0):  # nothing would be left to continue the client
            self.notify("Cannot suspend: the client was not started from a shell.")
            return
        self.app_suspend_signal.publish(self)
        from chat_tui.ui.terminal import TerminalDriver

        if isinstance(driver, TerminalDriver):
            driver.suspend_process_group()

    def update_mouse_tracking(self) -> None:
        """Turn the mouse modes of the terminal on or off."""
        switch = "h" if self.mouse_on else "l"
        self.write_to_terminal("".join(f"\x1b[?{mode}{switch}" for mode in _MOUSE_MODES))

    def get_driver_class(self) -> type[Driver]:
        """Return the client's driver in place of Textual's Linux driver. Called by Textual."""
        driver = super().get_driver_class()
        if driver.__name__ != "LinuxDriver":  # another system, or TEXTUAL_DRIVER is set
            return driver
        from chat_tui.ui.terminal import TerminalDriver

        return TerminalDriver

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return the filters that every line passes before it is drawn. Called by Textual."""
        filters = list(super().get_line_filters())
        if self.no_color:  # Textual turns colours into greys, which sixteen colours do not have
            filters = [one for one in filters if not isinstance(one, Monochrome | NoColor)]
            self._no_color_filter.background = Color.parse(self.theme_variables["background"])
            filters.append(self._no_color_filter)
        if self.width_filter.enabled:
            filters.append(self.width_filter)
        if self._encoding_filter is not None:
            filters.append(self._encoding_filter)
        return filters

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Report a thread that failed. That is a bug, but it must not cost the user's text."""
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
        """Show a notice in the bar of the screen, as plain text: `title` and `markup` are ignored.

        Textual's toasts would cover the talk. Only the app's thread calls it.
        """
        self.notices.add(message, severity, timeout)

    def action_help_quit(self) -> None:
        """Say how to quit: the user pressed Ctrl+C while nothing is selected."""
        self.notify(f"{self.key_of('quit', 'Ctrl+Q')} quits. Ctrl+C copies what is selected.")

    def get_key_display(self, binding: Binding) -> str:
        """Return a key as it is on the keyboard: F1, ^K, Tab, Enter."""
        return super().get_key_display(binding).replace("⏎", "Enter").title()

    def key_of(self, action: str, default: str) -> str:
        """Return the key that runs `action`: the configured key, else `default`.

        `action` is the name that the `[keys]` table of the configuration uses.
        """
        configured = self._keymap.get(action, "").partition(",")[0]
        return self.get_key_display(Binding(configured, "")) if configured else default

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the authors' colours for the current theme. Called by Textual."""
        return author_variables(self.current_theme)

    def write_to_terminal(self, sequence: str) -> None:
        """Write a control sequence that is not part of the picture, unless this is a web page."""
        if self._driver is not None and not self.is_web:
            self._driver.write(sequence)
