"""The Textual app, its screens, widgets and terminal support."""

from typing import TYPE_CHECKING

from chat_tui.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from chat_tui.ui.app import ChatApp
    from chat_tui.ui.keymap import effective_keys, usable_keys
    from chat_tui.ui.settings_manager import theme_problem
    from chat_tui.ui.theme import DARK, LIGHT

__all__ = [
    "DARK",
    "LIGHT",
    "ChatApp",
    "effective_keys",
    "theme_problem",
    "usable_keys",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "ChatApp": "chat_tui.ui.app",
        "DARK": "chat_tui.ui.theme",
        "LIGHT": "chat_tui.ui.theme",
        "effective_keys": "chat_tui.ui.keymap",
        "theme_problem": "chat_tui.ui.settings_manager",
        "usable_keys": "chat_tui.ui.keymap",
    },
)
