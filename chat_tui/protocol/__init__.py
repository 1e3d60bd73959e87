"""The client's side of the protocol, sans I/O. `ClientProtocol` is its face."""

from chat_tui.protocol.client_protocol import NOT_CONNECTED, ClientProtocol, EndReason
from chat_tui.protocol.restore_target import RestoreTarget

__all__ = [
    "NOT_CONNECTED",
    "ClientProtocol",
    "EndReason",
    "RestoreTarget",
]
