"""Looking up and connecting: who answers, who does not, and who is no longer wanted."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_server.wire.stream import Stream
from chat_tui.storage.known_servers import KnownServers
from chat_tui.transport.dialer import Dialer
from chat_tui.transport.outcome import Connected, ConnectFailed

NOBODY = KnownServers(Path("/nowhere"))


class Dialled:
    """A dialling with its outcome to be waited for."""

    def __init__(self, host: str, port: int, within: float = 10.0) -> None:
        self._done = threading.Event()
        self.dialling = Dialer(host, port, self._done.set, NOBODY, plaintext=True, timeout=within)

    def outcome(self) -> Stream | str:
        assert self._done.wait(10)
        outcome = self.dialling.outcome()
        if isinstance(outcome, Connected):
            return outcome.stream
        assert isinstance(outcome, ConnectFailed)
        return outcome.reason


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        yield listener


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """An address of this machine that answers nobody: its queue of connections is full."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        yield address
        for one in waiting:
            one.close()


def looked_up(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let every name have these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_dialer_connects_to_listening_server(listener: socket.socket) -> None:
    stream = Dialled(*listener.getsockname()).outcome()
    assert isinstance(stream, Stream)
    accepted, _ = listener.accept()
    accepted.sendall(b"hello\n")
    assert stream.recv() == b"hello\n"
    stream.close()
    accepted.close()


def test_dialer_reports_that_nothing_listens(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert Dialled("127.0.0.1", port).outcome() == f"Nothing listens at 127.0.0.1 port {port}"


@pytest.mark.parametrize(
    "host", ["no-such-host.invalid", "a" * 70 + ".example", "\udcff", "..", ""]
)
def test_dialer_reports_unresolvable_host(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def without_a_network(name: str, *more: object, **others: object) -> object:
        if name == "no-such-host.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(name, *more, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", without_a_network)
    outcome = Dialled(host, 1).outcome()
    assert isinstance(outcome, str)


def test_dialer_times_out_on_silent_host(silent: tuple[str, int]) -> None:
    outcome = Dialled(*silent, within=0.5).outcome()
    assert outcome == f"127.0.0.1 port {silent[1]} did not answer within 0 s"


def test_dialer_tries_next_address_after_silent_address(
    silent: tuple[str, int], listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up(monkeypatch, silent, silent, listener.getsockname())
    stream = Dialled("chat.example", 9000, within=1.0).outcome()
    assert isinstance(stream, Stream)
    stream.close()


def test_dialer_tries_next_address_after_refused_connection(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        refusing = gone.getsockname()
    looked_up(monkeypatch, refusing, listener.getsockname())
    stream = Dialled("chat.example", 9000).outcome()
    assert isinstance(stream, Stream)
    stream.close()


def test_dialer_prefers_specific_reason_over_unreachable_address(
    silent: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        refusing = gone.getsockname()
    unreachable = ("255.255.255.255", 9090)  # as an IPv6 address is to a machine that has none
    looked_up(monkeypatch, refusing, unreachable)
    nobody = f"Nothing listens at chat.example port {refusing[1]}"
    assert Dialled("chat.example", 9090).outcome() == nobody
    looked_up(monkeypatch, silent, refusing, unreachable)
    no_answer = "chat.example port 9090 did not answer within 1 s"
    assert Dialled("chat.example", 9090, within=0.6).outcome() == no_answer


def test_dialer_times_out_on_hanging_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        let_go.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    now = [0.0]
    dialling = Dialer("chat.example", 9000, lambda: None, NOBODY, clock=lambda: now[0])
    assert dialling.outcome() is None
    now[0] = 10.0
    assert dialling.outcome() == ConnectFailed("chat.example port 9000 did not answer within 10 s")
    let_go.set()


def test_cancelled_dialer_closes_late_connection(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    real = socket.getaddrinfo

    def slowly(*arguments: object, **others: object) -> object:
        let_go.wait(20)
        return real(*arguments, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    rung: list[str] = []
    dialling = Dialer(
        "127.0.0.1", listener.getsockname()[1], lambda: rung.append("done"), NOBODY, plaintext=True
    )
    dialling.cancel()
    let_go.set()
    accepted, _ = listener.accept()
    accepted.settimeout(5)
    assert accepted.recv(1) == b""
    accepted.close()
    assert rung == []


def test_cancelled_dialer_closes_established_connection(listener: socket.socket) -> None:
    done = threading.Event()
    dialling = Dialer("127.0.0.1", listener.getsockname()[1], done.set, NOBODY, plaintext=True)
    assert done.wait(5)
    dialling.cancel()
    accepted, _ = listener.accept()
    accepted.settimeout(5)
    assert accepted.recv(1) == b""
    accepted.close()


def test_cancelled_dialer_thread_ends_soon(silent: tuple[str, int]) -> None:
    before = set(threading.enumerate())
    dialling = Dialer(*silent, lambda: None, NOBODY, plaintext=True)
    (thread,) = set(threading.enumerate()) - before
    dialling.cancel()
    thread.join(3)
    assert not thread.is_alive()


def test_dialer_rejects_tcp_self_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port of the ephemeral range, given to ourselves: the server could not come back to it."""
    real = socket.socket.connect_ex

    def to_itself(connecting: socket.socket, address: tuple[str, int]) -> int:
        connecting.bind(("127.0.0.1", 0))
        connecting.setblocking(True)
        code = real(connecting, connecting.getsockname())
        connecting.setblocking(False)
        return code

    monkeypatch.setattr(socket.socket, "connect_ex", to_itself)
    assert Dialled("127.0.0.1", 9090).outcome() == "Nothing listens at 127.0.0.1 port 9090"
