"""What an operator relies on: systemd notifications and the JSON log."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_server.cli import systemd
from tests.support.accounts import write_accounts_file
from tests.support.project import PROJECT
from tests.support.server_program import ServerProgram
from tests.support.wait_until import WAIT_TIMEOUT
from tests.support.wire_client import WireClient

pytestmark = pytest.mark.slow


class ServiceManager:
    """A notification socket as systemd provides it."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(WAIT_TIMEOUT)

    def receive(self) -> str:
        """Return the next notification."""
        return self.socket.recv(4096).decode()


@pytest.fixture(params=["file", "abstract"])
def manager(
    request: pytest.FixtureRequest, short_folder: Path
) -> Iterator[tuple[ServiceManager, str]]:
    """Return a service manager and the value of NOTIFY_SOCKET for it."""
    if request.param == "file":
        shown = address = str(short_folder / "notify")
    elif sys.platform == "linux":
        shown, address = f"@{short_folder}", f"\0{short_folder}"
    else:
        pytest.skip("only Linux has abstract socket names")
    listening = ServiceManager(address)
    yield listening, shown
    listening.socket.close()


def test_systemd_is_notified_ready_after_port_accepts(
    manager: tuple[ServiceManager, str], tmp_path: Path
) -> None:
    receive, address = manager[0].receive, manager[1]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    users = write_accounts_file(tmp_path / "users.json")
    program = subprocess.Popen(
        [sys.executable, "-m", "chat_server", "--port", str(port), "--users", str(users)],
        env={"NOTIFY_SOCKET": address},
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert receive() == "READY=1"
        with WireClient("127.0.0.1", port) as client:
            client.expect_match(r"\[SERVER\] Login using.*")
            program.terminate()
            client.expect("[SERVER] Server is shutting down")
            assert receive() == "STOPPING=1"
        assert program.wait(WAIT_TIMEOUT) == 0
        manager[0].socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            receive()
    finally:
        program.kill()
        program.wait()


@pytest.mark.parametrize("broken", ["port", "users", "metrics"])
def test_failed_start_never_notifies_ready(
    manager: tuple[ServiceManager, str], tmp_path: Path, broken: str
) -> None:
    users = write_accounts_file(tmp_path / "users.json")
    if broken == "users":
        users.write_text("{")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        options = {"port": ["--port", port], "metrics": ["--port", "0", "--metrics", port]}
        done = subprocess.run(
            [
                *(sys.executable, "-m", "chat_server", "--users", str(users)),
                *options.get(broken, ["--port", "0"]),
            ],
            env={"NOTIFY_SOCKET": manager[1]},
            cwd=PROJECT,
            capture_output=True,
            timeout=30,
        )
    assert done.returncode == 2
    manager[0].socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager[0].receive()


def test_watchdog_is_notified_while_healthy(tmp_path: Path, short_folder: Path) -> None:
    address = str(short_folder / "notify")
    manager = ServiceManager(address)
    with manager.socket:
        environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "100000"}
        with ServerProgram(tmp_path / "users.json", environment=environment):
            assert [manager.receive() for _ in range(4)] == ["READY=1"] + 3 * ["WATCHDOG=1"]


def test_blocked_notify_socket_times_out_without_busy_wait(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = str(short_folder / "notify")
    manager = ServiceManager(address)
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setattr(systemd, "_SEND_TIMEOUT", 0.3)
    with manager.socket, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filling:
        filling.setblocking(False)
        filling.connect(address)
        with contextlib.suppress(BlockingIOError):
            while True:
                filling.send(b"x")
        work = time.thread_time()
        systemd.notify(systemd.ALIVE)
        assert time.thread_time() - work < 0.02


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "/nowhere/at/all", "@" + "x" * 500])
def test_invalid_notify_socket_is_ignored(tmp_path: Path, address: str) -> None:
    with ServerProgram(tmp_path / "users.json", environment={"NOTIFY_SOCKET": address}) as program:
        program.log_in("alice").close()


def test_json_log_of_server_process_contains_only_objects(tmp_path: Path) -> None:
    with ServerProgram(tmp_path / "users.json", "--log-format", "json") as program:
        program.log_in("alice").close()
        with WireClient("127.0.0.1", program.port) as peer:
            peer.send("LOGIN \x1b[31m\x7f\u202e[+]\r wrong-wrong")
            peer.expect_match(r"\[SERVER\] Login using.*")
            peer.expect("[ERROR] Authentication failed")
    lines = program.log.splitlines()
    events = [json.loads(line) for line in lines]
    assert all(line.isascii() and line.isprintable() for line in lines)
    (listening,) = [event for event in events if event["event"] == "listening"]
    assert listening["port"] == program.port
    assert events[-1]["event"] == "stopped"
    (failed,) = [event for event in events if event["event"] == "login_failed"]
    assert failed["user"] == "\x1b[31m\x7f\u202e[+]\r"
