"""Checks of the Redis that several servers share, for `chat-server check`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress

from chat_server.accounts import Accounts, accounts_of_records
from chat_server.cli.findings import Finding, Severity, exposure
from chat_server.config import Config


def check_redis(config: Config, use_accounts: Callable[[Accounts], None]) -> Iterator[Finding]:
    """Check the connection, the rights, the version and the settings of Redis.

    Calls `use_accounts` with the accounts that are there, unless no server has started yet.
    """
    if config.redis is None:
        return
    # Loaded on demand: without `--redis` nothing of Redis is imported.
    from chat_server.backplane import BackplaneError, RedisSettings, parse_redis_url, probe_redis

    yield from _check_password_file(config)
    url = parse_redis_url(config.redis)
    settings = RedisSettings(url, config.redis_password_file, config.redis_ca)
    try:
        report = probe_redis(settings, config.tuning.redis_login_seconds, name=config.node)
    except BackplaneError as error:
        yield Finding(Severity.ERROR, str(error))
        return
    version = report.version or "of unknown version"
    yield Finding(Severity.OK, f"Redis {version} at {url} answers")
    for text in report.errors:
        yield Finding(Severity.ERROR, text)
    for text in report.warnings:
        yield Finding(Severity.WARNING, text)
    if report.accounts is None:
        if not report.errors:
            yield Finding(
                Severity.OK, "no server has used this Redis yet: would import the users file"
            )
        return
    accounts = accounts_of_records(report.accounts)
    count = "1 account" if len(accounts) == 1 else f"{len(accounts)} accounts"
    yield Finding(Severity.OK, f"accounts in Redis: {count}; the users file is not read")
    use_accounts(accounts)


def _check_password_file(config: Config) -> Iterator[Finding]:
    path = config.redis_password_file
    if path is None:
        return
    with suppress(OSError):  # the connection reports it
        yield from exposure("password file", path, os.stat(path).st_mode)
