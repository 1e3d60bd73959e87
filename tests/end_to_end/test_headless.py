"""The headless client in a shell, with a real server: streams, signals and exit codes."""

from __future__ import annotations

import select
import signal
from pathlib import Path

import pytest

from chat_server.accounts.demo import DEMO_PASSWORD
from chat_tui.storage.state import ClientState
from tests.support.server_program import ServerProgram
from tests.support.shell_harness import ShellHarness, line_of, read_untimed
from tests.support.wait_until import WAIT_TIMEOUT


@pytest.fixture
def shell(tmp_path: Path, server_program: ServerProgram) -> ShellHarness:
    return ShellHarness(tmp_path, server_program.port)


def test_send_and_tail_scripts_communicate(
    shell: ShellHarness, server_program: ServerProgram
) -> None:
    with shell.running("bob", "--tail", "ops", "--from", "alice", "--from", "carol") as tail:
        assert tail.stdout is not None
        # No notice reports bob's subscriptions to alice: send until the line arrives.
        for _ in range(20):
            assert shell.run("alice", "--send", "ops", "are you there?").returncode == 0
            if select.select([tail.stdout.fileno()], [], [], 0.2)[0]:
                break
        first = line_of(tail.stdout)
        assert first.endswith("] alice: are you there?\n")
        assert shell.run("DPS", "--send", "ops", "not for bob").returncode == 0
        batch = shell.run("carol", "--send", "ops", stdin="one\n\n/join nowhere\n  three")
        assert (batch.returncode, batch.stdout, batch.stderr) == (0, "", "")
        received = [read_untimed(tail.stdout)]
        while received[-1] != "carol:   three":
            received.append(read_untimed(tail.stdout))
        assert [line for line in received if not line.startswith("alice")] == [
            "carol: one",
            "carol: /join nowhere",
            "carol:   three",
        ]
        tail.send_signal(signal.SIGINT)
        assert tail.wait(WAIT_TIMEOUT) == 130
        assert "Traceback" not in line_of(tail.stderr)


def test_tail_ends_when_stdout_is_closed(shell: ShellHarness) -> None:
    with shell.running("bob", "--tail", "ops") as tail:
        assert tail.stdout is not None
        tail.stdout.close()
        assert tail.wait(WAIT_TIMEOUT) == 0
        assert line_of(tail.stderr) == ""


def test_exit_code_reports_outcome(shell: ShellHarness) -> None:
    rejected = shell.run("alice", "--send", "ops", "hello", LOBBY_PASSWORD="wrong")
    assert rejected.returncode == 3
    assert "Authentication failed" in rejected.stderr
    assert "wrong" not in rejected.stderr
    absent = ShellHarness(shell.home, 1).run("alice", "--send", "ops", "hello")
    assert absent.returncode == 4
    assert absent.stderr.count("\n") == 1
    assert absent.stdout == ""


@pytest.mark.parametrize("option", ["--send", "--tail"])
def test_headless_mode_requires_explicit_server(shell: ShellHarness, option: str) -> None:
    state = shell.home / "state" / "lobby-chat"
    ClientState(state).signed_in("127.0.0.1", shell.port, "alice", True)
    asked = shell.run("", option, "ops")
    assert asked.returncode == 2
    assert asked.stderr.startswith(
        "chat-tui: no server is named. Add --server HOST[:PORT], or --prof"
    )


def test_headless_mode_uses_profile_password(shell: ShellHarness) -> None:
    file = shell.home / "config" / "lobby-chat" / "config.toml"
    file.parent.mkdir(parents=True)
    work = f'server = "127.0.0.1:{shell.port}"\nuser = "alice"\npassword_env = "BOT_PASSWORD"\n'
    file.write_text(f'log_folder = "{shell.home}/logs"\n[profiles.work]\n{work}')
    secret = {"BOT_PASSWORD": DEMO_PASSWORD, "LOBBY_PASSWORD": "wrong"}
    sent = shell.run("", "--profile", "work", "--send", "ops", "hello", **secret)
    assert (sent.returncode, sent.stderr) == (0, "")
    chat = shell.run("", "--plain", stdin="hello", **secret)  # with the only profile
    assert chat.returncode == 0
    assert [log.read_text()[20:] for log in shell.home.glob("logs/*/*")] == [
        "lobby <alice> hello\n"
    ]
    with file.open("a") as more:
        more.write(f"[profiles.home]\n{work}")
    for arguments, error in [
        (
            ["--send", "ops", "hello"],
            "there are several profiles. Add --profile with one of: work, home",
        ),
        (["--profile", "wrok", "--send", "ops", "hello"], "Its profiles: work, home"),
        (["--profile", "work", "--user", "bob", "--plain"], "it names server and user"),
        (["--profile", "work", "--plain"], "the environment variable BOT_PASSWORD is not set"),
    ]:
        done = shell.run("", *arguments)
        assert done.returncode == 2
        assert error in done.stderr


@pytest.mark.parametrize(("redirected", "code"), [("<&-", 0), (">&-", 0), (">/dev/full", 1)])
def test_headless_mode_handles_closed_and_full_streams(
    shell: ShellHarness, redirected: str, code: int
) -> None:
    shell_command = ["sh", "-c", f'exec "$0" "$@" {redirected}']
    done = shell.run("alice", "--plain", stdin="hello\n", prefix=shell_command)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--send", "a/b", "text"],
        ["--send", "ops", "two", "texts"],
        ["--plain", "--tail", "ops"],
        ["--from", "alice"],
        ["--send", "ops", "--room", "dev", "text"],
    ],
    ids=" ".join,
)
def test_headless_usage_error_is_one_line(arguments: list[str], tmp_path: Path) -> None:
    done = ShellHarness(tmp_path, 1).run("alice", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("chat-tui: ")
    assert done.stderr.count("\n") == 1


def test_interactive_mode_works_through_pipes(shell: ShellHarness) -> None:
    stdin = "hello\n /join dev\n/subscrbe bob\n/who\n/me waves\n/msg carol psst\n/msg zoe psst\n"
    stdin += "/join dev\nin dev now\n"
    done = shell.run("alice", "--plain", stdin=stdin)
    lines = [line.partition("] ")[2] or line for line in done.stdout.splitlines()]
    assert lines == [
        "alice (you): hello",
        "-- In room 'lobby': alice",
        "* alice (you) waves",
        "-- Kept for carol",
        "alice (you) -> carol: psst",
        "!! Not delivered: zoe is offline or not subscribed to you",
        "-- Joined room 'dev'",
        "alice (you): in dev now",
        "-- Goodbye",
    ]
    assert "a space before /join" in done.stderr
    assert "/subscribe bob" in done.stderr
    assert "chat-tui: not delivered: /msg zoe psst\n" in done.stderr  # the output has the reason
    assert done.returncode == 1  # a line was not sent
