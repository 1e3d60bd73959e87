"""The client's side of the protocol, sans I/O. `Dialogue` is its face."""

from chat_tui.dialogue.dialogue import NOT_CONNECTED, Dialogue, Ending
from chat_tui.dialogue.wish import Wish

__all__ = ["NOT_CONNECTED", "Dialogue", "Ending", "Wish"]
