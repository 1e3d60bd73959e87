"""The local server of `--local`: a chat server on loopback that the client starts or joins."""

from chat_tui.local_server.local_server import DEMO_PASSWORD, LocalServer, LocalServerError

__all__ = [
    "DEMO_PASSWORD",
    "LocalServer",
    "LocalServerError",
]
