"""The state that the client shows: rooms, people, messages. No screen, no connection.

Only the screen's thread reads and changes it. All text is safe for a terminal.
"""

from typing import TYPE_CHECKING

from chat_tui.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from chat_tui.model.alerts import Alert
    from chat_tui.model.author_hues import HUES
    from chat_tui.model.chat_model import ChatModel
    from chat_tui.model.completion import Completion, CompletionList, complete
    from chat_tui.model.drafts import Drafts
    from chat_tui.model.entries import Entry, EntryKind, EntryState, Presence
    from chat_tui.model.history import MAX_ITEMS, InputHistories, InputHistory
    from chat_tui.model.history_search import HistorySearch
    from chat_tui.model.link_target import InvalidHostError, LinkTarget, resolve_link
    from chat_tui.model.links import Link, find_links
    from chat_tui.model.location import Location
    from chat_tui.model.log_edge import EdgeState, LogEdge
    from chat_tui.model.mentions import MentionFinder
    from chat_tui.model.panes import Pane
    from chat_tui.model.people import Person, Roster
    from chat_tui.model.places import Places
    from chat_tui.model.room_log import RoomLog
    from chat_tui.model.rooms import RoomInfo
    from chat_tui.model.settled_feed import SettledFeed
    from chat_tui.model.text_match import FoldedText, fold
    from chat_tui.model.unread import UnreadNumbers, shown_count
    from chat_tui.model.wire_log import Direction, WireLine, WireLog

__all__ = [
    "HUES",
    "MAX_ITEMS",
    "Alert",
    "ChatModel",
    "Completion",
    "CompletionList",
    "Direction",
    "Drafts",
    "EdgeState",
    "Entry",
    "EntryKind",
    "EntryState",
    "FoldedText",
    "HistorySearch",
    "InputHistories",
    "InputHistory",
    "InvalidHostError",
    "Link",
    "LinkTarget",
    "Location",
    "LogEdge",
    "MentionFinder",
    "Pane",
    "Person",
    "Places",
    "Presence",
    "RoomInfo",
    "RoomLog",
    "Roster",
    "SettledFeed",
    "UnreadNumbers",
    "WireLine",
    "WireLog",
    "complete",
    "find_links",
    "fold",
    "resolve_link",
    "shown_count",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "Alert": "chat_tui.model.alerts",
        "ChatModel": "chat_tui.model.chat_model",
        "Completion": "chat_tui.model.completion",
        "CompletionList": "chat_tui.model.completion",
        "Direction": "chat_tui.model.wire_log",
        "Drafts": "chat_tui.model.drafts",
        "EdgeState": "chat_tui.model.log_edge",
        "Entry": "chat_tui.model.entries",
        "EntryKind": "chat_tui.model.entries",
        "EntryState": "chat_tui.model.entries",
        "FoldedText": "chat_tui.model.text_match",
        "HistorySearch": "chat_tui.model.history_search",
        "HUES": "chat_tui.model.author_hues",
        "InputHistories": "chat_tui.model.history",
        "InputHistory": "chat_tui.model.history",
        "InvalidHostError": "chat_tui.model.link_target",
        "Link": "chat_tui.model.links",
        "LinkTarget": "chat_tui.model.link_target",
        "Location": "chat_tui.model.location",
        "LogEdge": "chat_tui.model.log_edge",
        "MAX_ITEMS": "chat_tui.model.history",
        "MentionFinder": "chat_tui.model.mentions",
        "Pane": "chat_tui.model.panes",
        "Person": "chat_tui.model.people",
        "Places": "chat_tui.model.places",
        "Presence": "chat_tui.model.entries",
        "RoomInfo": "chat_tui.model.rooms",
        "RoomLog": "chat_tui.model.room_log",
        "Roster": "chat_tui.model.people",
        "SettledFeed": "chat_tui.model.settled_feed",
        "UnreadNumbers": "chat_tui.model.unread",
        "WireLine": "chat_tui.model.wire_log",
        "WireLog": "chat_tui.model.wire_log",
        "complete": "chat_tui.model.completion",
        "fold": "chat_tui.model.text_match",
        "find_links": "chat_tui.model.links",
        "resolve_link": "chat_tui.model.link_target",
        "shown_count": "chat_tui.model.unread",
    },
)
