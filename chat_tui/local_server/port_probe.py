"""Who has a port of this machine: a chat server, something else, or nobody. Blocking."""

from __future__ import annotations

import socket
import time
from enum import Enum
from typing import Final

from chat_server.wire import (
    CLIENT_RECEIVE_LIMIT,
    LOGIN_PROMPT,
    LineBuffer,
    Reply,
    parse_server_line,
)

LOOPBACK: Final = "127.0.0.1"

_GREETING_TIMEOUT: Final = 1.0
"""Seconds in which a chat server has sent its login line."""


class PortOwner(Enum):
    """Who answers on a port."""

    NOBODY = "nobody"
    CHAT_SERVER = "chat server"
    SOMETHING_ELSE = "something else"


def port_owner(port: int) -> PortOwner:
    """Ask on loopback; takes a second where something has the port and keeps silent."""
    deadline = time.monotonic() + _GREETING_TIMEOUT
    try:
        with socket.create_connection((LOOPBACK, port), timeout=_GREETING_TIMEOUT) as connected:
            if connected.getsockname() == connected.getpeername():
                return PortOwner.NOBODY  # TCP met itself, as it may on a port nobody listens on
            greeted = _sends_login_prompt(connected, deadline)
            return PortOwner.CHAT_SERVER if greeted else PortOwner.SOMETHING_ELSE
    except ConnectionRefusedError:
        return PortOwner.NOBODY
    except OSError:
        return PortOwner.SOMETHING_ELSE


def _sends_login_prompt(connected: socket.socket, deadline: float) -> bool:
    """Whether the login line comes in time; the first servers say something else before it."""
    buffer = LineBuffer(CLIENT_RECEIVE_LIMIT)
    while (left := deadline - time.monotonic()) > 0:
        connected.settimeout(left)
        data = connected.recv(CLIENT_RECEIVE_LIMIT)
        if not data:
            return False
        for line in buffer.feed(data):
            if not isinstance(line, bytes):
                return False
            if parse_server_line(line.decode("utf-8", "replace").rstrip()) == Reply(LOGIN_PROMPT):
                return True
    return False
