"""`chat-server users --redis`: the same commands and checks for the accounts of several servers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chat_server.accounts import read_accounts
from chat_server.backplane import RedisSettings, open_account_editor, parse_redis_url
from chat_server.backplane.entry_codec import FORM
from chat_server.core.requests import AccountRecord, ChangeAccount
from tests.support.redis_server import RedisServer, StartRedis
from tests.support.server_cli import run_server
from tests.support.users_file import HASH

ALICE = f'{{"password":"{HASH}","disabled":false,"created":"2026-11-26T09:30:00Z"}}'
BOB = f'{{"password":"{HASH}","disabled":false,"created":null}}'


def seed(redis: RedisServer) -> None:
    """Write what the first server writes, as far as accounts need it."""
    redis.command("HSET", "{lobby}:state", "epoch", "e", "form", FORM, "at", "1", "n", "0")
    redis.command("HSET", "{lobby}:users", "alice", ALICE, "bob", BOB)


def stored(redis: RedisServer) -> dict[str, object]:
    """Return the accounts in Redis."""
    accounts = redis.command("HGETALL", "{lobby}:users")
    return {name: json.loads(account) for name, account in accounts.items()}


def log_entries(redis: RedisServer) -> list[tuple[str, object]]:
    """Return kind and data of each entry of the log."""
    entries = redis.command("XRANGE", "{lobby}:log", "-", "+")
    return [(fields["k"], json.loads(fields["d"])) for _, fields in entries]


def users(redis: RedisServer, *arguments: str | Path, typed: str | None = None) -> str:
    """Run a command that succeeds. Return its output."""
    result = run_server("users", "--redis", redis.url, *arguments, typed=typed)
    assert result.exit_code == 0, result.output
    return result.output


def users_error(redis: RedisServer, *arguments: str, typed: str | None = None) -> str:
    result = run_server("users", "--redis", redis.url, *arguments, typed=typed)
    assert result.exit_code in (1, 2)
    return result.output.splitlines()[-1]


@pytest.fixture
def redis(redis_server: RedisServer) -> RedisServer:
    """Return a Redis with the accounts alice and bob."""
    seed(redis_server)
    return redis_server


def test_each_command_changes_the_accounts_and_appends_an_entry(redis: RedisServer) -> None:
    cost = ("--bcrypt-cost", "4")
    add = (*cost, "users", "add", "carol", "--redis", redis.url, "--password-stdin")
    assert run_server(*add, typed="with blanks\n").exit_code == 2
    added = run_server(*add, typed="without-blanks\n")
    assert added.output == f"Added carol to {redis.url}\n"
    assert users(redis, "disable", "bob") == "Disabled bob\n"
    assert users(redis, "disable", "bob") == "bob is already disabled\n"
    assert users(redis, "list") == "alice\nbob\tdisabled\ncarol\n"
    assert users(redis, "enable", "bob") == "Enabled bob\n"
    assert users(redis, "rename", "bob", "bobby") == "Renamed bob to bobby\n"
    assert "on every server: chat-server history forget carol" in users(redis, "remove", "carol")
    assert set(stored(redis)) == {"alice", "bobby"}
    entries = log_entries(redis)
    assert [kind for kind, _ in entries] == ["account"] * 5
    assert entries[-2:] == [
        ("account", ["bobby", [HASH, False, None], "bob"]),
        ("account", ["carol", None, ""]),
    ]


def test_generated_password_is_set_and_keeps_the_account(redis: RedisServer) -> None:
    result = run_server(
        *("--bcrypt-cost", "4", "users", "--redis", redis.url, "passwd", "alice", "--generate")
    )
    assert result.exit_code == 0
    account = stored(redis)["alice"]
    assert isinstance(account, dict)
    assert account.pop("password") != HASH
    assert account == {"disabled": False, "created": "2026-11-26T09:30:00Z"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("add", "alice"), "the account alice already exists; to change its password: chat-server"),
        (("add", "a1ice"), "a1ice looks like the existing account alice"),
        (("rename", "bob", "a1ice"), "looks like the existing account alice"),
        (
            ("remove", "zoe"),
            "there is no account zoe; to list all accounts: chat-server users list",
        ),
        (("passwd", "zoe"), "there is no account zoe"),
        (("add", "a b"), "is not a valid account name"),
    ],
)
def test_names_are_checked_as_in_a_users_file(
    redis: RedisServer, arguments: tuple[str, ...], problem: str
) -> None:
    error = users_error(redis, *arguments)
    assert problem in error
    if "chat-server" in problem:
        assert error.endswith(f"--redis {redis.url}")
    assert log_entries(redis) == []


def test_demo_password_is_rejected_for_redis(redis: RedisServer) -> None:
    error = users_error(redis, "passwd", "alice", "--password-stdin", typed="password123\n")
    assert "password" in error
    assert stored(redis)["alice"] == json.loads(ALICE)


def test_last_account_that_may_log_in_is_kept(redis: RedisServer) -> None:
    users(redis, "disable", "bob")
    assert f"users disable alice --redis {redis.url}" in users_error(redis, "remove", "alice")
    assert "alice" in stored(redis)


def test_exported_accounts_are_a_users_file(redis: RedisServer, tmp_path: Path) -> None:
    users(redis, "disable", "bob")
    file = tmp_path / "exported.json"
    assert users(redis, "export", file) == f"Exported 2 accounts to {file}\n"
    accounts = read_accounts(file)
    assert dict(accounts) == {"alice": HASH}
    assert dict(accounts.disabled) == {"bob": HASH}
    assert dict(accounts.created) == {"alice": "2026-11-26T09:30:00Z"}
    assert "already exists" in users_error(redis, "export", str(file))


def test_edit_of_other_program_in_between_is_not_lost(redis: RedisServer) -> None:
    seen: list[set[str]] = []

    def add_carol(accounts: object) -> ChangeAccount | None:
        assert isinstance(accounts, dict)
        seen.append(set(accounts))
        if len(seen) == 1:
            users(redis, "rename", "bob", "caro1")
        return None if "caro1" in accounts else ChangeAccount("carol", AccountRecord(HASH))

    with open_account_editor(RedisSettings(parse_redis_url(redis.url)), 5.0) as editor:
        assert not editor.edit(add_carol)
    assert seen == [{"alice", "bob"}, {"alice", "caro1"}]
    assert "carol" not in stored(redis)


def test_redis_without_accounts_is_reported(redis_server: RedisServer) -> None:
    assert "the first server that starts with it imports" in users_error(redis_server, "list")
    redis_server.command("HSET", "{lobby}:state", "epoch", "e", "form", FORM)
    assert "Redis has lost the accounts" in users_error(redis_server, "list")
    redis_server.command("HSET", "{lobby}:state", "form", "0")
    assert "the servers have another version" in users_error(redis_server, "list")


def test_wrong_password_of_redis_is_one_line(start_redis: StartRedis) -> None:
    redis = start_redis(password="right")
    seed(redis)
    error = users_error(redis, "list")
    assert "needs a password" in error
    assert "--redis-password-file" in error
    wrong = redis.write_password("wrong")
    error = users_error(redis, "--redis-password-file", str(wrong), "list")
    assert "rejects the user or the password" in error
    right = redis.write_password()
    assert users(redis, "--redis-password-file", right, "list") == "alice\nbob\n"


def test_unreachable_redis_is_one_line(redis_server: RedisServer) -> None:
    redis_server.kill()
    error = users_error(redis_server, "list")
    assert f"Redis at 127.0.0.1:{redis_server.port} cannot be reached" in error


@pytest.mark.parametrize("by", ["root", "variable", "file"])
def test_accounts_are_where_the_server_has_them(
    redis: RedisServer, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {
        "root": ["--redis", redis.url],
        "variable": [],
        "file": ["--config", str(tmp_path / "chat.toml")],
    }[by]
    (tmp_path / "chat.toml").write_text(f'redis = "{redis.url}"\n')
    if by == "variable":
        monkeypatch.setenv("CHAT_SERVER_REDIS", redis.url)
    assert run_server(*options, "users", "list").output == "alice\nbob\n"
    # An explicit users file has precedence.
    file = tmp_path / "users.json"
    file.write_text(json.dumps({"zoe": HASH}))
    assert run_server(*options, "users", "list", "--users", file).output == "zoe\n"
    both = run_server("users", "list", "--users", file, "--redis", redis.url)
    assert "`--users` cannot be used with `--redis`" in both.output
