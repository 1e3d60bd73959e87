"""`chat-server users`, run in this process and, if necessary, as a real process."""

import errno
import json
import os
import pty
import select
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest
from click.testing import CliRunner

from chat_server.__main__ import cli
from chat_server.accounts.file_editor import disable_account
from chat_server.accounts.file_reader import read_accounts
from chat_server.accounts.password_hash import hash_password
from tests.support.server_cli import run_server
from tests.support.users_file import HASH, write_users

PROGRAM = [sys.executable, "-m", "chat_server"]


def test_users_add_creates_file_and_account(users_file: Path) -> None:
    done = run_server(
        *("users", "add", "alice", "--users", users_file, "--password-stdin"),
        typed="horse-battery\n",
        default_cost=True,
    )
    assert (done.exit_code, done.stdout) == (0, f"Added alice to {users_file}\n")
    hashed = read_accounts(users_file)["alice"]
    assert hashed.startswith("$2b$12$")
    assert bcrypt.checkpw(b"horse-battery", hashed.encode())
    assert stat.S_IMODE(users_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nnot this line\n"])
def test_users_add_reads_first_line_of_stdin_as_password(users_file: Path, end: str) -> None:
    run_server(
        "users", "add", "alice", "--users", users_file, "--password-stdin", typed=f"pässwörd{end}"
    )
    assert bcrypt.checkpw("pässwörd".encode(), read_accounts(users_file)["alice"].encode())


@pytest.mark.parametrize(
    "arguments",
    [["users", "list", "--users"], ["users", "remove", "alice", "--users"], ["--users"]],
)
def test_unreadable_users_file_is_reported_with_fix(
    users_file: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    write_users(users_file, "alice")
    real_open, real_access = os.open, os.access

    def refuse(path: str | Path, *more: int, **others: int) -> int:
        if str(path) == str(users_file):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real_open(path, *more, **others)

    monkeypatch.setattr(
        "os.access", lambda path, *more: path != str(users_file) and real_access(path, *more)
    )
    monkeypatch.setattr("os.open", refuse)
    done = run_server(*arguments, users_file)
    assert done.exit_code == 2
    assert (
        f"{users_file}: permission denied; make it readable for the user that runs" in done.stderr
    )


def test_users_add_normalizes_name_to_nfc(users_file: Path) -> None:
    write_users(users_file, "\u00e9ric")
    done = run_server(
        "users", "add", "e\u0301ric", "--users", users_file, "--password-stdin", typed="password1"
    )
    assert done.exit_code == 1
    assert "the account \u00e9ric already exists" in done.stderr


@pytest.mark.parametrize("name", ["\u3164", "\u0301", "\ufe0f"], ids=ascii)
def test_new_name_needs_a_visible_character(users_file: Path, name: str) -> None:
    write_users(users_file, "alice", "bob")
    for command in (["add", name, "--generate"], ["rename", "alice", name]):
        done = run_server("users", *command, "--users", users_file)
        assert done.exit_code == 1
        assert f"the name {name!a} has no visible character; choose another" in done.output
    assert list(read_accounts(users_file)) == ["alice", "bob"]


def test_users_add_keeps_existing_account_and_suggests_passwd(users_file: Path) -> None:
    write_users(users_file, "alice")
    done = run_server(
        "users", "add", "alice", "--users", users_file, "--password-stdin", typed="password456"
    )
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: the account alice already exists; to change its password:"
        f" chat-server users passwd alice --users {shlex.quote(str(users_file))}\n"
    )
    assert read_accounts(users_file)["alice"] == HASH


@pytest.mark.parametrize("name", ["a b", "", "none", "x" * 33, "*", "a/b", "\x1b[31m"])
@pytest.mark.parametrize("command", ["add", "remove", "passwd", "disable", "enable"])
def test_users_commands_reject_invalid_name(users_file: Path, command: str, name: str) -> None:
    write_users(users_file, "alice")
    done = run_server("users", command, "--users", users_file, "--", name)
    assert done.exit_code == 2
    assert "is not a valid account name: a name is 1 to 32 letters" in done.stderr
    assert "\x1b" not in done.stderr
    assert list(read_accounts(users_file)) == ["alice"]


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (b"", "no password on standard input"),
        (b"short\n", "at least 8 bytes; this one has 5"),
        (b"x" * 73, "at most 72 bytes; this one has 73"),
        (b"x" * 100_000, "at most 72 bytes"),
        (b"pass word\n", "no white space"),
        (b"password\xff\n", "the password on standard input is not UTF-8"),
        (b"password123\n", "Everybody knows the demo password; choose another."),
    ],
)
def test_users_add_rejects_invalid_password(users_file: Path, typed: bytes, why: str) -> None:
    done = run_server(
        "users", "add", "alice", "--users", users_file, "--password-stdin", typed=typed
    )
    assert done.exit_code == 2
    assert why in done.stderr
    assert not users_file.exists()


def test_users_add_without_terminal_suggests_password_stdin(users_file: Path) -> None:
    done = run_server("users", "add", "alice", "--users", users_file)
    assert done.exit_code == 2
    assert "can't prompt for a password without a terminal; use --password-stdin" in done.stderr


def test_users_list_prints_sorted_names(users_file: Path) -> None:
    write_users(users_file, "bob", "alice", "Zoe", "éric")
    done = run_server("users", "list", "--users", users_file)
    assert (done.exit_code, done.stdout) == (0, "Zoe\nalice\nbob\néric\n")


def test_users_remove_removes_account(users_file: Path) -> None:
    write_users(users_file, "alice", "bob")
    done = run_server("users", "remove", "alice", "--users", users_file)
    assert (done.exit_code, done.stdout) == (0, f"Removed alice from {users_file}\n")
    assert list(read_accounts(users_file)) == ["bob"]


def test_users_remove_keeps_last_account_that_may_log_in(users_file: Path) -> None:
    """A running server rejects a file without one, and would keep the account."""
    write_users(users_file, "alice", "bob")
    disable_account(users_file, "bob")
    done = run_server("users", "remove", "alice", "--users", users_file)
    assert done.exit_code == 1
    assert "alice is the last account that may log in" in done.output
    assert f"chat-server users disable alice --users {shlex.quote(str(users_file))}" in done.output
    assert list(read_accounts(users_file)) == ["alice"]
    disable_account(users_file, "alice")
    done = run_server("users", "remove", "alice", "--users", users_file)
    assert (done.exit_code, done.stdout) == (0, f"Removed alice from {users_file}\n")


@pytest.mark.parametrize(
    "command",
    [["remove", "bob"], ["passwd", "bob"], ["rename", "bob", "x"], ["disable", "bob"]],
)
def test_users_commands_reject_unknown_account(users_file: Path, command: list[str]) -> None:
    write_users(users_file, "alice")
    done = run_server("users", *command, "--users", users_file)
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: there is no account bob; to list all accounts:"
        f" chat-server users list --users {shlex.quote(str(users_file))}\n"
    )


COMMANDS = [
    ["list"],
    ["remove", "alice"],
    ["passwd", "alice"],
    ["rename", "alice", "alicia"],
    ["disable", "alice"],
    ["enable", "alice"],
]


@pytest.mark.parametrize("command", [*COMMANDS, ["add", "alice"]])
def test_users_commands_report_broken_file_before_prompt(
    users_file: Path, command: list[str]
) -> None:
    users_file.write_text("{")
    done = run_server("users", *command, "--users", users_file)
    assert done.exit_code == 2
    assert f"Error: {users_file}: line 1 column 2: not JSON" in done.stderr
    assert users_file.read_text() == "{"


@pytest.mark.parametrize("command", COMMANDS)
def test_users_commands_without_file_suggest_add(users_file: Path, command: list[str]) -> None:
    done = run_server("users", *command, "--users", users_file)
    assert done.exit_code == 2
    assert f"chat-server users add NAME --users {shlex.quote(str(users_file))}" in done.stderr


def test_users_file_comes_from_option_or_environment(
    users_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_users(users_file, "alice")
    write_users(tmp_path / "other.json", "bob")
    assert run_server("--users", users_file, "users", "list").stdout == "alice\n"
    assert run_server(
        "--users", users_file, "users", "list", "--users", tmp_path / "other.json"
    ).stdout == ("bob\n")
    monkeypatch.chdir(tmp_path)
    assert run_server("users", "list").stdout == "alice\n"
    from_environment = CliRunner(env={"CHAT_SERVER_USERS": str(tmp_path / "other.json")})
    assert from_environment.invoke(cli, ["users", "list"]).stdout == "bob\n"


def test_users_demo_creates_demo_accounts_once(users_file: Path) -> None:
    assert run_server("users", "demo", "--users", users_file).stdout == "DPS\nalice\nbob\ncarol\n"
    made = users_file.read_bytes()
    assert stat.S_IMODE(users_file.stat().st_mode) == 0o600
    hashes = dict(read_accounts(users_file))
    assert list(hashes) == ["DPS", "alice", "bob", "carol"]
    assert all(bcrypt.checkpw(b"password123", hashed.encode()) for hashed in hashes.values())
    assert len(set(hashes.values())) == 4
    assert run_server("users", "demo", "--users", users_file).stdout == "DPS\nalice\nbob\ncarol\n"
    assert users_file.read_bytes() == made


def test_users_demo_lists_only_accounts_with_demo_password(users_file: Path) -> None:
    other = hash_password("password456", cost=4)
    users_file.write_text(json.dumps({"alice": other, "carol": HASH, "dave": HASH}))
    assert run_server("users", "demo", "--users", users_file).stdout == "carol\n"


def test_users_demo_is_hidden_from_help() -> None:
    output = run_server("users", "--help").stdout
    assert "add" in output
    assert "demo" not in output


def test_concurrent_users_add_processes_keep_all_accounts(users_file: Path) -> None:
    names = ["alice", "bob", "carol", "dave"]
    programs = [
        subprocess.Popen(
            [*PROGRAM, "users", "add", name, "--users", str(users_file), "--password-stdin"],
            stdin=subprocess.PIPE,
        )
        for name in names
    ]
    for program in programs:
        assert program.stdin is not None
        program.stdin.write(b"horse-battery\n")
        program.stdin.close()
    assert [program.wait(30) for program in programs] == [0, 0, 0, 0]
    assert sorted(read_accounts(users_file)) == names
    assert sorted(os.listdir(users_file.parent)) == [
        ".users.json.lock",
        "users.json",
        "users.more.json",
    ]


class Terminal:
    """The real program on a pseudo-terminal."""

    def __init__(self, *arguments: str) -> None:
        self._terminal_fd, program_fd = pty.openpty()
        self._program = subprocess.Popen(
            [*PROGRAM, *arguments],
            stdin=program_fd,
            stdout=program_fd,
            stderr=program_fd,
            start_new_session=True,  # without our terminal, on which it could prompt instead
        )
        os.close(program_fd)
        self.output = ""
        self._answered = 0

    def answer(self, question: str, typed: str) -> None:
        """Type a line once the output since the last answer ends with `question`."""
        while not self.output[self._answered :].endswith(question):
            assert self._read(), f"ended instead of the prompt {question!r}: {self.output}"
        self._answered = len(self.output)
        os.write(self._terminal_fd, f"{typed}\n".encode())

    def end(self) -> int:
        """Wait for the end and return the exit status."""
        while self._read():
            pass
        return self._program.wait(10)

    def close(self) -> None:
        """End the program, whatever the outcome of the test."""
        os.close(self._terminal_fd)
        self._program.kill()
        self._program.wait(10)

    def _read(self) -> bytes:
        ready, _, _ = select.select([self._terminal_fd], [], [], 10)
        assert ready, f"no output for 10 s after: {self.output}"
        try:
            data = os.read(self._terminal_fd, 4096)
        except OSError:  # how Linux reports that the other end is closed
            return b""
        self.output += data.decode()
        return data


@pytest.fixture
def terminal(users_file: Path) -> Iterator[Terminal]:
    terminal = Terminal("users", "add", "alice", "--users", str(users_file))
    yield terminal
    terminal.close()


def test_users_add_prompts_twice_without_echo(users_file: Path, terminal: Terminal) -> None:
    terminal.answer("Password: ", "short")
    terminal.answer("Password: ", "horse-battery")
    terminal.answer("Repeat the password: ", "password124")
    terminal.answer("Password: ", "horse-battery")
    terminal.answer("Repeat the password: ", "horse-battery")
    assert terminal.end() == 0
    assert "at least 8 bytes; this one has 5" in terminal.output
    assert f"Added alice to {users_file}" in terminal.output
    assert "password12" not in terminal.output
    assert bcrypt.checkpw(b"horse-battery", read_accounts(users_file)["alice"].encode())


def test_users_add_aborted_prompt_creates_nothing(users_file: Path, terminal: Terminal) -> None:
    terminal.answer("Password: ", "horse-battery")
    terminal.answer("Repeat the password: ", "\x04")
    assert terminal.end() == 130
    assert "Traceback" not in terminal.output
    assert not users_file.exists()
