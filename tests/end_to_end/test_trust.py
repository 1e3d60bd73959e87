"""Trust in a shell: the real client and a server with a self-signed certificate."""

from __future__ import annotations

import os
import re
import select
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


class TwoServerHarness:
    """A TLS server, a second one with another key, and a home folder for the client."""

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
        return int(self._logged(r"Listening on 127\.0\.0\.1:(\d+), TLS"))

    def _logged(self, pattern: str) -> str:
        until(lambda: re.search(pattern, self.server.log), pattern, lambda: self.server.log)
        found = re.search(pattern, self.server.log)
        assert found is not None
        return found[1]

    @property
    def fingerprint(self) -> str:
        """The fingerprint in the log of the server."""
        return self._logged(r"(SHA256:[A-Za-z0-9+/]{43})")

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.port}"

    def replace_key(self) -> None:
        """Replace the server by one with another key on the same port."""
        self.server.stop()
        self.server = self._server("second", self.port)
        self._tls_port()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the client to its end."""
        return subprocess.run(
            [sys.executable, "-m", "chat_tui", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_TIMEOUT,
            start_new_session=True,  # no terminal for the question
        )

    def send(self) -> subprocess.CompletedProcess[str]:
        return self.run("--server", self.at, "--user", "alice", "--send", "ops", "hello")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[TwoServerHarness]:
    servers = TwoServerHarness(tmp_path)
    yield servers
    servers.server.stop()


def test_unknown_key_error_names_trust_command(servers: TwoServerHarness) -> None:
    unknown = servers.send()
    assert unknown.returncode == 5
    assert unknown.stderr.count("\n") == 1
    cure = f"chat-tui trust add {servers.at} {servers.fingerprint}"
    assert unknown.stderr.endswith(f"{cure}\n")
    assert "alice" not in servers.server.log
    wrong = servers.run("trust", "add", servers.at, "SHA256:" + "A" * 43)
    assert wrong.returncode == 5
    assert servers.fingerprint in wrong.stderr
    assert servers.run("trust", "list").stdout == ""
    added = servers.run(*cure.split()[1:])
    assert (added.returncode, added.stderr) == (0, "")
    listed = servers.run("trust", "list")
    assert re.fullmatch(
        f"{servers.at}  {re.escape(servers.fingerprint)}  \\d{{4}}-\\d\\d-\\d\\d\n", listed.stdout
    )
    assert (servers.send().returncode, servers.send().stderr) == (0, "")


def test_changed_key_blocks_script_until_forgotten(servers: TwoServerHarness) -> None:
    old = servers.fingerprint
    assert (
        servers.run("trust", "add", servers.at, old.removeprefix("SHA256:") + "=").returncode == 0
    )
    servers.replace_key()
    changed = servers.send()
    assert changed.returncode == 5
    assert old in changed.stderr
    assert servers.fingerprint in changed.stderr
    assert f"chat-tui trust forget {servers.at}" in changed.stderr
    assert "alice" not in servers.server.log
    again = servers.run("trust", "add", servers.at, servers.fingerprint)
    assert again.returncode == 5
    assert "trust forget" in again.stderr
    assert servers.run("trust", "forget", "127.0.0.1").stdout == f"forgotten: {servers.at}  {old}\n"
    assert servers.run("trust", "forget", "127.0.0.1").returncode == 1
    assert servers.run("trust", "add", servers.at).returncode == 5  # no terminal for the question
    assert servers.run("trust", "add", servers.at, servers.fingerprint).returncode == 0
    assert servers.send().returncode == 0


def test_broken_known_servers_file_has_own_exit_code(
    servers: TwoServerHarness, tmp_path: Path
) -> None:
    file = tmp_path / "state" / "lobby-chat" / "known-servers.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    for done in (
        servers.send(),
        servers.run("trust", "add", servers.at),
        servers.run("trust", "list"),
    ):
        assert done.returncode == 5
        assert done.stderr.count("\n") == 1
        assert f"{file} can't be read" in done.stderr
        assert "move it away" in done.stderr
    assert "alice" not in servers.server.log


def test_trust_add_fails_for_unencrypted_or_absent_server(servers: TwoServerHarness) -> None:
    plain = servers.run("trust", "add", f"127.0.0.1:{servers.server.port}")
    assert plain.returncode == 4
    assert "does not encrypt" in plain.stderr
    nobody = servers.run("trust", "add", "127.0.0.1:1")
    assert nobody.returncode == 4
    assert "Nothing listens" in nobody.stderr


@pytest.mark.parametrize(
    ("answers", "code", "kept"),
    [
        ("no\n", 5, False),
        ("y\nyes\na\n", 5, False),
        ("what\nonce\n", 0, False),
        ("ALWAYS\n", 0, True),
    ],
    ids=["no", "nothing that counts", "once", "always"],
)
def test_headless_trust_question_is_asked_on_terminal(
    servers: TwoServerHarness, answers: str, code: int, kept: bool
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
            servers.at,
            "--user",
            "alice",
            "--plain",
        ],
        env=servers.environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # the terminal that it opens becomes its controlling one
    ) as harness:
        shown = ""
        while "Trust this key?" not in shown:
            assert select.select([keys], [], [], WAIT_TIMEOUT)[0], shown
            shown += os.read(keys, 4096).decode()
        assert servers.fingerprint in shown
        assert "alice" not in servers.server.log  # nothing is sent before the answer
        os.write(keys, answers.encode())
        assert harness.wait(WAIT_TIMEOUT) == code
    os.close(keys)
    os.close(terminal)
    assert bool(servers.run("trust", "list").stdout) is kept
    assert ("alice" in servers.server.log) is (code == 0)


def test_copied_tls_line_sends_password_only_to_pinned_server(
    servers: TwoServerHarness, tmp_path: Path, require_program: Callable[[str], Path]
) -> None:
    require_program("openssl")

    def by_hand(fingerprint: str) -> str:
        action = desk.model.wire.last_action
        assert action is not None
        line = netcat_line(
            "127.0.0.1", servers.port, "alice", action, pipelining=True, fingerprint=fingerprint
        )
        done = subprocess.run(
            ["sh", "-c", line],
            env=servers.environment,
            capture_output=True,
            text=True,
            timeout=WAIT_TIMEOUT,
        )
        return done.stdout

    with closing(SessionHarness(known=KnownServers(tmp_path))) as desk:
        desk.session.sign_in("127.0.0.1", servers.port, "alice", "pw-of-alice")
        desk.until_notice(KeyUnknown)
        desk.session.trust(TrustDecision.ONCE)
        desk.until_notice(SignedIn)
        desk.session.toggle_follow("bob")
        desk.until(lambda: desk.model.people.follows("bob"))
        key = desk.session.fingerprint
        assert key == servers.fingerprint
        assert "[SERVER] Subscribed to bob\n" in by_hand(key)
        assert by_hand("SHA256:" + "A" * 43) == ""
