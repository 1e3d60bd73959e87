"""The program `chat-server`, run as real processes: its start, its errors, its end."""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.accounts import cheap_hash, write_accounts_file
from tests.support.certificates import write_certificate
from tests.support.project import PROJECT
from tests.support.wire_client import WireClient

pytestmark = pytest.mark.slow

Spawn = Callable[..., "subprocess.Popen[str]"]
COMMAND = (sys.executable, "-m", "chat_server")


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """Return a function that starts the program in a folder with a users file."""
    write_accounts_file(tmp_path / "users.json")
    started: list[subprocess.Popen[str]] = []

    def start(*options: str, **settings: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # type: ignore[call-overload]
            [*COMMAND, *options],
            **{
                "cwd": tmp_path,
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                "env": {**os.environ, "PYTHONPATH": str(PROJECT)},
                **settings,
            },
        )
        started.append(process)
        return process  # type: ignore[no-any-return]

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    match = re.fullmatch(r"\[\*\] Chat server running on port (\d+)\n", process.stdout.readline())
    assert match
    return int(match[1])


def outcome(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit status and the standard error."""
    _, errors = process.communicate(timeout=20)
    return process.returncode, errors


def start_error(process: subprocess.Popen[str]) -> str:
    """Return the one line of a failed start."""
    status, errors = outcome(process)
    assert status == 2
    assert errors.count("\n") == 1
    assert errors.startswith("chat-server: ")
    return errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_server_gracefully(spawn: Spawn, number: signal.Signals) -> None:
    process = spawn("--port", "0")
    port = port_of(process)
    with WireClient("127.0.0.1", port) as client:
        client.send("LOGIN alice pw-of-alice")
        client.expect_match(r"\[SERVER\] Login using.*")
        client.expect("[SERVER] Login successful")
        client.expect_match(r"\[SERVER\] Available.*")
        process.send_signal(number)
        client.expect("[SERVER] Server is shutting down")
        client.expect_end()
    status, errors = outcome(process)
    assert status == 0
    for line in errors.splitlines():
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[[*+!-]\] ", line)
    assert "[-] User 'alice' disconnected" in errors
    with socket.create_server(("127.0.0.1", port)):
        pass  # the port is free at once


def test_second_signal_ends_server_at_once(spawn: Spawn) -> None:
    process = spawn("--port", "0")
    with WireClient("127.0.0.1", port_of(process)) as client:
        client.expect_match(r"\[SERVER\] Login using.*")
        process.send_signal(signal.SIGTERM)
        client.expect("[SERVER] Server is shutting down")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


def test_stop_on_stdin_eof_stops_server(spawn: Spawn) -> None:
    process = spawn("--port", "0", "--stop-on-stdin-eof", stdin=subprocess.PIPE)
    port_of(process)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == 0


def test_options_are_read_from_environment(spawn: Spawn) -> None:
    env = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "CHAT_SERVER_PORT": "0",
        "CHAT_SERVER_LOGIN_TIMEOUT": "0.2",
    }
    process = spawn(env=env)
    with WireClient("127.0.0.1", port_of(process)) as client:
        client.expect_match(r"\[SERVER\] Login using.*")
        client.expect("[ERROR] Login timed out")


def test_settings_are_read_from_config_file(spawn: Spawn, tmp_path: Path) -> None:
    (tmp_path / "chat.toml").write_text('port = 0\noperators = ["alice", "alcie"]\n')
    process = spawn("--config", "chat.toml")
    with WireClient("127.0.0.1", port_of(process)) as client:
        client.send("LOGIN alice pw-of-alice")
        client.expect_match(r"\[SERVER\] Login using.*")
        client.expect("[SERVER] Login successful")
        client.expect_match(r".*, /kick, /ban, /unban, /announce")
    process.send_signal(signal.SIGTERM)
    assert "[!] Operator 'alcie' has no account\n" in outcome(process)[1]


def test_help_shows_every_option_with_its_default() -> None:
    shown = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True).stdout
    flat = " ".join(shown.split())
    for option, default in (
        ("--host", "127.0.0.1"),
        ("--port", "9000"),
        ("--users", "users.json in the working directory"),
        ("--max-clients", "10000"),
        ("--max-connections-per-ip", "16"),
        ("--connections-without-login", "32"),
        ("--trusted", "loopback only"),
        ("--trusted-proxy", "none"),
        ("--operators", "none"),
        ("--rate", "10"),
        ("--burst", "20"),
        ("--login-failures", "10"),
        ("--bcrypt-cost", "12"),
        ("--outbox", "1048576"),
        ("--login-timeout", "30"),
        ("--log-level", "info"),
        ("--tls-port", "9001"),
        ("--tls-cert", "a self-signed certificate"),
    ):
        assert re.search(rf"{option} .*?default: [^\]]*{re.escape(default)}", flat), option
    assert "stdin" not in shown


def test_start_fails_if_port_is_in_use(spawn: Spawn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        line = start_error(spawn("--port", str(taken.getsockname()[1])))
    assert "--port" in line
    assert "in use" in line


def test_start_fails_if_address_cannot_be_bound(spawn: Spawn) -> None:
    assert "192.0.2.1" in start_error(spawn("--host", "192.0.2.1", "--port", "0"))


@pytest.mark.parametrize("host", ["a..b", "x" * 64, "no.such.host.invalid"])
def test_start_fails_for_invalid_host(spawn: Spawn, host: str) -> None:
    assert host in start_error(spawn("--host", host, "--port", "0"))


def read_lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """Return the first lines of standard output."""
    assert process.stdout is not None
    return [process.stdout.readline().removesuffix("\n") for _ in range(count)]


FINGERPRINT = r"\[\*\] Key fingerprint SHA256:[A-Za-z0-9+/]{43}"


def test_fingerprint_is_printed_at_every_start_and_stays_the_same(
    spawn: Spawn, tmp_path: Path
) -> None:
    fingerprints = []
    for _ in range(2):
        process = spawn("--port", "0", "--tls", "--tls-port", "0", "--state", str(tmp_path))
        plain, encrypted, fingerprint = read_lines(process, 3)
        assert re.fullmatch(r"\[\*\] Chat server running on port \d+", plain)
        assert re.fullmatch(r"\[\*\] Chat server running on port \d+ \(TLS\)", encrypted)
        assert re.fullmatch(FINGERPRINT, fingerprint)
        fingerprints.append(fingerprint)
        process.terminate()
        status, errors = outcome(process)
        assert status == 0
        assert fingerprint in errors
    assert fingerprints[0] == fingerprints[1]


def test_public_server_listens_on_tls_only(spawn: Spawn, tmp_path: Path) -> None:
    options = ("--host", "0.0.0.0", "--port", "0", "--tls-port", "0", "--state", str(tmp_path))
    first, second = read_lines(spawn(*options), 2)
    assert re.fullmatch(r"\[\*\] Chat server running on port \d+ \(TLS\)", first)
    assert re.fullmatch(FINGERPRINT, second)


def test_public_plaintext_is_warned_of_at_each_start(spawn: Spawn, tmp_path: Path) -> None:
    process = spawn(
        *("--host", "0.0.0.0", "--port", "0", "--tls-port", "0"),
        *("--state", str(tmp_path), "--insecure-plaintext"),
    )
    first, second, _ = read_lines(process, 3)
    assert not first.endswith("(TLS)")
    assert second.endswith("(TLS)")
    process.terminate()
    _, errors = outcome(process)
    assert "[!] Plain text on an address that others can reach" in errors


PUBLIC = ("--host", "0.0.0.0", "--port", "0", "--tls-port", "0")


def test_public_server_refuses_to_start_with_demo_passwords(spawn: Spawn, tmp_path: Path) -> None:
    hashes = {name: cheap_hash(f"pw-of-{name}") for name in ("alice", "dave")}
    demo = cheap_hash("password123")
    users = tmp_path / "users.json"
    users.write_text(json.dumps({**hashes, "alice": demo, "erin": demo, "DPS": demo}))
    for more in ((), ("--insecure-plaintext",)):
        line = start_error(spawn(*PUBLIC, "--state", str(tmp_path), *more))
        assert "is still set for DPS, alice, erin;" in line
        assert "chat-server users passwd" in line
    process = spawn("--port", "0")  # on loopback they are allowed
    port_of(process)


def test_reload_rejects_demo_password_on_public_server(spawn: Spawn, tmp_path: Path) -> None:
    users = tmp_path / "users.json"
    process = spawn(*PUBLIC, "--state", str(tmp_path))
    read_lines(process, 2)
    before = json.loads(users.read_text())
    users.write_text(json.dumps({**before, "alice": cheap_hash("password123")}))
    assert process.stderr is not None
    for line in process.stderr:
        if "Users file not reloaded" in line:
            break
    assert "is still set for alice;" in line


def test_rejected_reload_still_ends_sessions_of_disabled_and_removed_accounts(
    spawn: Spawn, tmp_path: Path
) -> None:
    """The sessions of other accounts continue, although the rest of the file is rejected."""
    users = tmp_path / "users.json"
    process = spawn(*PUBLIC, "--insecure-plaintext", "--state", str(tmp_path))
    port = port_of(process)
    before = json.loads(users.read_text())
    with ExitStack() as closing:
        sessions = {}
        for name in ("alice", "bob", "carol"):
            sessions[name] = closing.enter_context(WireClient("127.0.0.1", port))
            sessions[name].send(f"LOGIN {name} pw-of-{name}")
            sessions[name].expect_match(r"\[SERVER\] Login using.*")
            sessions[name].expect("[SERVER] Login successful")
            sessions[name].expect_match(r"\[SERVER\] Available.*")
        (tmp_path / "users.more.json").write_text(json.dumps({"disabled": {"bob": before["bob"]}}))
        del before["bob"], before["carol"]
        users.write_text(json.dumps({**before, "DPS": cheap_hash("password123")}))
        sessions["bob"].expect("[SERVER] Logged out: this account was disabled")
        sessions["carol"].expect("[SERVER] Logged out: this account was removed")
        assert sessions["alice"].request("/who") == "[SERVER] In room 'lobby': alice"
    for name, password in (("bob", "pw-of-bob"), ("DPS", "password123")):
        with WireClient("127.0.0.1", port) as again:
            again.expect_match(r"\[SERVER\] Login using.*")
            assert again.request(f"LOGIN {name} {password}") == "[ERROR] Authentication failed"


def test_sighup_reloads_certificate(spawn: Spawn, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    process = spawn(
        *("--port", "0", "--tls", "--tls-port", "0"),
        *("--tls-cert", str(certificate), "--tls-key", str(key)),
    )
    *_, before = read_lines(process, 3)
    write_certificate(tmp_path, "127.0.0.1", "renewed.example")
    process.send_signal(signal.SIGHUP)
    assert process.stderr is not None
    for line in process.stderr:
        if "Certificate reloaded" in line:
            break
    assert before.removeprefix("[*] ").lower() not in line.lower()
    certificate.write_text("")
    process.send_signal(signal.SIGHUP)
    assert f"Certificate not reloaded: {certificate}" in process.stderr.readline()
    process.terminate()
    assert outcome(process)[0] == 0


def test_sighup_without_tls_is_harmless(spawn: Spawn) -> None:
    process = spawn("--port", "0")
    with WireClient("127.0.0.1", port_of(process)) as client:
        process.send_signal(signal.SIGHUP)
        client.send("LOGIN alice pw-of-alice", "/who")
        client.expect_match(r"\[SERVER\] Login using.*")
        client.expect("[SERVER] Login successful")
        client.expect_match(r"\[SERVER\] Available.*")
        client.expect("[SERVER] In room 'lobby': alice")


def test_closed_terminal_ends_server(spawn: Spawn) -> None:
    ours, theirs = pty.openpty()
    process = spawn("--port", "0", stderr=theirs, start_new_session=True)
    os.close(theirs)
    port_of(process)
    os.read(ours, 100)  # it is listening, so its signal handlers are installed
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--tls-cert", "cert.pem"), "`--tls-key` must be used together"),
        (("--tls", "--tls-cert", "no.pem", "--tls-key", "no.pem"), "no.pem: No such file"),
        (("--tls", "--state", "users.json/x"), "--state"),
    ],
)
def test_start_fails_with_unusable_certificate(
    spawn: Spawn, options: tuple[str, ...], reason: str
) -> None:
    assert reason in start_error(spawn("--port", "0", "--tls-port", "0", *options))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_start_fails_if_stdout_cannot_be_written(spawn: Spawn) -> None:
    with Path("/dev/full").open("w") as full:
        status, errors = outcome(spawn("--port", "0", stdout=full))
    assert status == 2
    assert "Traceback" not in errors
    assert "standard output" in errors


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_usage_error_keeps_its_status_if_stderr_cannot_be_written(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "chat_server", "--nonsense"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            stderr=full,
            timeout=30,
        )
    assert done.returncode == 2


def test_unread_log_pipe_does_not_block_server(spawn: Spawn) -> None:
    process = spawn("--port", "0")
    port = port_of(process)
    for _ in range(1200):  # more lines than fit into a pipe
        with WireClient("127.0.0.1", port) as client:
            client.expect_match(r"\[SERVER\] Login using.*")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--port", "x"),
        ("--port", "65536"),
        ("--rate", "-1"),
        ("--rate", "nan"),
        ("--nonsense",),
        ("--log-level", "loud"),
        ("--max-clients", "0"),
        ("--trusted", "10.0.0.1/8"),
        ("--trusted", "localhost"),
        ("--trusted-proxy", "localhost"),
        ("--operators", "alice,a/b"),
        ("--config", "none.toml"),
        ("nonsense",),
    ],
)
def test_invalid_options_are_rejected(spawn: Spawn, options: tuple[str, ...]) -> None:
    start_error(spawn(*options))


def test_missing_users_file_error_names_add_command(spawn: Spawn, tmp_path: Path) -> None:
    (tmp_path / "users.json").unlink()
    line = start_error(spawn("--port", "0"))
    assert "users.json" in line
    assert "chat-server users add" in line


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"{", "line 1"),
        (b"[]", "users.json"),
        (b'{"alice": 5}', "alice"),
        (b'{"alice": "nohash"}', "alice"),
        (b'{"a b": "x"}', "a b"),
        (b"\xff", "users.json"),
        (b"", "empty"),
    ],
)
def test_start_fails_with_broken_users_file(
    spawn: Spawn, tmp_path: Path, content: bytes, place: str
) -> None:
    (tmp_path / "users.json").write_bytes(content)
    line = start_error(spawn("--port", "0"))
    assert "users.json" in line
    assert place in line


def test_users_file_is_reloaded_while_server_runs(spawn: Spawn, tmp_path: Path) -> None:
    process = spawn("--port", "0")
    port = port_of(process)
    write_accounts_file(tmp_path / "users.json", ["alice", "erin"])
    assert process.stderr is not None
    while "Users file reloaded: 2 accounts" not in process.stderr.readline():
        assert process.poll() is None
    with WireClient("127.0.0.1", port) as client:
        client.expect_match(r"\[SERVER\] Login using.*")
        client.send("LOGIN erin pw-of-erin")
        client.expect("[SERVER] Login successful")


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="this system has no prlimit")
def test_server_without_free_file_descriptors_neither_dies_nor_spins(spawn: Spawn) -> None:
    process = spawn("--port", "0")
    port = port_of(process)
    open_files = len(os.listdir(f"/proc/{process.pid}/fd"))
    hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[1]
    with WireClient("127.0.0.1", port) as chatting:
        chatting.send("LOGIN alice pw-of-alice")
        chatting.expect_match(r"\[SERVER\] Login using.*")
        chatting.expect("[SERVER] Login successful")
        chatting.expect_match(r"\[SERVER\] Available.*")
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (open_files + 3, hard))
        waiting = [WireClient("127.0.0.1", port) for _ in range(10)]
        assert process.stderr is not None
        while "[!] Can't accept a connection" not in process.stderr.readline():
            assert process.poll() is None
        assert chatting.request("/who") == "[SERVER] In room 'lobby': alice"
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (hard, hard))
        for client in waiting:
            client.expect_match(r"\[SERVER\] Login using.*")
            client.close()
    process.send_signal(signal.SIGTERM)
    status, errors = outcome(process)
    assert status == 0
    # Each failed attempt is logged. A busy loop would log hundreds of thousands a second.
    assert errors.count("Can't accept") < 50
