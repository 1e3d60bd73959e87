"""Whether a server that starts with an empty Redis is the first one, or Redis has lost everything.

Then the servers that run write their state to it. One that starts has only its users file, and must
not be faster.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Final

from chat_server.backplane import scripts
from chat_server.backplane.connection import RedisConnection
from chat_server.backplane.log_events import BackplaneError
from chat_server.tuning import Tuning

_POLL: Final = 0.1
"""Seconds between two looks."""


def wait_for_running_servers(
    connection: RedisConnection, tuning: Tuning, stopping: threading.Event
) -> None:
    """Wait while an empty Redis may still get the state of servers that run.

    That is while such a server is connected, which notices at its next renewal, and in the first
    seconds after a start of Redis, in which they connect again. A lease is the longest wait. Raises
    `BackplaneError`.
    """
    deadline = time.monotonic() + tuning.redis_lease_seconds
    while not connection.run(scripts.PLACE, 0, "")[0] and time.monotonic() < deadline:
        is_new = _uptime(connection) < tuning.redis_seed_seconds
        if not is_new and not _has_servers(connection):
            break
        if stopping.wait(_POLL):
            break


def knows_any(connection: RedisConnection, nodes: Mapping[str, int]) -> bool:
    """Return whether the log knows any of these nodes. It forgets them after a day."""
    known = (connection.command("HKEYS", key) for key in (scripts.NODES, scripts.ENDED))
    return any(name.decode() in nodes for names in known for name in names)


def _has_servers(connection: RedisConnection) -> bool:
    """Return whether a server that has started is connected, also if Redis does not say that."""
    try:
        clients = connection.command("CLIENT", "LIST").decode(errors="replace")
        own = dict(_fields(connection.command("CLIENT", "INFO").decode(errors="replace")))
    except BackplaneError:
        return True  # an ACL without these rights
    for line in clients.splitlines():
        client = dict(_fields(line))
        name = client.get("name", "")
        # Named by `RedisBackplane`. Others use another database.
        is_server = name.startswith("lobby-") and name.endswith(("-reader", "-writer"))
        if is_server and client.get("db") == own.get("db"):
            return True
    return False


def _fields(line: str) -> list[tuple[str, str]]:
    return [(key, value) for key, _, value in (word.partition("=") for word in line.split())]


def _uptime(connection: RedisConnection) -> float:
    """Return the seconds since the start of Redis, or infinity if it does not say that."""
    try:
        text = connection.command("INFO", "server").decode(errors="replace")
    except BackplaneError:
        return float("inf")
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == "uptime_in_seconds" and value.isdigit():
            return float(value)
    return float("inf")
