"""What systemd is told of a service of `Type=notify`: sd_notify(3), which is one datagram.

Nothing is said, and nothing fails, where no service manager listens.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Final

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
ALIVE: Final = "WATCHDOG=1"

_SEND_TIMEOUT: Final = 1.0
"""Seconds that a service manager may take to have room for a datagram."""


def notify(state: str) -> None:
    """Say `state`, one of the above, to the service manager. Blocks for a moment at most."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):  # a vsock, for one: not of a service on this machine
        return
    # Linux has names of sockets that are no files; systemd writes them with an @.
    address = "\0" + path[1:] if path.startswith("@") else path
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.settimeout(_SEND_TIMEOUT)
        # Connected, it can be waited for room on the other side; sendto would try without end.
        channel.connect(address)
        channel.send(state.encode())


def watchdog_seconds() -> float | None:
    """How long the service manager waits for the next `ALIVE` before it restarts us.

    None where it does not wait for any.
    """
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        microseconds = int(os.environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 else None
