"""Notifications to systemd for a service of `Type=notify`: sd_notify(3), one datagram each.

Without a service manager, nothing is sent and nothing fails.
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
"""Seconds that the service manager has to make room for a datagram."""


def notify(state: str) -> None:
    """Send `state`, one of the constants above, to the service manager. Blocks for up to 1 s."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):  # a vsock, for example, which is not for a local service
        return
    # Linux has abstract socket names, which are not files. systemd writes them with an @.
    address = "\0" + path[1:] if path.startswith("@") else path
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.settimeout(_SEND_TIMEOUT)
        # A connected socket can wait for room at the receiver. sendto would retry without end.
        channel.connect(address)
        channel.send(state.encode())


def watchdog_seconds() -> float | None:
    """Return how long the service manager waits for the next `ALIVE` before it restarts us.

    None if it does not wait for any.
    """
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        microseconds = int(os.environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 1e6 if microseconds > 0 else None
