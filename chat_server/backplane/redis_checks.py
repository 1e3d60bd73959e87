"""What an operator should change in the settings of Redis, read from `INFO`."""

from __future__ import annotations

from chat_server.backplane.connection import RedisConnection
from chat_server.backplane.log_events import BackplaneError


def setting_problems(connection: RedisConnection) -> list[str]:
    """Return one line for each setting that may lose entries. Raises `BackplaneError`."""
    try:
        text = connection.command("INFO")
    except BackplaneError as error:
        return [f"the settings cannot be checked: {error}"]
    info = dict(line.split(":", 1) for line in text.decode().splitlines() if ":" in line)
    problems = []
    if info.get("aof_enabled") == "0":
        problems.append("appendonly is off, so a restart of Redis loses the log; set it to yes")
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        problems.append(f"maxmemory-policy is {policy}, which may evict the log; use noeviction")
    if info.get("connected_slaves", "0") != "0" and "min_slaves_good_slaves" not in info:
        problems.append("min-replicas-to-write is 0, so a failover may lose entries; set it to 1")
    return problems
