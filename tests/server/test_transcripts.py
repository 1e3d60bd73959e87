"""Replays every transcript of docs/protocol.md against the real server.

A block fenced as `transcript` begins on a fresh server. In it, `alice> line` is sent by the
connection called alice, which is made at its first mention; `alice< line` is exactly the next line
that it reads, with `[HH:MM:SS]` for any time of the day. What is not on the wire is in brackets:

    (alice and bob are logged in)   they have been, and have read what the server says to that
    (carol is an operator)          the server was started so
    alice> (end of input)           closes its sending half; the line before it goes without its LF
    alice< (nothing)                nothing more has come, once everyone's lines were taken
    alice< (closed)                 the server has closed the connection

At the end of a block nobody has anything left to read.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_server.accounts.demo import DEMO_NAMES, DEMO_PASSWORD
from tests.support.accounts import cheap_hash
from tests.support.running_server import RunningServer, StartServer
from tests.support.wire_client import WireClient

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"
OPERATOR = re.compile(r"\((?P<name>\w+) is an operator\)")
LOGGED_IN = re.compile(r"\((?P<names>.+) (?:is|are) logged in\)")
SPOKEN = re.compile(r"(?P<name>\w+)(?P<direction>[<>]) (?P<line>.*)")


def transcripts() -> Iterator[object]:
    """Give every transcript as a test's parameter, named by its line in the document."""
    text = PROTOCOL.read_text(encoding="utf-8")
    for block in re.finditer(r"```transcript\n(.*?)```", text, re.DOTALL):
        number = text.count("\n", 0, block.start()) + 1
        yield pytest.param(block[1].splitlines(), id=f"line-{number}")


class TranscriptRunner:
    """The connections of one transcript, by name."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._connections: dict[str, WireClient] = {}
        self._in_session: set[str] = set()

    def __getitem__(self, name: str) -> WireClient:
        if name not in self._connections:
            self._connections[name] = self._server.connect()
        return self._connections[name]

    def log_in(self, name: str) -> None:
        self.expect(name, "[SERVER] Login using: LOGIN <username> <password>")
        self[name].send(f"LOGIN {name} {DEMO_PASSWORD}")
        self.expect(name, "[SERVER] Login successful")
        self[name].expect_match(r"\[SERVER\] Available commands: .*")

    def expect(self, name: str, line: str) -> None:
        """Read one line and compare it with what the document says."""
        if line == "(closed)":
            self._in_session.discard(name)
            self[name].expect_end()
        else:
            pattern = re.escape(line).replace(re.escape("[HH:MM:SS]"), r"\[\d\d:\d\d:\d\d\]")
            self[name].expect_match(pattern)
        if line == "[SERVER] Login successful":
            self._in_session.add(name)

    def expect_nothing(self, *names: str) -> None:
        """Nothing more comes to `names`; first everybody's lines are taken, so that it would."""
        everybody = sorted(self._in_session)
        for name in (*everybody, *(names or everybody)):
            self[name].expect_silence()


@pytest.fixture
def stage(
    start_server: StartServer, tmp_path: Path, request: pytest.FixtureRequest
) -> TranscriptRunner:
    """Give an empty stage before a fresh server with the demo accounts."""
    lines: list[str] = request.getfixturevalue("lines")
    operators = frozenset(said["name"] for line in lines if (said := OPERATOR.fullmatch(line)))
    users = tmp_path / "demo.json"
    users.write_text(json.dumps(dict.fromkeys(DEMO_NAMES, cheap_hash(DEMO_PASSWORD))))
    return TranscriptRunner(start_server(users=users, operators=operators))


@pytest.mark.parametrize("lines", list(transcripts()))
def test_server_follows_protocol_transcript(lines: list[str], stage: TranscriptRunner) -> None:
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        logged_in = LOGGED_IN.fullmatch(line)
        spoken = SPOKEN.fullmatch(line)
        if OPERATOR.fullmatch(line):
            continue
        if logged_in:
            for name in re.split(r", | and ", logged_in["names"]):
                stage.log_in(name)
            continue
        assert spoken, f"no line of a transcript: {line!r}"
        name, text = spoken["name"], spoken["line"]
        match spoken["direction"], text:
            case ">", "(end of input)":
                stage[name].finish()
            case ">", _:
                end = "" if following == f"{name}> (end of input)" else "\n"
                stage[name].send_raw(f"{text}{end}".encode())
            case _, "(nothing)":
                stage.expect_nothing(name)
            case _:
                stage.expect(name, text)
    stage.expect_nothing()
