"""TCP keepalive: the kernel detects a server that has vanished."""

from __future__ import annotations

import socket
from typing import Final

VANISHED_SECONDS: Final = 30
"""Seconds after which a connection to a vanished server ends. During a session the client sends
heartbeats, with the same time. A login may wait for minutes, and the client must not send anything
meanwhile."""

_INTERVAL: Final = 5
_PROBES: Final = 4


def enable_keepalive(connected: socket.socket, seconds: int = VANISHED_SECONDS) -> None:
    """Let the kernel end the connection about `seconds` after the server has vanished.

    Options that the system does not have are left out. Raises `OSError` if the connection was reset
    already.
    """
    interval = max(1, min(_INTERVAL, seconds // (_PROBES + 2)))
    idle = max(1, seconds - _PROBES * interval)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", idle),
        ("TCP_KEEPALIVE", idle),  # its name on macOS
        ("TCP_KEEPINTVL", interval),
        ("TCP_KEEPCNT", _PROBES),
        # Keepalive does nothing while sent data is unacknowledged.
        ("TCP_USER_TIMEOUT", seconds * 1000),
    ):
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
