"""Replays every transcript of docs/protocol.md against the real server, and against several.

A block fenced as `transcript` starts with a new server. In it, the connection `alice` sends
`alice> line`. It is opened when it is first mentioned. `alice< line` is exactly the next line that
it reads, with `[HH:MM:SS]` for any time of the day. `<T1>` is a stamp: any one when it is first
read, and from then on the same. Text that is not on the wire is in brackets:

    (alice and bob are logged in)   they have logged in and read the replies
    (carol is an operator)          the server was started with this setting
    (the server keeps no history)   the same
    alice> (end of input)           close the sending half; the line before it is sent without LF
    alice< (nothing)                no more lines came after all clients' lines were processed
    alice< (closed)                 the server has closed the connection

At the end of a block no connection has a line left to read.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from ipaddress import ip_network
from itertools import cycle
from pathlib import Path
from typing import Any, Protocol

import pytest

from chat_server.accounts.demo import DEMO_NAMES, DEMO_PASSWORD
from tests.support.accounts import cheap_hash
from tests.support.cluster import Cluster, StartCluster
from tests.support.project import PROJECT
from tests.support.redis_server import StartHaProxy, chat_proxy_config
from tests.support.running_server import RunningServer, StartServer
from tests.support.wire_client import WireClient

PROTOCOL = PROJECT / "docs" / "protocol.md"
OPERATOR = re.compile(r"\((?P<name>\w+) is an operator\)")
NO_HISTORY = "(the server keeps no history)"
STAMP_NAME = re.compile(r"<(T\d)>")
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d"
LOGGED_IN = re.compile(r"\((?P<names>.+) (?:is|are) logged in\)")
SENT_OR_READ = re.compile(r"(?P<name>\w+)(?P<direction>[<>]) (?P<line>.*)")


def transcripts() -> Iterator[object]:
    """Yield each transcript as a test parameter, named by its line in the document."""
    text = PROTOCOL.read_text(encoding="utf-8")
    for block in re.finditer(r"```transcript\n(.*?)```", text, re.DOTALL):
        number = text.count("\n", 0, block.start()) + 1
        yield pytest.param(block[1].splitlines(), id=f"line-{number}")


class Servers(Protocol):
    """One server, or several that are one chat."""

    def connect(self) -> WireClient:
        """Connect the next client."""

    def wait_for_each_other(self) -> None:
        """Wait until what one server has replied is true on all of them."""


class OneServer:
    """A server without others."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server

    def connect(self) -> WireClient:
        return self._server.connect()

    def wait_for_each_other(self) -> None:
        pass


class Nodes:
    """Servers over Redis. Each client is on another one than the client before it."""

    def __init__(self, cluster: Cluster, ports: Sequence[int]) -> None:
        self._cluster = cluster
        self._ports = cycle(ports)

    def connect(self) -> WireClient:
        return self._cluster.connect(next(self._ports))

    def wait_for_each_other(self) -> None:
        self._cluster.until_same_state()


class TranscriptRunner:
    """The connections of one transcript, by the name of the user."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._connections: dict[str, WireClient] = {}
        self._in_session: set[str] = set()
        self._stamps: dict[str, str] = {}
        """The stamps that were read, by their names in the document."""

    def __getitem__(self, name: str) -> WireClient:
        if name not in self._connections:
            self._connections[name] = self._servers.connect()
        return self._connections[name]

    def log_in(self, name: str) -> None:
        self.expect(name, "[SERVER] Login using: LOGIN <username> <password>")
        self[name].send(f"LOGIN {name} {DEMO_PASSWORD}")
        self.expect(name, "[SERVER] Login successful")
        self[name].expect_match(r"\[SERVER\] Available commands: .*")

    def send(self, name: str, line: str, end: str) -> None:
        """Send a line, once everything that was read is true on all servers."""
        self._servers.wait_for_each_other()
        self[name].send_raw(f"{self.with_stamps(line)}{end}".encode())

    def expect(self, name: str, line: str) -> None:
        """Read one line and compare it with the line in the document."""
        if line == "(closed)":
            self._in_session.discard(name)
            self[name].expect_end()
        else:
            self._expect_line(name, line)
        if line == "[SERVER] Login successful":
            self._in_session.add(name)

    def _expect_line(self, name: str, line: str) -> None:
        line = self.with_stamps(line)
        pattern = re.escape(line).replace(re.escape("[HH:MM:SS]"), r"\[\d\d:\d\d:\d\d\]")
        # A name that is left is that of a stamp that was not read before.
        pattern = STAMP_NAME.sub(lambda found: f"(?P<{found[1]}>{STAMP})", pattern)
        match = self[name].expect_match(pattern)
        for new, stamp in match.groupdict().items():
            assert stamp not in self._stamps.values(), f"{new} is the stamp of another message"
            self._stamps[new] = stamp

    def with_stamps(self, line: str) -> str:
        """Return the line with the stamps that are known in place of their names."""
        return STAMP_NAME.sub(lambda found: self._stamps.get(found[1], found[0]), line)

    def expect_nothing(self, *names: str) -> None:
        """Check that no line is left for `names`, or for any session without names.

        The lines of all sessions are processed first, so that their effects have arrived.
        """
        in_session = sorted(self._in_session)
        for name in in_session:
            self[name].expect_silence()
        self._servers.wait_for_each_other()
        for name in names or in_session:
            self[name].expect_silence()


def start_alone(request: pytest.FixtureRequest, settings: dict[str, Any]) -> Servers:
    """Start one server without Redis."""
    start_server: StartServer = request.getfixturevalue("start_server")
    return OneServer(start_server(**settings))


def start_nodes(number: int, request: pytest.FixtureRequest, settings: dict[str, Any]) -> Servers:
    """Start so many servers over one Redis."""
    start_cluster: StartCluster = request.getfixturevalue("start_cluster")
    cluster = start_cluster(number, has_history=settings.pop("history") is not None, **settings)
    return Nodes(cluster, cluster.ports)


def start_behind_haproxy(request: pytest.FixtureRequest, settings: dict[str, Any]) -> Servers:
    """Start two servers behind a load balancer, which spreads the clients over them.

    It names the address of each client by the PROXY protocol.
    """
    start_cluster: StartCluster = request.getfixturevalue("start_cluster")
    start_haproxy: StartHaProxy = request.getfixturevalue("start_haproxy")
    has_history = settings.pop("history") is not None
    trusted = (ip_network("127.0.0.0/8"),)
    cluster = start_cluster(2, has_history=has_history, trusted_proxies=trusted, **settings)
    config = chat_proxy_config(cluster.ports, server_options="send-proxy-v2")
    return Nodes(cluster, [start_haproxy(config).port])


STARTS: dict[str, Callable[[pytest.FixtureRequest, dict[str, Any]], Servers]] = {
    "alone": start_alone,
    "one-node": partial(start_nodes, 1),
    "two-nodes": partial(start_nodes, 2),
    "behind-haproxy": start_behind_haproxy,
}


@pytest.fixture(params=STARTS)
def runner(tmp_path: Path, request: pytest.FixtureRequest) -> TranscriptRunner:
    """Return a runner without connections, for new servers with the demo accounts."""
    lines: list[str] = request.getfixturevalue("lines")
    operators = frozenset(match["name"] for line in lines if (match := OPERATOR.fullmatch(line)))
    users = tmp_path / "demo.json"
    users.write_text(json.dumps(dict.fromkeys(DEMO_NAMES, cheap_hash(DEMO_PASSWORD))))
    history = None if NO_HISTORY in lines else tmp_path / "demo.history.db"
    settings = {"users": users, "operators": operators, "history": history}
    return TranscriptRunner(STARTS[request.param](request, settings))


@pytest.mark.parametrize("lines", list(transcripts()))
def test_server_follows_protocol_transcript(lines: list[str], runner: TranscriptRunner) -> None:
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        logged_in = LOGGED_IN.fullmatch(line)
        sent_or_read = SENT_OR_READ.fullmatch(line)
        if OPERATOR.fullmatch(line) or line == NO_HISTORY:
            continue
        if logged_in:
            for name in re.split(r", | and ", logged_in["names"]):
                runner.log_in(name)
            continue
        assert sent_or_read, f"not a line of a transcript: {line!r}"
        name, text = sent_or_read["name"], sent_or_read["line"]
        match sent_or_read["direction"], text:
            case ">", "(end of input)":
                runner[name].send_eof()
            case ">", _:
                end = "" if following == f"{name}> (end of input)" else "\n"
                runner.send(name, text, end)
            case _, "(nothing)":
                runner.expect_nothing(name)
            case _:
                runner.expect(name, text)
    runner.expect_nothing()
