"""The load generators detect every fault in the deliveries of a server."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest

from benchmarks.accounts import user_name
from benchmarks.errors import BenchmarkError, DeliveryError, SetUpError
from benchmarks.load import PYTHON_LOAD, Clients, Load, PythonClients, Result
from benchmarks.native import Programs, compile_programs
from benchmarks.servers import LOBBY, ServerKind
from tests.benchmarks.faulty_server import Fault, FaultyServer
from tests.support.certificates import server_context
from tests.support.running_server import StartServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load generators need epoll")

AT = 5
"""Number of the message with the fault."""

delayed: list[bytes] = []


def no_fault(_: int, line: bytes) -> list[bytes]:
    return [line]


def duplicated(number: int, line: bytes) -> list[bytes]:
    return [line, line] if number == AT else [line]


def lost(number: int, line: bytes) -> list[bytes]:
    return [] if number == AT else [line]


def reordered(number: int, line: bytes) -> list[bytes]:
    if number == AT:
        delayed.append(line)
        return []
    return [line, delayed.pop()] if delayed else [line]


def truncated(number: int, line: bytes) -> list[bytes]:
    return [line[:-20], b"\n"] if number == AT else [line]


def without_line_feed(number: int, line: bytes) -> list[bytes]:
    return [line.rstrip()] if number == AT else [line]


def with_changed_letter(number: int, line: bytes) -> list[bytes]:
    return [line.replace(b"xxx$", b"xox$")] if number == AT else [line]


def from_another_user(number: int, line: bytes) -> list[bytes]:
    return [line.replace(b"u00000", b"u00002")] if number == AT else [line]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Programs]:
    programs: list[Programs] = []

    def compile_once() -> Programs:
        if not programs:
            programs.append(compile_programs(tmp_path_factory.mktemp("programs")))
        return programs[0]

    return compile_once


RunWithFault = Callable[[Fault], Result]


@pytest.fixture
def run_load() -> Iterator[Callable[[Sequence[str], Clients | PythonClients, Fault], Result]]:
    """Return a function that runs a load on a server with a fault."""
    servers: list[FaultyServer] = []

    def run(program: Sequence[str], clients: Clients | PythonClients, fault: Fault) -> Result:
        encrypted = isinstance(clients, PythonClients) and clients.encrypted
        server = FaultyServer(fault, server_context() if encrypted else None)
        servers.append(server)
        with Load(program, server, clients, pinned=False) as load:
            load.set_up()
            load.begin("run seconds=0.1 window=10 timeout=0.5")
            return load.result()

    yield run
    for server in servers:
        server.stop()


@pytest.fixture(params=["C", "Python", "Python, TLS"])
def run_with_fault(
    request: pytest.FixtureRequest,
    require_program: Callable[[str], Path],
    compiled: Callable[[], Programs],
    run_load: Callable[[Sequence[str], Clients | PythonClients, Fault], Result],
) -> RunWithFault:
    """Return a function that runs one publisher and two receivers on a server with a fault.

    The first receiver, which gets the faulty lines, checks every line.
    """
    if request.param == "C":
        require_program("cc")
        program = [str(compiled().load)]
        return lambda fault: run_load(program, Clients(publishers=1, receivers=2), fault)
    encrypted = int(request.param == "Python, TLS")
    clients = PythonClients(encrypted=encrypted, publishers=1, receivers=2, verified=1)
    return lambda fault: run_load(PYTHON_LOAD, clients, fault)


@pytest.fixture(params=["plain", "TLS"])
def run_counting_with_fault(
    request: pytest.FixtureRequest,
    run_load: Callable[[Sequence[str], Clients | PythonClients, Fault], Result],
) -> RunWithFault:
    """Return a function like `run_with_fault`, with receivers that only count."""
    encrypted = int(request.param == "TLS")
    clients = PythonClients(encrypted=encrypted, publishers=1, receivers=2)
    return lambda fault: run_load(PYTHON_LOAD, clients, fault)


def test_load_generator_measures_a_correct_server(run_with_fault: RunWithFault) -> None:
    result = run_with_fault(no_fault)
    assert result["delivered"] > 2 * AT
    assert result["per_second"] > 0


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (duplicated, "duplicates 1"),
        (lost, "missing 1, gaps 1"),
        (reordered, "gaps 1"),
        (truncated, "malformed 1"),
        (without_line_feed, "malformed 1"),
        (with_changed_letter, "malformed 1"),
        (from_another_user, "malformed 1"),
    ],
)
def test_load_generator_detects_one_faulty_line(
    run_with_fault: RunWithFault, fault: Fault, expected: str
) -> None:
    with pytest.raises(DeliveryError) as caught:
        run_with_fault(fault)
    assert expected in str(caught.value)


def test_counting_receiver_measures_a_correct_server(run_counting_with_fault: RunWithFault) -> None:
    result = run_counting_with_fault(no_fault)
    assert result["delivered"] > 2 * AT
    assert result["per_second"] > 0


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (duplicated, "duplicates 1"),
        (lost, "missing 1"),
        (truncated, "malformed 1"),
    ],
)
def test_counting_receiver_detects_too_many_or_too_few_bytes(
    run_counting_with_fault: RunWithFault, fault: Fault, expected: str
) -> None:
    with pytest.raises(DeliveryError) as caught:
        run_counting_with_fault(fault)
    assert expected in str(caught.value)


def test_load_generator_connects_receivers_to_their_own_ports_in_turn(
    require_program: Callable[[str], Path], compiled: Callable[[], Programs]
) -> None:
    require_program("cc")
    server, deaf = FaultyServer(no_fault), FaultyServer(no_fault)
    clients = Clients(publishers=1, receivers=2, receiver_ports=f"{server.port},{deaf.port}")
    try:
        with Load([str(compiled().load)], server, clients, pinned=False) as load:
            load.set_up()
            load.begin("run seconds=0.1 window=10 timeout=0.5")
            result = load.result(may_lose=True)
    finally:
        server.stop()
        deaf.stop()
    # The receiver of the other server gets nothing, and the other one everything.
    assert result["delivered"] == result["missing"] == 10


@dataclass
class ServerInTest:
    """A server of this process, as a target of the load generator."""

    port: int
    kind: ServerKind = LOBBY

    def log_tail(self) -> str:
        return ""


@pytest.mark.parametrize("is_mean", [False, True])
def test_publishers_of_a_mesh_get_the_messages_of_their_own_room(
    require_program: Callable[[str], Path],
    compiled: Callable[[], Programs],
    start_server: StartServer,
    tmp_path: Path,
    is_mean: bool,
) -> None:
    require_program("cc")
    users = tmp_path / "bench.json"
    password = bcrypt.hashpw(b"pw", bcrypt.gensalt(4)).decode()
    users.write_text(json.dumps({user_name(number): password for number in range(7)}))
    target = ServerInTest(start_server(users=users, rate=0).port)
    clients = Clients(publishers=7, mesh=1, rooms=3)
    with Load([str(compiled().load)], target, clients, pinned=False) as load:
        load.set_up()
        result = load.run(0.1, window=2, is_mean=is_mean)  # it checks what every client gets
        assert result["delivered"] > 0


def test_load_generator_reports_a_server_that_does_not_listen(
    require_program: Callable[[str], Path], compiled: Callable[[], Programs]
) -> None:
    require_program("cc")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen

        class NotListening:
            kind = LOBBY
            port: int = bound.getsockname()[1]

            def log_tail(self) -> str:
                return "it did not start"

        with (
            Load([str(compiled().load)], NotListening(), Clients(idle=1), pinned=False) as load,
            pytest.raises(SetUpError) as caught,
        ):
            load.set_up()
    assert "it did not start" in str(caught.value)


def test_compile_programs_reports_a_missing_compiler_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchmarkError) as caught:
        compile_programs(tmp_path)
    assert "no C compiler" in str(caught.value)
    assert "\n" not in str(caught.value)
