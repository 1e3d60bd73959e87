"""`chat-server users`: commands that change existing accounts."""

import re
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bcrypt
import pytest

from chat_server.accounts.file_reader import read_accounts
from chat_server.wire.password_rules import password_problem
from tests.support.server_cli import run_server
from tests.support.users_file import HASH, write_users

PROGRAM = [sys.executable, "-m", "chat_server"]


def test_users_list_marks_disabled_account(users_file: Path) -> None:
    write_users(users_file, "alice", "eve")
    done = run_server("users", "disable", "eve", "--users", users_file)
    assert (done.exit_code, done.stdout) == (0, "Disabled eve\n")
    assert run_server("users", "list", "--users", users_file).stdout == "alice\neve\tdisabled\n"
    assert list(read_accounts(users_file)) == ["alice"]
    done = run_server("users", "enable", "eve", "--users", users_file)
    assert (done.exit_code, done.stdout) == (0, "Enabled eve\n")
    assert run_server("users", "list", "--users", users_file).stdout == "alice\neve\n"


def test_users_enable_and_disable_are_idempotent(users_file: Path) -> None:
    write_users(users_file, "alice")
    done = run_server("users", "enable", "alice", "--users", users_file)
    assert (done.exit_code, done.stdout) == (0, "alice is already enabled\n")
    run_server("users", "disable", "alice", "--users", users_file)
    done = run_server("users", "disable", "alice", "--users", users_file)
    assert (done.exit_code, done.stdout) == (0, "alice is already disabled\n")


def test_users_list_long_shows_state_and_creation_time(users_file: Path) -> None:
    write_users(users_file, "bob", "eve")
    run_server("users", "disable", "eve", "--users", users_file)
    run_server(
        "users", "add", "alice", "--users", users_file, "--password-stdin", typed="horse-battery"
    )
    first, *rest = run_server("users", "list", "--long", "--users", users_file).stdout.splitlines()
    name, state, made = first.split("\t")
    assert (name, state) == ("alice", "enabled")
    assert datetime.now(UTC) - datetime.fromisoformat(made) < timedelta(minutes=5)
    assert rest == ["bob\tenabled\t-", "eve\tdisabled\t-"]


def test_users_passwd_changes_password(users_file: Path) -> None:
    write_users(users_file, "alice", "bob")
    done = run_server(
        "users", "passwd", "bob", "--users", users_file, "--password-stdin", typed="password456\n"
    )
    assert (done.exit_code, done.stdout) == (0, "Changed the password of bob\n")
    accounts = read_accounts(users_file)
    assert accounts["alice"] == HASH
    assert bcrypt.checkpw(b"password456", accounts["bob"].encode())


def test_users_passwd_keeps_account_disabled(users_file: Path) -> None:
    write_users(users_file, "alice", "eve")
    run_server("users", "disable", "eve", "--users", users_file)
    run_server(
        "users", "passwd", "eve", "--users", users_file, "--password-stdin", typed="password456\n"
    )
    accounts = read_accounts(users_file)
    assert "eve" not in accounts
    assert bcrypt.checkpw(b"password456", accounts.disabled["eve"].encode())


@pytest.mark.parametrize(
    ("command", "report"), [("add", "Added bob to"), ("passwd", "Changed the")]
)
def test_generated_password_is_the_only_stdout_line(
    users_file: Path, command: str, report: str
) -> None:
    write_users(users_file, "alice", *(["bob"] if command == "passwd" else []))
    done = run_server("users", command, "bob", "--users", users_file, "--generate")
    assert done.exit_code == 0
    assert re.fullmatch(r"([a-km-np-z2-9]{5}-){3}[a-km-np-z2-9]{5}\n", done.stdout)
    password = done.stdout.removesuffix("\n")
    assert password_problem(password) is None
    assert bcrypt.checkpw(password.encode(), read_accounts(users_file)["bob"].encode())
    assert report in done.stderr
    assert password not in done.stderr


def test_users_passwd_generates_different_passwords(users_file: Path) -> None:
    write_users(users_file, "alice")
    shown = {
        run_server("users", "passwd", "alice", "--users", users_file, "--generate").stdout
        for _ in "123"
    }
    assert len(shown) == 3


def test_generate_and_password_stdin_exclude_each_other(users_file: Path) -> None:
    write_users(users_file, "alice")
    both = ("--generate", "--password-stdin")
    done = run_server(
        "users", "passwd", "alice", "--users", users_file, *both, typed="password456\n"
    )
    assert done.exit_code == 2
    assert "`--generate` cannot be used with `--password-stdin`. Use one of them." in done.stderr
    assert read_accounts(users_file)["alice"] == HASH


def test_users_add_uses_bcrypt_cost_option(users_file: Path) -> None:
    run_server("--bcrypt-cost", "5", "users", "add", "alice", "--users", users_file, "--generate")
    assert read_accounts(users_file)["alice"].startswith("$2b$05$")


@pytest.mark.parametrize("cost", ["3", "17", "x"])
def test_bcrypt_cost_option_rejects_out_of_range_value(users_file: Path, cost: str) -> None:
    assert run_server("--bcrypt-cost", cost, "users", "list", "--users", users_file).exit_code == 2


def test_users_rename_keeps_password_state_creation_time_and_order(users_file: Path) -> None:
    for name in ("alice", "bob", "carol"):
        run_server(
            "users", "add", name, "--users", users_file, "--password-stdin", typed="horse-battery"
        )
    before = read_accounts(users_file)
    done = run_server("users", "rename", "bob", "robert", "--users", users_file)
    assert (done.exit_code, done.stdout) == (0, "Renamed bob to robert\n")
    run_server("users", "disable", "carol", "--users", users_file)
    run_server("users", "rename", "carol", "caroline", "--users", users_file)
    after = read_accounts(users_file)
    assert list(after) == ["alice", "robert"]
    assert after["robert"] == before["bob"]
    assert after.disabled == {"caroline": before["carol"]}
    assert list(after.created) == ["alice", "robert", "caroline"]
    assert list(after.created.values()) == list(before.created.values())


@pytest.mark.parametrize("disabled", [False, True])
def test_users_commands_reject_confusable_name(users_file: Path, disabled: bool) -> None:
    write_users(users_file, "alice", "bob")
    if disabled:
        run_server("users", "disable", "alice", "--users", users_file)
    before = users_file.read_bytes()
    for command in (["add", "Alice", "--generate"], ["rename", "bob", "\u0430lice"]):
        done = run_server("users", *command, "--users", users_file)
        assert done.exit_code == 1
        assert "looks like the existing account alice; choose another name" in done.stderr
    assert users_file.read_bytes() == before


def test_users_rename_allows_confusable_of_own_name(users_file: Path) -> None:
    write_users(users_file, "alice", "bob")
    assert run_server("users", "rename", "alice", "Alice", "--users", users_file).exit_code == 0
    assert list(read_accounts(users_file)) == ["Alice", "bob"]


def test_existing_confusable_accounts_can_be_changed(users_file: Path) -> None:
    write_users(users_file, "alice", "Alice")
    assert run_server("users", "disable", "Alice", "--users", users_file).exit_code == 0
    assert run_server("users", "enable", "Alice", "--users", users_file).exit_code == 0
    assert run_server("users", "rename", "alice", "alicia", "--users", users_file).exit_code == 0
    assert sorted(read_accounts(users_file)) == ["Alice", "alicia"]


def test_users_add_rejects_name_of_disabled_account(users_file: Path) -> None:
    write_users(users_file, "alice", "eve")
    run_server("users", "disable", "eve", "--users", users_file)
    done = run_server("users", "add", "eve", "--users", users_file, "--generate")
    assert done.exit_code == 1
    assert "the account eve already exists" in done.stderr


def test_insecure_users_file_becomes_private_and_is_reported(users_file: Path) -> None:
    write_users(users_file, "alice")
    users_file.chmod(0o644)
    done = run_server("users", "disable", "alice", "--users", users_file)
    assert stat.S_IMODE(users_file.stat().st_mode) == 0o600
    assert done.stderr == (
        f"{users_file} had mode 0644: now only its owner can read it, and the server must run as"
        " that user\n"
    )
    assert run_server("users", "enable", "alice", "--users", users_file).stderr == ""


def test_concurrent_users_processes_keep_both_files_consistent(users_file: Path) -> None:
    names = [f"user{sign}" for sign in "abcdef"]
    write_users(users_file, *names, "alice")
    programs = [
        subprocess.Popen(
            [*PROGRAM, "users", *command, "--users", str(users_file)], stdout=subprocess.DEVNULL
        )
        for name in names
        for command in (["disable", name], ["rename", name, name.replace("user", "person")])
        if (command[0] == "disable") == (name < "userd")
    ]
    assert [program.wait(60) for program in programs] == [0] * len(names)
    accounts = read_accounts(users_file)
    assert list(accounts) == ["persond", "persone", "personf", "alice"]
    assert sorted(accounts.disabled) == ["usera", "userb", "userc"]
