"""No load generator believes a server: whatever a receiver gets wrong ends the benchmark."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError, DeliveryError, SetUpError
from benchmarks.load import PYTHON_LOAD, Clients, Load, PythonClients, Result
from benchmarks.native import Programs, compile_programs
from benchmarks.servers import LOBBY
from tests.benchmarks.faulty_server import Fault, FaultyServer
from tests.certificates import server_context

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load generators need epoll")

AT = 5
"""The message that something happens to."""

held_back: list[bytes] = []


def nothing_wrong(_: int, line: bytes) -> list[bytes]:
    return [line]


def twice(number: int, line: bytes) -> list[bytes]:
    return [line, line] if number == AT else [line]


def never(number: int, line: bytes) -> list[bytes]:
    return [] if number == AT else [line]


def after_the_next(number: int, line: bytes) -> list[bytes]:
    if number == AT:
        held_back.append(line)
        return []
    return [line, held_back.pop()] if held_back else [line]


def cut(number: int, line: bytes) -> list[bytes]:
    return [line[:-20], b"\n"] if number == AT else [line]


def joined_to_the_next(number: int, line: bytes) -> list[bytes]:
    return [line.rstrip()] if number == AT else [line]


def with_another_letter(number: int, line: bytes) -> list[bytes]:
    return [line.replace(b"xxx$", b"xox$")] if number == AT else [line]


def from_somebody_else(number: int, line: bytes) -> list[bytes]:
    return [line.replace(b"u00000", b"u00002")] if number == AT else [line]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Programs]:
    programs: list[Programs] = []

    def compile_once() -> Programs:
        if not programs:
            programs.append(compile_programs(tmp_path_factory.mktemp("programs")))
        return programs[0]

    return compile_once


RunBeside = Callable[[Fault], Result]


@pytest.fixture
def beside() -> Iterator[Callable[[Sequence[str], Clients | PythonClients, Fault], Result]]:
    """Give a function that runs a load on a server with a fault."""
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
def run_beside(
    request: pytest.FixtureRequest,
    require_program: Callable[[str], Path],
    compiled: Callable[[], Programs],
    beside: Callable[[Sequence[str], Clients | PythonClients, Fault], Result],
) -> RunBeside:
    """Give a function that runs one publisher and two receivers on a server with a fault.

    The first receiver, which the fault is done to, reads what it gets.
    """
    if request.param == "C":
        require_program("cc")
        program = [str(compiled().load)]
        return lambda fault: beside(program, Clients(publishers=1, receivers=2), fault)
    encrypted = int(request.param == "Python, TLS")
    clients = PythonClients(encrypted=encrypted, publishers=1, receivers=2, verified=1)
    return lambda fault: beside(PYTHON_LOAD, clients, fault)


@pytest.fixture(params=["plain", "TLS"])
def run_counting_beside(
    request: pytest.FixtureRequest,
    beside: Callable[[Sequence[str], Clients | PythonClients, Fault], Result],
) -> RunBeside:
    """As `run_beside`, with receivers that only count."""
    encrypted = int(request.param == "TLS")
    clients = PythonClients(encrypted=encrypted, publishers=1, receivers=2)
    return lambda fault: beside(PYTHON_LOAD, clients, fault)


def test_a_server_that_does_everything_right_gets_its_figure(run_beside: RunBeside) -> None:
    result = run_beside(nothing_wrong)
    assert result["delivered"] > 2 * AT
    assert result["per_second"] > 0


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (twice, "duplicates 1"),
        (never, "missing 1, gaps 1"),
        (after_the_next, "gaps 1"),
        (cut, "malformed 1"),
        (joined_to_the_next, "malformed 1"),
        (with_another_letter, "malformed 1"),
        (from_somebody_else, "malformed 1"),
    ],
)
def test_one_wrong_line_among_many_is_an_error(
    run_beside: RunBeside, fault: Fault, told: str
) -> None:
    with pytest.raises(DeliveryError) as caught:
        run_beside(fault)
    assert told in str(caught.value)


def test_who_only_counts_has_its_figure_too(run_counting_beside: RunBeside) -> None:
    result = run_counting_beside(nothing_wrong)
    assert result["delivered"] > 2 * AT
    assert result["per_second"] > 0


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (twice, "duplicates 1"),
        (never, "missing 1"),
        (cut, "malformed 1"),
    ],
)
def test_who_only_counts_notices_what_is_too_much_or_too_little(
    run_counting_beside: RunBeside, fault: Fault, told: str
) -> None:
    with pytest.raises(DeliveryError) as caught:
        run_counting_beside(fault)
    assert told in str(caught.value)


def test_a_server_that_admits_nobody_is_an_error(
    require_program: Callable[[str], Path], compiled: Callable[[], Programs]
) -> None:
    require_program("cc")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen

        class Nobody:
            kind = LOBBY
            port: int = taken.getsockname()[1]

            def last_words(self) -> str:
                return "it never started"

        with (
            Load([str(compiled().load)], Nobody(), Clients(idle=1), pinned=False) as load,
            pytest.raises(SetUpError) as caught,
        ):
            load.set_up()
    assert "it never started" in str(caught.value)


def test_without_a_compiler_it_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchmarkError) as caught:
        compile_programs(tmp_path)
    assert "no C compiler" in str(caught.value)
    assert "\n" not in str(caught.value)
