"""What `chat-server check` reports of Redis. Nothing is changed there."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from chat_server.backplane.connection import RedisConnection, connect
from chat_server.backplane.connection_errors import NO_REPLICAS
from chat_server.backplane.entry_codec import FORM, EntryError, account_from_json
from chat_server.backplane.log_events import BackplaneError
from chat_server.backplane.redis_checks import (
    clock_problems,
    setting_problems,
    unicode_problems,
)
from chat_server.backplane.redis_settings import RedisSettings
from chat_server.backplane.scripts import LOG, STATE, USERS
from chat_server.core import requests
from chat_server.escape import one_line

OLDEST_VERSION: Final = (6, 2)
"""The oldest version of Redis with all that the scripts use."""

_RIGHTS: Final = """
local key, problems = KEYS[1], {}
local function try(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then
    problems[#problems + 1] = ({...})[1] .. ': ' .. reply.err
    return false
  end
  return true
end
try('TIME')
try('EXISTS', key)
if try('DEL', key) then
  try('HSET', key, 'a', '1')
  try('HGET', key, 'a')
  try('HMGET', key, 'a')
  try('HGETALL', key)
  try('HKEYS', key)
  try('HLEN', key)
  try('HSETNX', key, 'a', '1')
  try('HDEL', key, 'a')
  redis.pcall('DEL', key)
  try('XADD', key, 'MAXLEN', '~', '10', '1-0', 'a', 'b')
  try('XRANGE', key, '-', '+', 'COUNT', '1')
  try('XTRIM', key, 'MINID', '~', '2')
  redis.pcall('DEL', key)
end
return problems
"""
"""Tries each command of the scripts, and leaves no key. In one step, so that nothing else sees it.

TRAP: without the right to DEL nothing may be written, because it would stay.
"""


@dataclass(slots=True)
class RedisReport:
    """The findings, each one sentence."""

    version: str = ""
    errors: list[str] = field(default_factory=list)
    """Why a start would fail."""
    warnings: list[str] = field(default_factory=list)
    accounts: dict[str, requests.AccountRecord] | None = None
    """The accounts of the servers. None: the first one would import its users file."""


def probe_redis(
    settings: RedisSettings,
    timeout: float,
    clock: Callable[[], float] = time.time,
    name: str = "",
) -> RedisReport:
    """Connect to Redis and look at it. Raises `BackplaneError` if that fails.

    `timeout`: in seconds, for each step. `clock`: of this machine, seconds since the epoch. `name`:
    of the server that would start.
    """
    connection = connect(settings, timeout, "chat-server-check")
    try:
        report = RedisReport()
        _check_version(connection, report)
        report.errors += _missing_rights(connection)
        report.warnings += clock_problems(connection, clock)
        report.warnings += setting_problems(connection)
        report.warnings += unicode_problems(connection, name)
        _check_log(connection, report)
        return report
    finally:
        connection.close()


def _check_version(connection: RedisConnection, report: RedisReport) -> None:
    try:
        text = connection.command("INFO", "server").decode()
    except BackplaneError:
        report.warnings.append("INFO is not permitted, so the version is unknown")
        return
    found = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    report.version = one_line(found.get("valkey_version") or found.get("redis_version", ""))
    compatible = found.get("redis_version", "0.0")  # Valkey reports the Redis that it is like
    numbers = tuple(int(part) for part in compatible.split(".")[:2] if part.isdigit())
    if numbers < OLDEST_VERSION:
        report.errors.append(f"Redis {report.version} is too old; install 6.2 or newer")


def _missing_rights(connection: RedisConnection) -> list[str]:
    """Return what the user of Redis may not do."""
    try:
        problems = connection.command("EVAL", _RIGHTS, 1, "{lobby}:check")
    except BackplaneError as error:
        return [str(error)]
    found = [problem.decode(errors="replace") for problem in problems]
    for command in (
        ("XREAD", "COUNT", 1, "STREAMS", LOG, "0-0"),
        ("HGETALL", STATE),
        ("SCRIPT", "LOAD", "return 1"),
        ("EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", 0),  # of `return 1`
    ):
        try:
            connection.command(*command)
        except BackplaneError as error:
            found.append(str(error))
    return [_describe(one_line(problem)) for problem in found]


def _describe(problem: str) -> str:
    """Return what is wrong, and what to do about it. `problem`: the command and the error."""
    if "NOREPLICAS" in problem:
        return f"Redis {NO_REPLICAS}"
    return f"Redis does not permit {problem}"


def _check_log(connection: RedisConnection, report: RedisReport) -> None:
    try:
        flat = connection.command("HGETALL", STATE)
        state = dict(zip(flat[::2], flat[1::2], strict=True))
        if b"epoch" not in state:
            return
        if state.get(b"form") != FORM.encode():
            report.errors.append(
                "the servers have another version, and only servers of one version share a log; run"
                " theirs, or upgrade all of them at once as docs/cluster.md says"
            )
            return
        flat = connection.command("HGETALL", USERS)
        report.accounts = {
            name.decode("utf-8", "surrogatepass"): account_from_json(value)
            for name, value in zip(flat[::2], flat[1::2], strict=True)
        }
    except BackplaneError:
        return  # reported as a missing right
    except (EntryError, UnicodeDecodeError) as error:
        report.errors.append(f"the accounts in Redis cannot be read: {error}")
