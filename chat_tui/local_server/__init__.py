"""`--local`: a chat server beside the client. `LocalServer` is its face."""

from chat_tui.local_server.local_server import DEMO_PASSWORD, LocalServer, LocalServerError

__all__ = [
    "DEMO_PASSWORD",
    "LocalServer",
    "LocalServerError",
]
