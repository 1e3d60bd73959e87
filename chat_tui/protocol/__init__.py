"""The client's side of the protocol, sans I/O. `ClientProtocol` is the entry point."""

from chat_tui.protocol.client_protocol import ClientProtocol
from chat_tui.protocol.phase import EndReason, ProtocolState
from chat_tui.protocol.restore_target import RestoreTarget
from chat_tui.protocol.timelines import Timelines, Unconfirmed

__all__ = [
    "ClientProtocol",
    "EndReason",
    "ProtocolState",
    "RestoreTarget",
    "Timelines",
    "Unconfirmed",
]
