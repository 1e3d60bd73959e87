"""A probe that finds out if a chat server, another program or nothing listens on a port."""

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
"""Seconds within which a chat server has sent its login line."""


class PortOwner(Enum):
    """The kind of program that listens on a port."""

    NONE = "none"
    CHAT_SERVER = "chat server"
    OTHER = "other program"


def port_owner(port: int) -> PortOwner:
    """Connect to `port` on loopback. Takes a second if the program there sends nothing. Blocks."""
    deadline = time.monotonic() + _GREETING_TIMEOUT
    try:
        with socket.create_connection((LOOPBACK, port), timeout=_GREETING_TIMEOUT) as connected:
            if connected.getsockname() == connected.getpeername():
                return PortOwner.NONE  # a TCP self-connection, possible on a free port
            greeted = _sends_login_prompt(connected, deadline)
            return PortOwner.CHAT_SERVER if greeted else PortOwner.OTHER
    except ConnectionRefusedError:
        return PortOwner.NONE
    except OSError:
        return PortOwner.OTHER


def _sends_login_prompt(connected: socket.socket, deadline: float) -> bool:
    """Return True if the login line arrives in time. Legacy servers send a welcome before it."""
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
