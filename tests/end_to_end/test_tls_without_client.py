"""The README's TLS commands for `openssl` and `ncat`, run against a real server."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.readme import readme_block
from tests.support.server_program import ServerProgram
from tests.support.wait_until import WAIT_TIMEOUT
from tests.support.wire_client import WireClient

LINES = [line for name in ("tls", "verified") for line in readme_block(name).splitlines()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProgram]:
    """A server with a self-signed certificate."""
    with ServerProgram(
        tmp_path / "users.json", "--tls", "--tls-port", "0", "--state", str(tmp_path / "state")
    ) as server:
        yield server


@pytest.fixture
def tls_port(server: ServerProgram) -> int:
    """Return the server's TLS port."""
    found = re.search(r"Listening on 127\.0\.0\.1:(\d+), TLS", server.log)
    while found is None:
        found = re.search(r"Listening on 127\.0\.0\.1:(\d+), TLS", server.log)
    return int(found[1])


def command_of(line: str, port: int, require_program: Callable[[str], Path]) -> list[str]:
    program, *rest = shlex.split(line.replace("9001", str(port)))
    assert str(port) in " ".join(rest)
    return [str(require_program(program)), *rest]


@pytest.mark.parametrize("line", LINES)
def test_readme_tls_line_is_full_client(
    line: str,
    server: ServerProgram,
    tls_port: int,
    tmp_path: Path,
    require_program: Callable[[str], Path],
) -> None:
    shutil.copy(tmp_path / "state" / "tls-cert.pem", tmp_path)
    bob = server.log_in("bob")
    bob.send("/subscribe *")
    bob.expect("[SERVER] Subscribed to *")
    with subprocess.Popen(
        command_of(line, tls_port, require_program),
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None

        def send(*lines: str) -> None:
            assert client.stdin is not None
            client.stdin.write("".join(f"{line}\n" for line in lines))
            client.stdin.flush()

        def read_line() -> str:
            assert client.stdout is not None
            return client.stdout.readline().removesuffix("\n")

        assert read_line() == "[SERVER] Login using: LOGIN <username> <password>"
        send("LOGIN alice pw-of-alice", "/subscribe bob", "hello from the command line")
        assert read_line() == "[SERVER] Login successful"
        assert read_line().startswith("[SERVER] Available commands: ")
        assert read_line() == "[SERVER] Subscribed to bob"
        bob.expect_message("alice", "hello from the command line")
        bob.send("hello alice")
        assert read_line().endswith("] bob: hello alice")
        send("/quit")
        assert read_line() == "[SERVER] Goodbye"
        client.stdin.close()
        assert client.wait(WAIT_TIMEOUT) == 0
    bob.close()


@pytest.mark.parametrize("line", readme_block("verified").splitlines())
def test_readme_verified_tls_line_rejects_other_certificate(
    line: str,
    server: ServerProgram,
    tls_port: int,
    tmp_path: Path,
    require_program: Callable[[str], Path],
) -> None:
    with ServerProgram(
        tmp_path / "other.json", "--tls", "--tls-port", "0", "--state", str(tmp_path / "other")
    ):
        shutil.copy(tmp_path / "other" / "tls-cert.pem", tmp_path)
    done = subprocess.run(
        command_of(line, tls_port, require_program),
        cwd=tmp_path,
        input="LOGIN alice pw-of-alice\n",
        capture_output=True,
        text=True,
        timeout=WAIT_TIMEOUT,
        check=False,
    )
    assert done.returncode != 0
    assert "Login" not in done.stdout


def test_ncat_script_publishes_over_tls(
    server: ServerProgram, tls_port: int, require_program: Callable[[str], Path]
) -> None:
    bob: WireClient = server.log_in("bob")
    bob.send("/subscribe *")
    bob.expect("[SERVER] Subscribed to *")
    done = subprocess.run(
        [require_program("ncat"), "--ssl", "127.0.0.1", str(tls_port)],
        input="LOGIN alice pw-of-alice\nbuild failed\n",
        capture_output=True,
        text=True,
        timeout=WAIT_TIMEOUT,
        check=True,
    )
    assert "[SERVER] Login successful" in done.stdout
    bob.expect_message("alice", "build failed")
    bob.close()
