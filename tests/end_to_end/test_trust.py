"""Trust in shells and scripts: the real client, and a server with a self-signed certificate."""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chat_tui.events import KeyUnknown, SignedIn, TrustDecision
from chat_tui.input.shell_commands import netcat_line
from chat_tui.storage.known_servers import KnownServers
from tests.support.server_program import ServerProgram
from tests.support.session_harness import SessionHarness
from tests.support.wait_until import WAIT_TIMEOUT, until


class TlsServerHarness:
    """A TLS server, and a home folder for the client."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.server = self._server("first")
        self.port = self._tls_port()
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "LOBBY_PASSWORD": "pw-of-alice",
        }

    def _server(self, name: str, port: int = 0) -> ServerProgram:
        state = str(self._folder / name)
        log = self._folder / f"{name}.log"
        options = ("--tls", "--tls-port", str(port), "--state", state)
        return ServerProgram(self._folder / "users.json", *options, log=log)

    def _tls_port(self) -> int:
        return int(self._wait_for_log(r"Listening on 127\.0\.0\.1:(\d+), TLS"))

    def _wait_for_log(self, pattern: str) -> str:
        until(lambda: re.search(pattern, self.server.log), pattern, lambda: self.server.log)
        found = re.search(pattern, self.server.log)
        assert found is not None
        return found[1]

    @property
    def fingerprint(self) -> str:
        """The fingerprint in the server's log."""
        return self._wait_for_log(r"(SHA256:[A-Za-z0-9+/]{43})")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def restart_with_other_key(self) -> None:
        """Restart the server on the same TLS port with another key."""
        self.server.stop()
        self.server = self._server("second", self.port)
        self._tls_port()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the client until it exits."""
        return subprocess.run(
            [sys.executable, "-m", "chat_tui", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_TIMEOUT,
            start_new_session=True,  # so there is no terminal to ask on
        )

    def send(self) -> subprocess.CompletedProcess[str]:
        return self.run("--server", self.address, "--user", "alice", "--send", "ops", "hello")


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[TlsServerHarness]:
    tls = TlsServerHarness(tmp_path)
    yield tls
    tls.server.stop()


def test_unknown_key_error_names_trust_command(tls: TlsServerHarness) -> None:
    unknown = tls.send()
    assert unknown.returncode == 5
    assert unknown.stderr.count("\n") == 1
    command = f"chat-tui trust add {tls.address} {tls.fingerprint}"
    assert unknown.stderr.endswith(f"{command}\n")
    assert "alice" not in tls.server.log
    wrong = tls.run("trust", "add", tls.address, "SHA256:" + "A" * 43)
    assert wrong.returncode == 5
    assert tls.fingerprint in wrong.stderr
    assert tls.run("trust", "list").stdout == ""
    added = tls.run(*command.split()[1:])
    assert (added.returncode, added.stderr) == (0, "")
    listed = tls.run("trust", "list")
    assert re.fullmatch(
        f"{tls.address}  {re.escape(tls.fingerprint)}  \\d{{4}}-\\d\\d-\\d\\d\n",
        listed.stdout,
    )
    assert (tls.send().returncode, tls.send().stderr) == (0, "")


def test_server_with_the_key_of_another_one_is_trusted_and_listed(
    tls: TlsServerHarness, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    known = KnownServers(tmp_path / "state" / "lobby-chat")
    known.pin("127.0.0.1", port, tls.fingerprint)
    servers = ("--server", f"127.0.0.1:{port}", "--server", tls.address)
    sent = tls.run(*servers, "--user", "alice", "--send", "ops", "hello")
    assert (sent.returncode, sent.stderr) == (0, "")
    listed = tls.run("trust", "list").stdout.splitlines()
    (shared,) = [line for line in listed if line.startswith(tls.address)]
    assert shared.endswith(f"  same key as 127.0.0.1:{port}")


def test_changed_key_blocks_script_until_forgotten(tls: TlsServerHarness) -> None:
    old = tls.fingerprint
    assert tls.run("trust", "add", tls.address, old.removeprefix("SHA256:") + "=").returncode == 0
    tls.restart_with_other_key()
    changed = tls.send()
    assert changed.returncode == 5
    assert old in changed.stderr
    assert tls.fingerprint in changed.stderr
    assert f"chat-tui trust forget {tls.address}" in changed.stderr
    assert "alice" not in tls.server.log
    again = tls.run("trust", "add", tls.address, tls.fingerprint)
    assert again.returncode == 5
    assert "trust forget" in again.stderr
    assert tls.run("trust", "forget", "127.0.0.1").stdout == f"forgotten: {tls.address}  {old}\n"
    assert tls.run("trust", "forget", "127.0.0.1").returncode == 1
    assert tls.run("trust", "add", tls.address).returncode == 5  # there is no terminal to ask on
    assert tls.run("trust", "add", tls.address, tls.fingerprint).returncode == 0
    assert tls.send().returncode == 0


def test_broken_known_servers_file_has_own_exit_code(tls: TlsServerHarness, tmp_path: Path) -> None:
    file = tmp_path / "state" / "lobby-chat" / "known-servers.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    for done in (
        tls.send(),
        tls.run("trust", "add", tls.address),
        tls.run("trust", "list"),
    ):
        assert done.returncode == 5
        assert done.stderr.count("\n") == 1
        assert f"{file} can't be read" in done.stderr
        assert "move it away" in done.stderr
    assert "alice" not in tls.server.log


def test_trust_add_fails_for_unencrypted_or_absent_server(tls: TlsServerHarness) -> None:
    plain = tls.run("trust", "add", f"127.0.0.1:{tls.server.port}")
    assert plain.returncode == 4
    assert "does not encrypt" in plain.stderr
    absent = tls.run("trust", "add", "127.0.0.1:1")
    assert absent.returncode == 4
    assert "Nothing listens" in absent.stderr


@pytest.mark.parametrize(
    ("answers", "code", "kept"),
    [
        ("no\n", 5, False),
        ("y\nyes\na\n", 5, False),
        ("what\nonce\n", 0, False),
        ("ALWAYS\n", 0, True),
    ],
    ids=["no", "no valid answer", "once", "always"],
)
def test_headless_trust_question_is_asked_on_terminal(
    tls: TlsServerHarness, answers: str, code: int, kept: bool
) -> None:
    keys, terminal = os.openpty()
    line = f'exec "$0" "$@" 2>&1 >/dev/null </dev/null 3<>{os.ttyname(terminal)} '
    with subprocess.Popen(
        [
            "sh",
            "-c",
            line,
            sys.executable,
            "-m",
            "chat_tui",
            tls.address,
            "--user",
            "alice",
            "--plain",
        ],
        env=tls.environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that the terminal it opens becomes its controlling terminal
    ) as client:
        shown = ""
        while "Trust this key?" not in shown:
            assert select.select([keys], [], [], WAIT_TIMEOUT)[0], shown
            shown += os.read(keys, 4096).decode()
        assert tls.fingerprint in shown
        assert "alice" not in tls.server.log  # nothing is sent before the answer
        os.write(keys, answers.encode())
        assert client.wait(WAIT_TIMEOUT) == code
    os.close(keys)
    os.close(terminal)
    assert bool(tls.run("trust", "list").stdout) is kept
    assert ("alice" in tls.server.log) is (code == 0)


def test_copied_tls_line_sends_password_only_to_pinned_server(
    tls: TlsServerHarness, tmp_path: Path, require_program: Callable[[str], Path]
) -> None:
    require_program("openssl")

    def run_copied_line(fingerprint: str) -> str:
        action = harness.model.wire.last_action
        assert action is not None
        line = netcat_line(
            "127.0.0.1", tls.port, "alice", action, pipelining=True, fingerprint=fingerprint
        )
        done = subprocess.run(
            ["sh", "-c", line],
            env=tls.environment,
            capture_output=True,
            text=True,
            timeout=WAIT_TIMEOUT,
        )
        return done.stdout

    with closing(SessionHarness(known=KnownServers(tmp_path))) as harness:
        harness.session.sign_in("127.0.0.1", tls.port, "alice", "pw-of-alice")
        harness.until_notice(KeyUnknown)
        harness.session.trust(TrustDecision.ONCE)
        harness.until_notice(SignedIn)
        harness.session.toggle_follow("bob")
        harness.until(lambda: harness.model.people.follows("bob"))
        key = harness.session.fingerprint
        assert key == tls.fingerprint
        assert "[SERVER] Subscribed to bob\n" in run_copied_line(key)
        assert run_copied_line("SHA256:" + "A" * 43) == ""
