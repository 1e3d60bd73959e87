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
from click.testing import CliRunner, Result

from chat_server.__main__ import cli
from chat_server.accounts.file_reader import read_accounts
from chat_server.accounts.password_hash import hash_password

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


def test_users_add_creates_file_and_account(file: Path) -> None:
    done = run(
        "users", "add", "alice", "--users", file, "--password-stdin", typed="horse-battery\n"
    )
    assert (done.exit_code, done.stdout) == (0, f"Added alice to {file}\n")
    hashed = read_accounts(file)["alice"]
    assert hashed.startswith("$2b$12$")
    assert bcrypt.checkpw(b"horse-battery", hashed.encode())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nnot this line\n"])
def test_users_add_reads_first_line_of_stdin_as_password(file: Path, end: str) -> None:
    run("users", "add", "alice", "--users", file, "--password-stdin", typed=f"pässwörd{end}")
    assert bcrypt.checkpw("pässwörd".encode(), read_accounts(file)["alice"].encode())


@pytest.mark.parametrize(
    "arguments",
    [["users", "list", "--users"], ["users", "remove", "alice", "--users"], ["--users"]],
)
def test_unreadable_users_file_is_reported_with_fix(
    file: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    put(file, "alice")
    real_open, real_access = os.open, os.access

    def refuse(path: str | Path, *more: int, **others: int) -> int:
        if str(path) == str(file):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real_open(path, *more, **others)

    monkeypatch.setattr(
        "os.access", lambda path, *more: path != str(file) and real_access(path, *more)
    )
    monkeypatch.setattr("os.open", refuse)
    done = run(*arguments, file)
    assert done.exit_code == 2
    assert f"{file}: permission denied; make it readable for the user that runs" in done.stderr


def test_users_add_normalizes_name_to_nfc(file: Path) -> None:
    put(file, "\u00e9ric")
    done = run("users", "add", "e\u0301ric", "--users", file, "--password-stdin", typed="password1")
    assert done.exit_code == 1
    assert "the account \u00e9ric already exists" in done.stderr


def test_users_add_keeps_existing_account_and_suggests_passwd(file: Path) -> None:
    put(file, "alice")
    done = run("users", "add", "alice", "--users", file, "--password-stdin", typed="password456")
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: the account alice already exists; to change its password:"
        f" chat-server users passwd alice --users {shlex.quote(str(file))}\n"
    )
    assert read_accounts(file)["alice"] == HASH


@pytest.mark.parametrize("name", ["a b", "", "none", "x" * 33, "*", "a/b", "\x1b[31m"])
@pytest.mark.parametrize("command", ["add", "remove", "passwd", "disable", "enable"])
def test_users_commands_reject_invalid_name(file: Path, command: str, name: str) -> None:
    put(file, "alice")
    done = run("users", command, "--users", file, "--", name)
    assert done.exit_code == 2
    assert "is not a valid account name: a name is 1 to 32 letters" in done.stderr
    assert "\x1b" not in done.stderr
    assert list(read_accounts(file)) == ["alice"]


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
def test_users_add_rejects_invalid_password(file: Path, typed: bytes, why: str) -> None:
    done = run("users", "add", "alice", "--users", file, "--password-stdin", typed=typed)
    assert done.exit_code == 2
    assert why in done.stderr
    assert not file.exists()


def test_users_add_without_terminal_suggests_password_stdin(file: Path) -> None:
    done = run("users", "add", "alice", "--users", file)
    assert done.exit_code == 2
    assert "can't prompt for a password without a terminal; use --password-stdin" in done.stderr


def test_users_list_prints_sorted_names(file: Path) -> None:
    put(file, "bob", "alice", "Zoe", "éric")
    done = run("users", "list", "--users", file)
    assert (done.exit_code, done.stdout) == (0, "Zoe\nalice\nbob\néric\n")


def test_users_remove_removes_account(file: Path) -> None:
    put(file, "alice", "bob")
    done = run("users", "remove", "alice", "--users", file)
    assert (done.exit_code, done.stdout) == (0, f"Removed alice from {file}\n")
    assert list(read_accounts(file)) == ["bob"]


@pytest.mark.parametrize(
    "command",
    [["remove", "bob"], ["passwd", "bob"], ["rename", "bob", "x"], ["disable", "bob"]],
)
def test_users_commands_reject_unknown_account(file: Path, command: list[str]) -> None:
    put(file, "alice")
    done = run("users", *command, "--users", file)
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: there is no account bob; to list all accounts:"
        f" chat-server users list --users {shlex.quote(str(file))}\n"
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
def test_users_commands_report_broken_file_before_prompt(file: Path, command: list[str]) -> None:
    file.write_text("{")
    done = run("users", *command, "--users", file)
    assert done.exit_code == 2
    assert f"Error: {file}: line 1 column 2: not JSON" in done.stderr
    assert file.read_text() == "{"


@pytest.mark.parametrize("command", COMMANDS)
def test_users_commands_without_file_suggest_add(file: Path, command: list[str]) -> None:
    done = run("users", *command, "--users", file)
    assert done.exit_code == 2
    assert f"chat-server users add NAME --users {shlex.quote(str(file))}" in done.stderr


def test_users_file_comes_from_option_or_environment(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(file, "alice")
    put(tmp_path / "other.json", "bob")
    assert run("--users", file, "users", "list").stdout == "alice\n"
    assert run("--users", file, "users", "list", "--users", tmp_path / "other.json").stdout == (
        "bob\n"
    )
    monkeypatch.chdir(tmp_path)
    assert run("users", "list").stdout == "alice\n"
    from_environment = CliRunner(env={"CHAT_SERVER_USERS": str(tmp_path / "other.json")})
    assert from_environment.invoke(cli, ["users", "list"]).stdout == "bob\n"


def test_users_demo_creates_demo_accounts_once(file: Path) -> None:
    assert run("users", "demo", "--users", file).stdout == "DPS\nalice\nbob\ncarol\n"
    made = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    hashes = dict(read_accounts(file))
    assert list(hashes) == ["DPS", "alice", "bob", "carol"]
    assert all(bcrypt.checkpw(b"password123", hashed.encode()) for hashed in hashes.values())
    assert len(set(hashes.values())) == 4
    assert run("users", "demo", "--users", file).stdout == "DPS\nalice\nbob\ncarol\n"
    assert file.read_bytes() == made


def test_users_demo_lists_only_accounts_with_demo_password(file: Path) -> None:
    other = hash_password("password456", cost=4)
    file.write_text(json.dumps({"alice": other, "carol": HASH, "dave": HASH}))
    assert run("users", "demo", "--users", file).stdout == "carol\n"


def test_users_demo_is_hidden_from_help() -> None:
    shown = run("users", "--help").stdout
    assert "add" in shown
    assert "demo" not in shown


def test_concurrent_users_add_processes_keep_all_accounts(file: Path) -> None:
    names = ["alice", "bob", "carol", "dave"]
    programs = [
        subprocess.Popen(
            [*PROGRAM, "users", "add", name, "--users", str(file), "--password-stdin"],
            stdin=subprocess.PIPE,
        )
        for name in names
    ]
    for program in programs:
        assert program.stdin is not None
        program.stdin.write(b"horse-battery\n")
        program.stdin.close()
    assert [program.wait(30) for program in programs] == [0, 0, 0, 0]
    assert sorted(read_accounts(file)) == names
    assert sorted(os.listdir(file.parent)) == ["users.json", "users.more.json"]


class Terminal:
    """The real program on a pseudo-terminal."""

    def __init__(self, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self._program = subprocess.Popen(
            [*PROGRAM, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,  # without our terminal, on which it could prompt instead
        )
        os.close(theirs)
        self.shown = ""
        self._answered = 0

    def answer(self, question: str, typed: str) -> None:
        """Type a line once the output since the last answer ends with `question`."""
        while not self.shown[self._answered :].endswith(question):
            assert self._read(), f"ended instead of the prompt {question!r}: {self.shown}"
        self._answered = len(self.shown)
        os.write(self._ours, f"{typed}\n".encode())

    def end(self) -> int:
        """Wait for the end and return the exit status."""
        while self._read():
            pass
        return self._program.wait(10)

    def close(self) -> None:
        """End the program, whatever the outcome of the test."""
        os.close(self._ours)
        self._program.kill()
        self._program.wait(10)

    def _read(self) -> bytes:
        ready, _, _ = select.select([self._ours], [], [], 10)
        assert ready, f"no output for 10 s after: {self.shown}"
        try:
            data = os.read(self._ours, 4096)
        except OSError:  # how Linux reports that the other end is closed
            return b""
        self.shown += data.decode()
        return data


@pytest.fixture
def terminal(file: Path) -> Iterator[Terminal]:
    terminal = Terminal("users", "add", "alice", "--users", str(file))
    yield terminal
    terminal.close()


def test_users_add_prompts_twice_without_echo(file: Path, terminal: Terminal) -> None:
    terminal.answer("Password: ", "short")
    terminal.answer("Password: ", "horse-battery")
    terminal.answer("Repeat the password: ", "password124")
    terminal.answer("Password: ", "horse-battery")
    terminal.answer("Repeat the password: ", "horse-battery")
    assert terminal.end() == 0
    assert "at least 8 bytes; this one has 5" in terminal.shown
    assert f"Added alice to {file}" in terminal.shown
    assert "password12" not in terminal.shown
    assert bcrypt.checkpw(b"horse-battery", read_accounts(file)["alice"].encode())


def test_users_add_aborted_prompt_creates_nothing(file: Path, terminal: Terminal) -> None:
    terminal.answer("Password: ", "horse-battery")
    terminal.answer("Repeat the password: ", "\x04")
    assert terminal.end() == 130
    assert "Traceback" not in terminal.shown
    assert not file.exists()
