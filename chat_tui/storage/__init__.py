"""Files that the client keeps on this machine, readable by their owner only."""

from typing import TYPE_CHECKING

from chat_tui.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from chat_tui.storage.draft_store import DraftStore
    from chat_tui.storage.history_file import HistoryStore
    from chat_tui.storage.known_servers import FINGERPRINT, KnownServers, KnownServersError
    from chat_tui.storage.log_files import LogFiles
    from chat_tui.storage.muted_store import MuteStore
    from chat_tui.storage.place_store import PlaceStore
    from chat_tui.storage.private_files import open_regular, read_regular, write_private
    from chat_tui.storage.problems import StorageProblems
    from chat_tui.storage.stamp_store import StampStore
    from chat_tui.storage.state import ClientState, LastServer, state_folder

__all__ = [
    "FINGERPRINT",
    "ClientState",
    "DraftStore",
    "HistoryStore",
    "KnownServers",
    "KnownServersError",
    "LastServer",
    "LogFiles",
    "MuteStore",
    "PlaceStore",
    "StampStore",
    "StorageProblems",
    "open_regular",
    "read_regular",
    "state_folder",
    "write_private",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "ClientState": "chat_tui.storage.state",
        "DraftStore": "chat_tui.storage.draft_store",
        "FINGERPRINT": "chat_tui.storage.known_servers",
        "HistoryStore": "chat_tui.storage.history_file",
        "KnownServers": "chat_tui.storage.known_servers",
        "KnownServersError": "chat_tui.storage.known_servers",
        "LastServer": "chat_tui.storage.state",
        "LogFiles": "chat_tui.storage.log_files",
        "MuteStore": "chat_tui.storage.muted_store",
        "PlaceStore": "chat_tui.storage.place_store",
        "StampStore": "chat_tui.storage.stamp_store",
        "StorageProblems": "chat_tui.storage.problems",
        "open_regular": "chat_tui.storage.private_files",
        "read_regular": "chat_tui.storage.private_files",
        "state_folder": "chat_tui.storage.state",
        "write_private": "chat_tui.storage.private_files",
    },
)
