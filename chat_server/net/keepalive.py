"""TCP keepalive: the kernel detects clients that vanished."""

from __future__ import annotations

import socket
from typing import Final

_PROBES: Final = 4
"""Unanswered keepalive probes after which a client counts as vanished."""


def enable_keepalive(connected: socket.socket, seconds: float) -> None:
    """Make the kernel reset the connection about `seconds` after the peer has vanished.

    Raises `OSError` if the connection was reset already.
    """
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    interval = max(1, round(seconds / (_PROBES + 3)))
    for name, value in (
        ("TCP_KEEPIDLE", 3 * interval),
        ("TCP_KEEPINTVL", interval),
        ("TCP_KEEPCNT", _PROBES),
        # Keepalive does nothing while sent data is unacknowledged.
        ("TCP_USER_TIMEOUT", round(seconds * 1000)),
    ):
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
