"""The local server of `--local`: a chat server on loopback that the client starts or joins."""

from chat_tui.local_server.demo_accounts import (
    DEMO_PASSWORD,
    remembered_demo_accounts,
    users_file,
)
from chat_tui.local_server.local_server import LocalServer, LocalServerError

__all__ = [
    "DEMO_PASSWORD",
    "LocalServer",
    "LocalServerError",
    "remembered_demo_accounts",
    "users_file",
]
