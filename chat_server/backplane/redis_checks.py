"""What an operator should change: settings of Redis, clocks and Unicode tables that differ."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable
from typing import Final

from chat_server.backplane import scripts
from chat_server.backplane.connection import RedisConnection
from chat_server.backplane.log_events import BackplaneError
from chat_server.escape import one_line

_CLOCK_SECONDS: Final = 1.0
"""A difference of the clocks that users may see. Stamps are by the clock of Redis."""


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


def clock_problems(
    connection: RedisConnection, clock: Callable[[], float] = time.time
) -> list[str]:
    """Return one line if the clocks of Redis and of this machine differ by more than 1 s.

    `clock`: of this machine, seconds since the epoch.
    """
    try:
        before = clock()
        seconds, microseconds = connection.command("TIME")
        after = clock()
    except BackplaneError:
        return []  # a missing right, which stops a start and is reported by `check`
    ahead = int(seconds) + int(microseconds) / 1e6 - (before + after) / 2
    if abs(ahead) <= _CLOCK_SECONDS + (after - before) / 2:
        return []
    how = "ahead of" if ahead > 0 else "behind"
    return [
        f"the clock of Redis is {abs(ahead):.0f} s {how} the one of this machine, and gives"
        " messages their times; synchronize both"
    ]


def unicode_problems(connection: RedisConnection, name: str) -> list[str]:
    """Return one line if servers that run have other Unicode tables than this program.

    Every server decides for itself, at each entry, which names of rooms are valid and which look
    alike. `name`: of this server, whose earlier start does not count.
    """
    own = unicodedata.unidata_version
    try:
        now = int(connection.command("TIME")[0]) * 1000
        state, leases = _hash(connection, scripts.STATE), _hash(connection, scripts.LEASES)
    except BackplaneError:
        return []  # a missing right, which stops a start and is reported by `check`
    others = {
        node.rpartition(":")[0]: state.get(f"unicode:{node}", own)
        for node, end in leases.items()
        if int(end) > now
    }
    shown = ", ".join(
        f"{other} has {version}"
        for other, version in sorted(others.items())
        if other != name and version != own
    )
    if not shown:
        return []
    return [
        f"this server has version {own} of the Unicode tables, and {one_line(shown)}, so they may"
        " decide differently about names; run the same version of Python on all servers"
    ]


def _hash(connection: RedisConnection, key: str) -> dict[str, str]:
    flat = [each.decode(errors="replace") for each in connection.command("HGETALL", key)]
    return dict(zip(flat[::2], flat[1::2], strict=True))
