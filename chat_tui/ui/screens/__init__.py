"""The screens: login form, chat, help, wire log and dialogs, one file each."""

from typing import TYPE_CHECKING

from chat_tui.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from chat_tui.ui.screens.chat import ChatScreen
    from chat_tui.ui.screens.confirm import ConfirmScreen
    from chat_tui.ui.screens.help import HelpContext, HelpScreen
    from chat_tui.ui.screens.local_server_task import (
        DemoAccountsFound,
        LocalServerChecked,
        LocalServerStarted,
        check_in_thread,
        local_log_path,
    )
    from chat_tui.ui.screens.login import FollowCheckbox, LoginScreen
    from chat_tui.ui.screens.notices import NoticesScreen
    from chat_tui.ui.screens.palette_screen import PaletteScreen
    from chat_tui.ui.screens.trust import ChangedKeyScreen, TrustScreen
    from chat_tui.ui.screens.wire import NetcatTarget, WireScreen
    from chat_tui.ui.screens.wording import local_server_info

__all__ = [
    "ChangedKeyScreen",
    "ChatScreen",
    "ConfirmScreen",
    "DemoAccountsFound",
    "FollowCheckbox",
    "HelpContext",
    "HelpScreen",
    "LocalServerChecked",
    "LocalServerStarted",
    "LoginScreen",
    "NetcatTarget",
    "NoticesScreen",
    "PaletteScreen",
    "TrustScreen",
    "WireScreen",
    "check_in_thread",
    "local_log_path",
    "local_server_info",
    "wording",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "ChangedKeyScreen": "chat_tui.ui.screens.trust",
        "ChatScreen": "chat_tui.ui.screens.chat",
        "ConfirmScreen": "chat_tui.ui.screens.confirm",
        "DemoAccountsFound": "chat_tui.ui.screens.local_server_task",
        "FollowCheckbox": "chat_tui.ui.screens.login",
        "HelpContext": "chat_tui.ui.screens.help",
        "HelpScreen": "chat_tui.ui.screens.help",
        "LocalServerChecked": "chat_tui.ui.screens.local_server_task",
        "LocalServerStarted": "chat_tui.ui.screens.local_server_task",
        "LoginScreen": "chat_tui.ui.screens.login",
        "NetcatTarget": "chat_tui.ui.screens.wire",
        "NoticesScreen": "chat_tui.ui.screens.notices",
        "PaletteScreen": "chat_tui.ui.screens.palette_screen",
        "TrustScreen": "chat_tui.ui.screens.trust",
        "WireScreen": "chat_tui.ui.screens.wire",
        "check_in_thread": "chat_tui.ui.screens.local_server_task",
        "local_log_path": "chat_tui.ui.screens.local_server_task",
        "local_server_info": "chat_tui.ui.screens.wording",
    },
)
