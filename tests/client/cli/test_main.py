"""The command line of the client: addresses, questions, and one line for what is wrong."""

import subprocess
import sys

import pytest

from chat_tui.account import address


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the client without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "chat_tui", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost", "localhost", None),
        ("chat.example.org:7777", "chat.example.org", 7777),
        ("127.0.0.1:9001", "127.0.0.1", 9001),
        ("[::1]:9001", "::1", 9001),
        ("[::1]", "::1", None),
        ("::1", "::1", None),
        ("fe80::1%eth0", "fe80::1%eth0", None),
    ],
)
def test_address_parses_host_and_port(text: str, host: str, port: int | None) -> None:
    assert address(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    ["", ":9000", "host:", "host:x", "host:0", "host:65536", "[::1", "[host]:1", "[::1]9", "a b"],
)
def test_address_rejects_invalid_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|names no"):
        address(text)


def test_client_without_terminal_suggests_netcat() -> None:
    done = run("chat.example.org:7777")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "openssl s_client -quiet -connect chat.example.org:7777" in done.stderr
    assert "nc chat.example.org 7777" in run("--plaintext", "chat.example.org:7777").stderr
    assert "nc 127.0.0.1 9000" in run().stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["host:port"],
        ["--room", "a/b"],
        ["--user", "none"],
        ["--nonsense"],
        ["one", "two"],
        ["--local", "elsewhere"],
        ["--plaintext"],
        ["--plaintext", "--profile", "work"],
        ["trust"],
        ["trust", "add", "host", "SHA256:short"],
        ["trust", "forget", "host:x"],
    ],
    ids=" ".join,
)
def test_usage_error_is_one_line(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("chat-tui: ")
    assert done.stderr.count("\n") == 1


def test_help_and_version_need_no_terminal() -> None:
    told = run("--help")
    assert told.returncode == 0
    assert all(option in told.stdout for option in ("--user", "--room", "--local", "[::1]:9001"))
    assert run("--version").stdout.startswith("chat-tui, version ")
