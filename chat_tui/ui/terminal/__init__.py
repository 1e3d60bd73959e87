"""The terminal apart from the screen: title, bell, keys, pastes, clipboard and hangup."""

from typing import TYPE_CHECKING

from chat_tui.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from chat_tui.ui.terminal.cells import cut, cut_at_word, padded
    from chat_tui.ui.terminal.clipboard import CopyRequested, copy_to_clipboard
    from chat_tui.ui.terminal.cursor import cursor_cell
    from chat_tui.ui.terminal.driver import TerminalDriver
    from chat_tui.ui.terminal.encoding_filter import EncodingFilter, is_unicode
    from chat_tui.ui.terminal.hangup import exit_on_hangup, extend_exit_alarm
    from chat_tui.ui.terminal.keys import typed
    from chat_tui.ui.terminal.no_color_filter import NoColorFilter
    from chat_tui.ui.terminal.notifications import TerminalNotifier, may_hide_focus
    from chat_tui.ui.terminal.web_browser import browser_command, open_in
    from chat_tui.ui.terminal.width_filter import WidthFilter

__all__ = [
    "CopyRequested",
    "EncodingFilter",
    "NoColorFilter",
    "TerminalDriver",
    "TerminalNotifier",
    "WidthFilter",
    "browser_command",
    "copy_to_clipboard",
    "cursor_cell",
    "cut",
    "cut_at_word",
    "exit_on_hangup",
    "extend_exit_alarm",
    "is_unicode",
    "may_hide_focus",
    "open_in",
    "padded",
    "typed",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "CopyRequested": "chat_tui.ui.terminal.clipboard",
        "EncodingFilter": "chat_tui.ui.terminal.encoding_filter",
        "NoColorFilter": "chat_tui.ui.terminal.no_color_filter",
        "TerminalDriver": "chat_tui.ui.terminal.driver",
        "TerminalNotifier": "chat_tui.ui.terminal.notifications",
        "WidthFilter": "chat_tui.ui.terminal.width_filter",
        "browser_command": "chat_tui.ui.terminal.web_browser",
        "extend_exit_alarm": "chat_tui.ui.terminal.hangup",
        "copy_to_clipboard": "chat_tui.ui.terminal.clipboard",
        "cursor_cell": "chat_tui.ui.terminal.cursor",
        "cut": "chat_tui.ui.terminal.cells",
        "cut_at_word": "chat_tui.ui.terminal.cells",
        "exit_on_hangup": "chat_tui.ui.terminal.hangup",
        "is_unicode": "chat_tui.ui.terminal.encoding_filter",
        "may_hide_focus": "chat_tui.ui.terminal.notifications",
        "open_in": "chat_tui.ui.terminal.web_browser",
        "padded": "chat_tui.ui.terminal.cells",
        "typed": "chat_tui.ui.terminal.keys",
    },
)
