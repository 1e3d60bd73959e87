"""The palette's entries that every screen offers: views, the terminal, quitting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chat_tui.ui.palette_entry import PaletteEntry

if TYPE_CHECKING:
    from chat_tui.ui.app import ChatApp


def app_entries(app: ChatApp, settings: Path) -> Sequence[PaletteEntry]:
    """Return the entries with their keys. `settings` is the path of the settings file."""
    mouse = "Release the mouse" if app.mouse_on else "Capture the mouse"
    rows = (
        (mouse, "mouse", "F7", "select text as in other programs", app.action_mouse),
        ("Latest notices", "notices", "Alt+N", "read them again", app.action_notices),
        ("Wire log", "wire", "F6", "the raw lines, both ways", app.action_wire),
        ("Redraw the screen", "redraw", "Ctrl+L", "after other output", app.action_redraw),
        ("Suspend the client", "suspend", "Ctrl+Z", "`fg` continues", app.action_suspend_process),
        ("Show help", "help", "F1", "all keys and symbols", app.action_help),
        ("Read the settings again", "settings", "F5", settings, app.action_read_settings),
    )
    entries = [
        PaletteEntry("view", name, f"{app.key_of(action, key)}: {about}", run)
        for name, action, key, about, run in rows
    ]
    quit_key = app.key_of("quit", "Ctrl+Q")
    return [*entries, PaletteEntry("account", "Quit", quit_key, app.action_quit)]
