"""`chat-server check --redis`: what a start would do, and what is wrong with the Redis."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from chat_server.backplane import RedisSettings, parse_redis_url, probe_redis
from chat_server.backplane.entry_codec import FORM
from tests.support.accounts import write_accounts_file
from tests.support.project import PROJECT
from tests.support.redis_server import RedisServer, StartRedis
from tests.support.server_cli import run_server
from tests.support.users_file import HASH

DEPLOYED = (PROJECT / "deploy/lobby.acl").read_text()
ALICE = f'{{"password":"{HASH}","disabled":false,"created":null}}'
RIGHTS = re.findall(r"^user lobby .*? -@all (.*)$", DEPLOYED, re.M)[0]
"""Those that docs/operating.md recommends."""


@pytest.fixture
def users(tmp_path: Path) -> Path:
    return write_accounts_file(tmp_path / "users.json", ["alice"])


def check(redis: RedisServer, users: Path, *options: str | Path) -> tuple[int, list[str]]:
    """Return the exit status and the findings, without those that are only ok."""
    result = run_server(
        *("check", "--port", "0", "--history", "off", "--users", users, "--redis", redis.url),
        *options,
    )
    return result.exit_code, result.output.splitlines()


def problems(findings: list[str]) -> list[str]:
    return [
        each for each in findings if not each.startswith("ok ") and "running as root" not in each
    ]


def test_check_of_good_redis_reports_no_problem(redis_server: RedisServer, users: Path) -> None:
    status, findings = check(redis_server, users)
    assert status == 0
    assert problems(findings) == []
    version = redis_server.command("INFO", "server")["redis_version"]
    assert f"ok       Redis {version} at {redis_server.url} answers" in findings
    assert "ok       no server has used this Redis yet: would import the users file" in findings
    assert f"ok       users file {users}: 1 account" in findings
    assert redis_server.command("KEYS", "*") == []


def test_check_uses_the_accounts_in_redis(redis_server: RedisServer, tmp_path: Path) -> None:
    redis_server.command("HSET", "{lobby}:state", "epoch", "e", "form", FORM)
    redis_server.command("HSET", "{lobby}:users", "alice", ALICE)
    status, findings = check(redis_server, tmp_path / "missing.json", "--operators", "alice,zoe")
    assert status == 0
    assert "ok       accounts in Redis: 1 account; the users file is not read" in findings
    assert "warning  operator 'zoe' has no account" in findings
    assert any("the publicly known demo password" in each for each in problems(findings))


def test_check_reports_settings_that_may_lose_messages(
    start_redis: StartRedis, users: Path
) -> None:
    redis = start_redis(aof=False)
    redis.configure("maxmemory-policy", "allkeys-lru")
    status, findings = check(redis, users)
    assert status == 0
    assert any("appendonly is off" in each for each in problems(findings))
    assert any("maxmemory-policy is allkeys-lru" in each for each in problems(findings))


def test_check_says_what_to_do_when_redis_waits_for_a_replica(
    redis_server: RedisServer, users: Path
) -> None:
    redis_server.configure("min-replicas-to-write", "1")
    status, findings = check(redis_server, users)
    assert status == 1
    assert [each for each in problems(findings) if "Redis" in each] == [
        "error    Redis accepts no entries, because too few replicas are connected; start the"
        " replica, or set `min-replicas-to-write` to 0"
    ]


def test_check_reports_version_of_servers_that_share_the_log(
    redis_server: RedisServer, users: Path
) -> None:
    redis_server.command("HSET", "{lobby}:state", "epoch", "e", "form", "0")
    status, findings = check(redis_server, users)
    assert status == 1
    assert any("only servers of one version share a log" in each for each in problems(findings))


@pytest.mark.parametrize("missing", ["+hmget", "+xread", "+del", "+xadd", "+eval "])
def test_check_reports_each_missing_right(
    start_redis: StartRedis, users: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_SERVER_REDIS_PASSWORD", "secret")
    rights = f"{RIGHTS} ".replace(f"{missing} " if missing[-1] != " " else missing, "")
    redis = start_redis(acl=[f"user lobby on >secret ~{{lobby}}:* -@all {rights}"])
    url = redis.url.replace("//", "//lobby@")
    result = run_server(
        "check", "--port", "0", "--history", "off", "--users", users, "--redis", url
    )
    assert result.exit_code == 1
    errors = [line for line in result.output.splitlines() if line.startswith("error")]
    assert any(missing.strip("+ ") in error.lower() for error in errors)
    assert redis.command("KEYS", "*") == []


def test_check_without_info_says_that_settings_are_unknown(
    start_redis: StartRedis, users: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_SERVER_REDIS_PASSWORD", "secret")
    rights = RIGHTS.replace("+info ", "")
    redis = start_redis(acl=[f"user lobby on >secret ~{{lobby}}:* -@all {rights}"])
    url = redis.url.replace("//", "//lobby@")
    result = run_server(
        "check", "--port", "0", "--history", "off", "--users", users, "--redis", url
    )
    assert result.exit_code == 0
    found = problems(result.output.splitlines())
    assert any("the version is unknown" in each for each in found)
    assert any("the settings cannot be checked" in each for each in found)


def test_check_reports_wrong_password_and_readable_password_file(
    start_redis: StartRedis, users: Path
) -> None:
    redis = start_redis(password="right")
    file = redis.write_password("wrong")
    file.chmod(0o644)
    status, findings = check(redis, users, "--redis-password-file", file)
    assert status == 1
    found = problems(findings)
    assert found[0].startswith(f"warning  password file {file}: open to other users")
    assert "rejects the user or the password" in found[1]


def test_check_reports_replica_and_unreachable_redis(start_redis: StartRedis, users: Path) -> None:
    primary = start_redis()
    replica = start_redis(replica_of=primary)
    assert any("is a replica" in each for each in problems(check(replica, users)[1]))
    primary.kill()
    status, findings = check(primary, users)
    assert status == 1
    assert any("cannot be reached" in each for each in problems(findings))


def test_wrong_clock_is_reported(redis_server: RedisServer) -> None:
    settings = RedisSettings(parse_redis_url(redis_server.url))
    assert not probe_redis(settings, 5.0).warnings
    report = probe_redis(settings, 5.0, lambda: time.time() - 3600)
    assert "the clock of Redis is 3600 s ahead of the one of this machine" in report.warnings[0]
