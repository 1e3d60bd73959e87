"""The widgets of the screens, one file each. No pane uses another one; the screen connects them.

A widget posts messages to the screen, and the screen calls its methods. It gets values of the
model, whose text is safe for a terminal, and shows them as text, never as markup.
"""

from typing import TYPE_CHECKING

from chat_tui.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from chat_tui.ui.widgets.caption import Caption
    from chat_tui.ui.widgets.checkbox import Checkbox
    from chat_tui.ui.widgets.completion_popup import CompletionPopup
    from chat_tui.ui.widgets.composer import PASTE_LIMIT, Composer
    from chat_tui.ui.widgets.key_footer import KeyFooter
    from chat_tui.ui.widgets.log_painting import CURSOR_SIGN, MENTION_SIGN
    from chat_tui.ui.widgets.log_rows import ANNOUNCEMENT_SIGN, DEFAULT_RESEND_KEY
    from chat_tui.ui.widgets.log_search import SearchQuery
    from chat_tui.ui.widgets.message_log import MessageLog
    from chat_tui.ui.widgets.notice_bar import NoticeBar
    from chat_tui.ui.widgets.people_list import (
        PEOPLE_ROWS,
        RECENT_SPEAKER,
        PeopleActivity,
        PeopleList,
    )
    from chat_tui.ui.widgets.profile_picker import ProfilePicker
    from chat_tui.ui.widgets.room_list import HERE, MUTED, WAITING, RoomList
    from chat_tui.ui.widgets.search_bar import SearchBar
    from chat_tui.ui.widgets.side_list import SideList
    from chat_tui.ui.widgets.sidebar import MAX_CHOSEN_SIDEBAR, MAX_SIDEBAR, MIN_SIDEBAR, Sidebar
    from chat_tui.ui.widgets.status_bar import StatusBar, StatusInfo
    from chat_tui.ui.widgets.text_input import SafeInput
    from chat_tui.ui.widgets.wire_lines import WireLines

__all__ = [
    "ANNOUNCEMENT_SIGN",
    "CURSOR_SIGN",
    "DEFAULT_RESEND_KEY",
    "HERE",
    "MAX_CHOSEN_SIDEBAR",
    "MAX_SIDEBAR",
    "MENTION_SIGN",
    "MIN_SIDEBAR",
    "MUTED",
    "PASTE_LIMIT",
    "PEOPLE_ROWS",
    "RECENT_SPEAKER",
    "WAITING",
    "Caption",
    "Checkbox",
    "CompletionPopup",
    "Composer",
    "KeyFooter",
    "MessageLog",
    "NoticeBar",
    "PeopleActivity",
    "PeopleList",
    "ProfilePicker",
    "RoomList",
    "SafeInput",
    "SearchBar",
    "SearchQuery",
    "SideList",
    "Sidebar",
    "StatusBar",
    "StatusInfo",
    "WireLines",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "ANNOUNCEMENT_SIGN": "chat_tui.ui.widgets.log_rows",
        "CURSOR_SIGN": "chat_tui.ui.widgets.log_painting",
        "Caption": "chat_tui.ui.widgets.caption",
        "Checkbox": "chat_tui.ui.widgets.checkbox",
        "CompletionPopup": "chat_tui.ui.widgets.completion_popup",
        "Composer": "chat_tui.ui.widgets.composer",
        "DEFAULT_RESEND_KEY": "chat_tui.ui.widgets.log_rows",
        "HERE": "chat_tui.ui.widgets.room_list",
        "KeyFooter": "chat_tui.ui.widgets.key_footer",
        "MAX_CHOSEN_SIDEBAR": "chat_tui.ui.widgets.sidebar",
        "MAX_SIDEBAR": "chat_tui.ui.widgets.sidebar",
        "MENTION_SIGN": "chat_tui.ui.widgets.log_painting",
        "MIN_SIDEBAR": "chat_tui.ui.widgets.sidebar",
        "MUTED": "chat_tui.ui.widgets.room_list",
        "MessageLog": "chat_tui.ui.widgets.message_log",
        "NoticeBar": "chat_tui.ui.widgets.notice_bar",
        "PASTE_LIMIT": "chat_tui.ui.widgets.composer",
        "PEOPLE_ROWS": "chat_tui.ui.widgets.people_list",
        "PeopleActivity": "chat_tui.ui.widgets.people_list",
        "PeopleList": "chat_tui.ui.widgets.people_list",
        "ProfilePicker": "chat_tui.ui.widgets.profile_picker",
        "RECENT_SPEAKER": "chat_tui.ui.widgets.people_list",
        "RoomList": "chat_tui.ui.widgets.room_list",
        "SafeInput": "chat_tui.ui.widgets.text_input",
        "SearchBar": "chat_tui.ui.widgets.search_bar",
        "SearchQuery": "chat_tui.ui.widgets.log_search",
        "SideList": "chat_tui.ui.widgets.side_list",
        "Sidebar": "chat_tui.ui.widgets.sidebar",
        "StatusBar": "chat_tui.ui.widgets.status_bar",
        "StatusInfo": "chat_tui.ui.widgets.status_bar",
        "WAITING": "chat_tui.ui.widgets.room_list",
        "WireLines": "chat_tui.ui.widgets.wire_lines",
    },
)
