"""The README's netcat commands, run with the real program against a real server."""

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest

from chat_server.accounts.demo import DEMO_NAMES, DEMO_PASSWORD
from tests.support.accounts import cheap_hash
from tests.support.readme import readme_block
from tests.support.wire_client import WireClient

STAMPED = re.compile(r"\[\d\d:\d\d:\d\d\] (?P<author>\w+): (?P<text>.*)")

Nc = Callable[[str], str]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a server process with the demo accounts."""
    users = tmp_path / "users.json"
    users.write_text(json.dumps(dict.fromkeys(DEMO_NAMES, cheap_hash(DEMO_PASSWORD))))
    with (
        (tmp_path / "server.log").open("w") as log,
        subprocess.Popen(
            [
                *(sys.executable, "-m", "chat_server", "--port", "0"),
                *("--users", str(users), "--bcrypt-cost", "4"),
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        yield process
        process.terminate()
        assert process.wait(10) == 0


@pytest.fixture
def port(server: subprocess.Popen[str]) -> int:
    """Return the port that the server reports."""
    assert server.stdout is not None
    ready = re.fullmatch(r"\[\*\] Chat server running on port (\d+)\n", server.stdout.readline())
    assert ready is not None
    return int(ready[1])


@pytest.fixture
def with_port(port: int, require_program: Callable[[str], Path]) -> Nc:
    """Return a function that puts the real port into a line of the README."""
    require_program("nc")

    def substitute(line: str) -> str:
        assert line.count("127.0.0.1 9000") == 1, line
        return line.replace("127.0.0.1 9000", f"127.0.0.1 {port}")

    return substitute


class PeerClient(WireClient):
    """A plain-socket client that follows everyone and has presence on."""

    def read_until(self, part: str) -> str:
        """Read lines until one contains `part`. Return that line."""
        while (line := self.read_line()) is not None:
            if part in line:
                return line
        raise AssertionError(f"the server closed the connection before it sent {part!r}")


@pytest.fixture
def alice(port: int) -> Iterator[PeerClient]:
    """Return a client of alice in the lobby."""
    client = PeerClient("127.0.0.1", port)
    with client:
        client.send(f"LOGIN alice {DEMO_PASSWORD}", "/subscribe *", "/presence on")
        client.read_until("Presence on")
        yield client


def test_readme_netcat_session_works(with_port: Nc, alice: PeerClient) -> None:
    command, *lines = readme_block("session").splitlines()
    assert "/subscribe *" in lines
    with subprocess.Popen(
        with_port(command.removeprefix("$ ")).split(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as netcat:
        assert netcat.stdin is not None
        assert netcat.stdout is not None
        for line in lines:
            stamped = STAMPED.fullmatch(line)
            if line.startswith("[SERVER] "):
                assert netcat.stdout.readline() == f"{line}\n"
            elif stamped:
                assert stamped["author"] == "alice"
                alice.send(stamped["text"])
                received = STAMPED.fullmatch(netcat.stdout.readline().rstrip("\n"))
                assert received is not None
                assert received.groups() == stamped.groups()
            else:
                netcat.stdin.write(f"{line}\n")
                if not line.startswith(("/", "LOGIN ")):
                    assert alice.read_until("bob: ").endswith(f"] bob: {line}")
        netcat.stdin.close()
        assert netcat.stdout.readline() == ""
        assert netcat.wait(10) == 0


def test_readme_publisher_line_works(with_port: Nc, alice: PeerClient) -> None:
    line = with_port(readme_block("publisher"))
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0
    assert done.stdout.endswith("[SERVER] Goodbye\n")
    received = STAMPED.fullmatch(alice.read_until("bob: "))
    assert received is not None
    assert received.groups() == ("bob", "build failed")


@pytest.fixture
def bob_follows_everyone(port: int) -> None:
    """Let bob subscribe to everyone once, in the lobby, and quit."""
    with WireClient("127.0.0.1", port) as bob:
        bob.send(f"LOGIN bob {DEMO_PASSWORD}", "/subscribe *", "/quit")
        while bob.read_line() not in ("[SERVER] Goodbye", None):
            pass


def page_of(line: str, head: str) -> list[str]:
    """Run a line of the README. Return the page that it prints, without head and foot."""
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[-1] == "[SERVER] Goodbye"
    return lines[lines.index(head) + 1 : lines.index("[SERVER] End of history")]


FULL_STAMP = re.compile(r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d\] ")


@pytest.mark.usefixtures("bob_follows_everyone")
def test_readme_line_shows_what_was_missed_once(with_port: Nc, alice: PeerClient) -> None:
    alice.send("the build is green", "/me waves", "/subs")
    alice.read_until("Subscriptions: ")
    line = with_port(readme_block("missed"))
    missed = page_of(line, "[SERVER] History of 'lobby'")
    assert [FULL_STAMP.sub("", each, count=1) for each in missed] == [
        "alice: the build is green",
        "* alice waves",
    ]
    assert all(FULL_STAMP.match(each) for each in missed)
    assert page_of(line, "[SERVER] History of 'lobby'") == []


@pytest.mark.usefixtures("bob_follows_everyone")
def test_readme_line_finds_messages_with_all_words(with_port: Nc, alice: PeerClient) -> None:
    alice.send("the build failed", "the build passed", "it failed", "Failed: a build", "/subs")
    alice.read_until("Subscriptions: ")
    found = page_of(with_port(readme_block("search")), "[SERVER] Found in 'lobby'")
    assert [FULL_STAMP.sub("", each, count=1) for each in found] == [
        "alice: the build failed",
        "alice: Failed: a build",
    ]


def test_readme_line_exports_a_day(port: int, alice: PeerClient, tmp_path: Path) -> None:
    day = f"{datetime.now():%Y-%m-%d}"
    alice.send("the build is green", "/me waves", "/subs")
    alice.read_until("Subscriptions: ")
    config = tmp_path / "config" / "lobby-chat" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        f'[profiles.ops]\nserver = "127.0.0.1:{port}"\nuser = "bob"\n'
        'password_env = "OPS_PASSWORD"\n'
    )
    line = readme_block("export")
    assert line.count("2026-11-22") == 2
    done = subprocess.run(
        ["sh", "-c", line.replace("2026-11-22", day)],
        cwd=tmp_path,
        env={
            **os.environ,
            "OPS_PASSWORD": DEMO_PASSWORD,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "XDG_STATE_HOME": str(tmp_path / "state"),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = [json.loads(each) for each in (tmp_path / "day.jsonl").read_text().splitlines()]
    assert [(each["author"], each["text"], each["kind"]) for each in found] == [
        ("alice", "the build is green", "message"),
        ("alice", "waves", "action"),
    ]
    assert all(each["room"] == "lobby" and each["stamp"].startswith(day) for each in found)


@contextmanager
def run_pipeline(line: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a pipeline in its own process group, so that SIGINT ends it as Ctrl+C does."""
    with subprocess.Popen(
        ["sh", "-c", line],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as pipeline:
        try:
            yield pipeline
        finally:
            with suppress(ProcessLookupError):
                os.killpg(pipeline.pid, signal.SIGINT)


def test_readme_listener_line_works(with_port: Nc, alice: PeerClient) -> None:
    with run_pipeline(with_port(readme_block("listener"))) as pipeline:
        assert pipeline.stdout is not None
        alice.read_until("carol joined room 'lobby'")
        # No notice reports carol's subscription to alice: send until the line arrives.
        for _ in range(50):
            alice.send("the first build failed")
            if select.select([pipeline.stdout], [], [], 0.2)[0]:
                break
        alice.send("the second build passed", "the third build failed")
        received = [pipeline.stdout.readline().decode().rstrip("\n")]
        while "first" in received[-1]:
            received.append(pipeline.stdout.readline().decode().rstrip("\n"))
    texts = [found["text"] for line in received if (found := STAMPED.fullmatch(line))]
    assert len(texts) == len(received)
    assert texts[0] == "the first build failed"
    assert texts[-1] == "the third build failed"


def test_readme_listener_ends_with_server(
    with_port: Nc, alice: PeerClient, server: subprocess.Popen[str]
) -> None:
    with_short_sleep = with_port(readme_block("listener")).replace("sleep 20", "sleep 0.1")
    with run_pipeline(with_short_sleep) as pipeline:
        alice.read_until("carol joined room 'lobby'")
        server.terminate()
        assert pipeline.wait(20) == 1  # the status of grep, which found no line
    assert server.wait(10) == 0  # a second signal during the shutdown would kill it
