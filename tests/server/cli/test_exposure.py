"""Files that other users may write: rejected if others can reach the server, else a warning.

A start, a reload and `chat-server check` agree.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.accounts import PEOPLE, write_accounts_file
from tests.support.certificates import write_certificate
from tests.support.project import PROJECT
from tests.support.wait_until import WAIT_TIMEOUT

pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-m", "chat_server")
LOCAL = ("--port", "0")
PUBLIC = ("--host", "0.0.0.0", "--tls-port", "0")
ROOT_WARNING = "run it as a user of its own"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a private folder with a users file and a companion."""
    (tmp_path / "chat").mkdir(mode=0o755)
    write_accounts_file(tmp_path / "chat" / "users.json")
    companion = tmp_path / "chat" / "users.more.json"
    companion.write_text("{}")
    companion.chmod(0o600)
    return tmp_path / "chat"


class Server:
    """A server process, from its start to its end, with what it logged."""

    def __init__(self, folder: Path, *options: str, umask: int = 0o022) -> None:
        self.process = subprocess.Popen(
            # Two servers at once use the same folder in some tests, but not the same history.
            [*COMMAND, *options, "--history", "off", "--state", str(folder / "state")],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            umask=umask,
        )
        assert self.process.stdout is not None
        self.is_running = self.process.stdout.readline().startswith("[*] Chat server running")

    def read_until(self, text: str) -> str:
        """Return the log up to a line with this text."""
        assert self.process.stderr is not None
        lines = []
        for line in self.process.stderr:
            lines.append(line)
            if text in line:
                return "".join(lines)
        raise AssertionError("".join(lines))

    def stop(self) -> str:
        """Stop the server. Return the rest of its log."""
        self.process.terminate()
        return self.process.communicate(timeout=WAIT_TIMEOUT)[1]


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server in the folder."""
    started: list[Server] = []

    def start_one(*options: str, umask: int = 0o022) -> Server:
        started.append(Server(folder, *options, umask=umask))
        return started[-1]

    yield start_one
    for server in started:
        server.process.kill()
        server.process.communicate()


def check(folder: Path, *options: str) -> list[str]:
    """Return the warnings and errors of a check."""
    done = subprocess.run(
        [*COMMAND, "check", *options, "--state", str(folder / "state")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=WAIT_TIMEOUT,
    )
    assert done.stderr == ""
    lines = [line for line in done.stdout.splitlines() if not line.startswith("ok")]
    return [line for line in lines if not line.endswith(ROOT_WARNING)]


def open_users_file(folder: Path) -> str:
    (folder / "users.json").chmod(0o606)
    return f"every user may write it (mode 0606); run: chmod go-w '{folder / 'users.json'}'"


def open_companion(folder: Path) -> str:
    (folder / "users.more.json").chmod(0o606)
    return f"{folder / 'users.more.json'}: every user may write it (mode 0606)"


def open_folder(folder: Path) -> str:
    folder.chmod(0o777)
    return f"{folder}: every user may write it (mode 0777); run: chmod go-w '{folder}'"


def open_folder_above(folder: Path) -> str:
    folder.parent.chmod(0o777)
    return f"{folder.parent}: every user may write it (mode 0777)"


@pytest.mark.parametrize(
    "open_up", [open_users_file, open_companion, open_folder, open_folder_above]
)
def test_public_server_refuses_to_start_with_file_that_others_may_write(
    folder: Path, start: Callable[..., Server], open_up: Callable[[Path], str]
) -> None:
    why = open_up(folder)
    server = start(*PUBLIC)
    assert not server.is_running
    errors = server.stop()
    assert server.process.returncode == 2
    assert errors.startswith("chat-server: users.json: ")
    assert why in errors
    assert errors.count("\n") == 1
    reported = check(folder, *PUBLIC)
    assert any(line.startswith("error") and why in line for line in reported), reported


@pytest.mark.parametrize(
    "open_up", [open_users_file, open_companion, open_folder, open_folder_above]
)
def test_loopback_server_warns_of_file_that_others_may_write(
    folder: Path, start: Callable[..., Server], open_up: Callable[[Path], str]
) -> None:
    why = open_up(folder)
    server = start(*LOCAL)
    assert server.is_running
    assert " [!] " in server.read_until(why)
    reported = check(folder, *LOCAL)
    assert any(line.startswith("warning") and why in line for line in reported), reported


def test_public_server_rejects_reload_of_file_that_others_may_write(
    folder: Path, start: Callable[..., Server]
) -> None:
    server = start(*PUBLIC)
    assert server.is_running
    (folder / "users.json").chmod(0o666)
    shown = server.read_until("Users file not reloaded: users.json: every user may write it")
    assert "may write it" not in shown.removesuffix("\n").rpartition("\n")[0]
    (folder / "users.json").chmod(0o600)
    server.read_until("Users file reloaded: 5 accounts")


def test_public_server_reloads_accounts_once_a_writable_folder_is_private_again(
    folder: Path, start: Callable[..., Server]
) -> None:
    server = start(*PUBLIC)
    assert server.is_running
    open_folder(folder)
    write_accounts_file(folder / "draft", [*PEOPLE, "eve"]).replace(folder / "users.json")
    server.read_until(f"Users file not reloaded: users.json: {folder}: every user may write it")
    folder.chmod(0o755)
    server.read_until("Users file reloaded: 6 accounts")


def test_reload_warns_of_file_that_others_may_read_or_write_once(
    folder: Path, start: Callable[..., Server]
) -> None:
    server = start(*LOCAL)
    assert server.is_running
    users = folder / "users.json"
    users.chmod(0o604)
    server.read_until("can be read or written by others (mode 0604); make it private with: chmod")
    draft = write_accounts_file(users.with_name("draft"), PEOPLE[:3])
    draft.chmod(0o604)
    draft.replace(users)
    server.read_until("Users file reloaded: 3 accounts")
    users.chmod(0o606)
    # The reload before may see the new mode already, and then writes the second line first.
    shown = server.read_until("(mode 0606)") + server.read_until("(mode 0606)")
    assert "mode 0604" not in shown
    assert "can be read or written by others (mode 0606)" in shown
    assert "every user may write it (mode 0606)" in shown


def test_sighup_reports_folder_that_has_become_writable(
    folder: Path, start: Callable[..., Server]
) -> None:
    server = start(*LOCAL)
    assert server.is_running
    why = open_folder(folder)
    server.process.send_signal(signal.SIGHUP)
    server.read_until(why)


def test_key_that_others_may_write_is_refused_on_public_server_and_at_reload(
    folder: Path, start: Callable[..., Server]
) -> None:
    certificate, key = write_certificate(folder)
    options = ("--tls-cert", str(certificate), "--tls-key", str(key))
    key.chmod(0o600)
    server = start(*PUBLIC, *options)
    assert server.is_running
    key.chmod(0o602)
    server.process.send_signal(signal.SIGHUP)
    server.read_until(f"Certificate not reloaded: {key}: every user may write it (mode 0602); run")
    refused = start(*PUBLIC, *options)
    assert not refused.is_running
    assert refused.stop().startswith(f"chat-server: {key}: every user may write it (mode 0602)")
    assert any(
        f"error    key {key}: every user" in line for line in check(folder, *PUBLIC, *options)
    )
    local = start(*LOCAL, "--tls", "--tls-port", "0", *options)
    assert local.is_running
    local.read_until(f"{key}: every user may write it")


def test_configuration_file_that_others_may_write_is_refused_on_public_server(
    folder: Path, start: Callable[..., Server]
) -> None:
    config = folder / "lobby.toml"
    config.write_text("log-level = 'info'\n")
    options = ("--config", str(config))
    config.chmod(0o644)
    served = start(*PUBLIC, *options)
    assert served.is_running
    assert not check(folder, *PUBLIC, *options)
    config.chmod(0o646)
    why = f"{config}: every user may write it (mode 0646); run: chmod go-w '{config}'"
    served.process.send_signal(signal.SIGHUP)
    served.read_until(f" [!] {why}")
    refused = start(*PUBLIC, *options)
    assert not refused.is_running
    assert refused.stop() == f"chat-server: {why}\n"
    assert refused.process.returncode == 2
    reported = check(folder, *PUBLIC, *options)
    assert f"error    configuration file {why}" in reported
    local = start(*LOCAL, *options)
    assert local.is_running
    local.read_until(f" [!] {why}")
    assert check(folder, *LOCAL, *options) == [f"warning  configuration file {why}"]


@pytest.mark.parametrize("umask", [0o002, 0o022, 0o077])
def test_server_starts_in_a_checkout_made_with_any_umask(
    folder: Path, start: Callable[..., Server], umask: int
) -> None:
    """git creates files with mode 0666 and folders with 0777, without the bits of the umask."""
    folder.chmod(0o777 & ~umask)
    (folder / "users.json").chmod(0o666 & ~umask)
    server = start(*LOCAL, umask=umask)
    assert server.is_running
    deadline = time.monotonic() + WAIT_TIMEOUT
    shown = server.read_until("Listening")
    while umask != 0o077 and "can be read or written by others" not in shown:
        assert time.monotonic() < deadline
        shown += server.read_until("others")


@pytest.mark.skipif(os.geteuid() != 0, reason="not root")
def test_root_is_warned_at_start_and_by_check(folder: Path, start: Callable[..., Server]) -> None:
    start(*LOCAL).read_until("[!] Running as root: a defect in the server would")
    done = subprocess.run(
        [*COMMAND, "check", *LOCAL],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert "warning  running as root: " in done.stdout
