"""Who has a port of this machine: a chat server, something else, or nobody. Blocking."""

from __future__ import annotations

import socket
import time
from enum import Enum
from typing import Final

from chat_server.wire.protocol import CLIENT_ACCEPTS, LineBuffer, Reply, parse_server_line
from chat_server.wire.replies import LOGIN_PROMPT

LOOPBACK: Final = "127.0.0.1"

_PATIENCE: Final = 1.0
"""Seconds in which a chat server has sent its login line."""


class PortHolder(Enum):
    """Who answers on a port."""

    NOBODY = "nobody"
    CHAT_SERVER = "chat server"
    SOMETHING_ELSE = "something else"


def who_has(port: int) -> PortHolder:
    """Ask on loopback; takes a second where something has the port and keeps silent."""
    deadline = time.monotonic() + _PATIENCE
    try:
        with socket.create_connection((LOOPBACK, port), timeout=_PATIENCE) as asked:
            if asked.getsockname() == asked.getpeername():
                return PortHolder.NOBODY  # TCP met itself, as it may on a port nobody listens on
            greeted = _is_greeted(asked, deadline)
            return PortHolder.CHAT_SERVER if greeted else PortHolder.SOMETHING_ELSE
    except ConnectionRefusedError:
        return PortHolder.NOBODY
    except OSError:
        return PortHolder.SOMETHING_ELSE


def _is_greeted(asked: socket.socket, deadline: float) -> bool:
    """Whether the login line comes in time; the first servers say something else before it."""
    buffer = LineBuffer(CLIENT_ACCEPTS)
    while (left := deadline - time.monotonic()) > 0:
        asked.settimeout(left)
        data = asked.recv(CLIENT_ACCEPTS)
        if not data:
            return False
        for line in buffer.feed(data):
            if not isinstance(line, bytes):
                return False
            if parse_server_line(line.decode("utf-8", "replace").rstrip()) == Reply(LOGIN_PROMPT):
                return True
    return False
