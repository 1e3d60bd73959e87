"""The client's side of the protocol, sans I/O. `Dialogue` is its face."""

from chat_tui.protocol.client_protocol import NOT_CONNECTED, Dialogue, Ending
from chat_tui.protocol.restore_target import Wish

__all__ = ["NOT_CONNECTED", "Dialogue", "Ending", "Wish"]
