"""The command line of the client: server addresses, errors on one line, and exit codes."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from chat_tui.account import parse_address
from tests.support.client_program import run_client
from tests.support.wait_until import WAIT_TIMEOUT


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
    assert parse_address(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    ["", ":9000", "host:", "host:x", "host:0", "host:65536", "[::1", "[host]:1", "[::1]9", "a b"],
)
def test_address_rejects_invalid_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an address|has no host|is not a port"):
        parse_address(text)


def test_client_without_terminal_suggests_netcat() -> None:
    result = run_client("chat.example.org:7777")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "openssl s_client -quiet -connect chat.example.org:7777" in result.stderr
    assert "nc chat.example.org 7777" in run_client("--plaintext", "chat.example.org:7777").stderr
    assert "nc 127.0.0.1 9000" in run_client().stderr


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
    result = run_client(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("chat-tui: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["chat.example.org", "9001"], "after a colon: chat.example.org:9001"),
        (["::1", "9001"], "after a colon: [::1]:9001"),
        (["[::1]", "9001"], "after a colon: [::1]:9001"),
        (["--port", "9001", "chat.example.org"], "after HOST, HOST:9001"),
        (["one", "two"], "remove 'two'"),
        (["one", "two", "9001"], "remove '9001'"),
        (["--server", "one", "9001"], "remove '9001'"),
    ],
    ids=str,
)
def test_port_in_the_wrong_place_is_corrected(arguments: list[str], advice: str) -> None:
    result = run_client(*arguments)
    assert result.returncode == 2
    assert advice in result.stderr


def test_help_and_version_need_no_terminal() -> None:
    shown = run_client("--help")
    assert shown.returncode == 0
    assert all(option in shown.stdout for option in ("--user", "--room", "--local", "[::1]:9001"))
    assert run_client("--version").stdout.startswith("chat-tui, version ")


OUTPUTS = ["--version", "--help", "config", "config --example", "trust --help"]


def run_redirected(arguments: str, redirection: str) -> subprocess.CompletedProcess[str]:
    """Run the client in a shell, with a redirection of one of its streams."""
    command = f"exec {shlex.quote(sys.executable)} -m chat_tui {arguments} {redirection}"
    return subprocess.run(
        ["sh", "-c", command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_TIMEOUT,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", OUTPUTS)
def test_output_that_cannot_be_written_is_reported_in_one_line(arguments: str) -> None:
    done = run_redirected(arguments, ">/dev/full")
    assert done.stderr == ("chat-tui: can't write to standard output: No space left on device\n")
    assert done.returncode == 1


@pytest.mark.parametrize("arguments", [*OUTPUTS, "trust list"])
def test_closed_standard_output_is_not_an_error(arguments: str) -> None:
    done = run_redirected(arguments, ">&-")
    assert "Traceback" not in done.stderr
    assert done.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_usage_error_keeps_its_status_if_stderr_cannot_be_written() -> None:
    assert run_redirected("--nonsense", "2>/dev/full").returncode == 2
    assert run_redirected("--nonsense", "2>&-").returncode == 2


def test_closed_pipe_ends_output_without_traceback() -> None:
    done = run_redirected("config --example", "| exit 0")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
