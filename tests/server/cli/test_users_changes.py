"""`chat-server users`: commands that change existing accounts."""

import json
import re
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bcrypt
import pytest
from click.testing import CliRunner, Result

from chat_server.__main__ import cli
from chat_server.accounts.file_reader import read_accounts
from chat_server.accounts.password_hash import hash_password
from chat_server.wire.password_rules import password_problem

HASH = hash_password("password123", cost=4)
PROGRAM = [sys.executable, "-m", "chat_server"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.json"


def run(*arguments: str | Path, typed: str | bytes | None = None) -> Result:
    return CliRunner(env={"CHAT_SERVER_USERS": None}).invoke(
        cli, [str(argument) for argument in arguments], input=typed
    )


def put(file: Path, *names: str) -> None:
    file.write_text(json.dumps(dict.fromkeys(names, HASH)))


def test_users_list_marks_disabled_account(file: Path) -> None:
    put(file, "alice", "eve")
    done = run("users", "disable", "eve", "--users", file)
    assert (done.exit_code, done.stdout) == (0, "Disabled eve\n")
    assert run("users", "list", "--users", file).stdout == "alice\neve\tdisabled\n"
    assert list(read_accounts(file)) == ["alice"]
    done = run("users", "enable", "eve", "--users", file)
    assert (done.exit_code, done.stdout) == (0, "Enabled eve\n")
    assert run("users", "list", "--users", file).stdout == "alice\neve\n"


def test_users_enable_and_disable_are_idempotent(file: Path) -> None:
    put(file, "alice")
    done = run("users", "enable", "alice", "--users", file)
    assert (done.exit_code, done.stdout) == (0, "alice is already enabled\n")
    run("users", "disable", "alice", "--users", file)
    done = run("users", "disable", "alice", "--users", file)
    assert (done.exit_code, done.stdout) == (0, "alice is already disabled\n")


def test_users_list_long_shows_state_and_creation_time(file: Path) -> None:
    put(file, "bob", "eve")
    run("users", "disable", "eve", "--users", file)
    run("users", "add", "alice", "--users", file, "--password-stdin", typed="horse-battery")
    first, *rest = run("users", "list", "--long", "--users", file).stdout.splitlines()
    name, state, made = first.split("\t")
    assert (name, state) == ("alice", "enabled")
    assert datetime.now(UTC) - datetime.fromisoformat(made) < timedelta(minutes=5)
    assert rest == ["bob\tenabled\t-", "eve\tdisabled\t-"]


def test_users_passwd_changes_password(file: Path) -> None:
    put(file, "alice", "bob")
    done = run("users", "passwd", "bob", "--users", file, "--password-stdin", typed="password456\n")
    assert (done.exit_code, done.stdout) == (0, "Changed the password of bob\n")
    accounts = read_accounts(file)
    assert accounts["alice"] == HASH
    assert bcrypt.checkpw(b"password456", accounts["bob"].encode())


def test_users_passwd_keeps_account_disabled(file: Path) -> None:
    put(file, "alice", "eve")
    run("users", "disable", "eve", "--users", file)
    run("users", "passwd", "eve", "--users", file, "--password-stdin", typed="password456\n")
    accounts = read_accounts(file)
    assert "eve" not in accounts
    assert bcrypt.checkpw(b"password456", accounts.disabled["eve"].encode())


@pytest.mark.parametrize(
    ("command", "report"), [("add", "Added bob to"), ("passwd", "Changed the")]
)
def test_generated_password_is_the_only_stdout_line(file: Path, command: str, report: str) -> None:
    put(file, "alice", *(["bob"] if command == "passwd" else []))
    done = run("users", command, "bob", "--users", file, "--generate")
    assert done.exit_code == 0
    assert re.fullmatch(r"([a-km-np-z2-9]{5}-){3}[a-km-np-z2-9]{5}\n", done.stdout)
    password = done.stdout.removesuffix("\n")
    assert password_problem(password) is None
    assert bcrypt.checkpw(password.encode(), read_accounts(file)["bob"].encode())
    assert report in done.stderr
    assert password not in done.stderr


def test_users_passwd_generates_different_passwords(file: Path) -> None:
    put(file, "alice")
    shown = {run("users", "passwd", "alice", "--users", file, "--generate").stdout for _ in "123"}
    assert len(shown) == 3


def test_generate_and_password_stdin_exclude_each_other(file: Path) -> None:
    put(file, "alice")
    both = ("--generate", "--password-stdin")
    done = run("users", "passwd", "alice", "--users", file, *both, typed="password456\n")
    assert done.exit_code == 2
    assert "`--generate` cannot be used with `--password-stdin`. Use one of them." in done.stderr
    assert read_accounts(file)["alice"] == HASH


def test_users_add_uses_bcrypt_cost_option(file: Path) -> None:
    run("--bcrypt-cost", "5", "users", "add", "alice", "--users", file, "--generate")
    assert read_accounts(file)["alice"].startswith("$2b$05$")


@pytest.mark.parametrize("cost", ["3", "17", "x"])
def test_bcrypt_cost_option_rejects_out_of_range_value(file: Path, cost: str) -> None:
    assert run("--bcrypt-cost", cost, "users", "list", "--users", file).exit_code == 2


def test_users_rename_keeps_password_state_creation_time_and_order(file: Path) -> None:
    for name in ("alice", "bob", "carol"):
        run("users", "add", name, "--users", file, "--password-stdin", typed="horse-battery")
    before = read_accounts(file)
    done = run("users", "rename", "bob", "robert", "--users", file)
    assert (done.exit_code, done.stdout) == (0, "Renamed bob to robert\n")
    run("users", "disable", "carol", "--users", file)
    run("users", "rename", "carol", "caroline", "--users", file)
    after = read_accounts(file)
    assert list(after) == ["alice", "robert"]
    assert after["robert"] == before["bob"]
    assert after.disabled == {"caroline": before["carol"]}
    assert list(after.created) == ["alice", "robert", "caroline"]
    assert list(after.created.values()) == list(before.created.values())


@pytest.mark.parametrize("disabled", [False, True])
def test_users_commands_reject_confusable_name(file: Path, disabled: bool) -> None:
    put(file, "alice", "bob")
    if disabled:
        run("users", "disable", "alice", "--users", file)
    before = file.read_bytes()
    for command in (["add", "Alice", "--generate"], ["rename", "bob", "\u0430lice"]):
        done = run("users", *command, "--users", file)
        assert done.exit_code == 1
        assert "looks like the existing account alice; choose another name" in done.stderr
    assert file.read_bytes() == before


def test_users_rename_allows_confusable_of_own_name(file: Path) -> None:
    put(file, "alice", "bob")
    assert run("users", "rename", "alice", "Alice", "--users", file).exit_code == 0
    assert list(read_accounts(file)) == ["Alice", "bob"]


def test_existing_confusable_accounts_can_be_changed(file: Path) -> None:
    put(file, "alice", "Alice")
    assert run("users", "disable", "Alice", "--users", file).exit_code == 0
    assert run("users", "enable", "Alice", "--users", file).exit_code == 0
    assert run("users", "rename", "alice", "alicia", "--users", file).exit_code == 0
    assert sorted(read_accounts(file)) == ["Alice", "alicia"]


def test_users_add_rejects_name_of_disabled_account(file: Path) -> None:
    put(file, "alice", "eve")
    run("users", "disable", "eve", "--users", file)
    done = run("users", "add", "eve", "--users", file, "--generate")
    assert done.exit_code == 1
    assert "the account eve already exists" in done.stderr


def test_insecure_users_file_becomes_private_and_is_reported(file: Path) -> None:
    put(file, "alice")
    file.chmod(0o644)
    done = run("users", "disable", "alice", "--users", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert done.stderr == (
        f"{file} had mode 0644: now only its owner can read it, and the server must run as that"
        " user\n"
    )
    assert run("users", "enable", "alice", "--users", file).stderr == ""


def test_concurrent_users_processes_keep_both_files_consistent(file: Path) -> None:
    names = [f"user{sign}" for sign in "abcdef"]
    put(file, *names, "alice")
    programs = [
        subprocess.Popen(
            [*PROGRAM, "users", *command, "--users", str(file)], stdout=subprocess.DEVNULL
        )
        for name in names
        for command in (["disable", name], ["rename", name, name.replace("user", "person")])
        if (command[0] == "disable") == (name < "userd")
    ]
    assert [program.wait(60) for program in programs] == [0] * len(names)
    accounts = read_accounts(file)
    assert list(accounts) == ["persond", "persone", "personf", "alice"]
    assert sorted(accounts.disabled) == ["usera", "userb", "userc"]
