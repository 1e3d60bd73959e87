"""The dialer: silent hosts, several addresses, timeouts and cancellation."""

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

NO_KNOWN_SERVERS = KnownServers(Path("/nowhere"))


class DialerHarness:
    """A dialer whose outcome the test waits for."""

    def __init__(self, host: str, port: int, timeout: float = 10.0) -> None:
        self._done = threading.Event()
        self.dialer = Dialer(
            host, port, self._done.set, NO_KNOWN_SERVERS, plaintext=True, timeout=timeout
        )

    def outcome(self) -> Stream | str:
        assert self._done.wait(10)
        outcome = self.dialer.outcome()
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
    """Return an address of this machine that does not answer: its accept queue is full."""
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


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Resolve every name to these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_dialer_connects_to_listening_server(listener: socket.socket) -> None:
    stream = DialerHarness(*listener.getsockname()).outcome()
    assert isinstance(stream, Stream)
    accepted, _ = listener.accept()
    accepted.sendall(b"hello\n")
    assert stream.recv() == b"hello\n"
    stream.close()
    accepted.close()


def test_dialer_reports_that_nothing_listens(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert DialerHarness("127.0.0.1", port).outcome() == f"Nothing listens at 127.0.0.1 port {port}"


@pytest.mark.parametrize(
    "host", ["no-such-host.invalid", "a" * 70 + ".example", "\udcff", "..", ""]
)
def test_dialer_reports_unresolvable_host(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def fail_without_network(name: str, *more: object, **others: object) -> object:
        if name == "no-such-host.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(name, *more, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", fail_without_network)
    outcome = DialerHarness(host, 1).outcome()
    assert isinstance(outcome, str)


def test_dialer_times_out_on_silent_host(silent: tuple[str, int]) -> None:
    outcome = DialerHarness(*silent, timeout=0.5).outcome()
    assert outcome == f"127.0.0.1 port {silent[1]} did not answer within 0 s"


def test_dialer_tries_next_address_after_silent_address(
    silent: tuple[str, int], listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, silent, silent, listener.getsockname())
    stream = DialerHarness("chat.example", 9000, timeout=1.0).outcome()
    assert isinstance(stream, Stream)
    stream.close()


def test_dialer_tries_next_address_after_refused_connection(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refusing_address = closed.getsockname()
    resolve_to(monkeypatch, refusing_address, listener.getsockname())
    stream = DialerHarness("chat.example", 9000).outcome()
    assert isinstance(stream, Stream)
    stream.close()


def test_dialer_prefers_specific_reason_over_unreachable_address(
    silent: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refusing_address = closed.getsockname()
    unreachable = ("255.255.255.255", 9090)  # like an IPv6 address on a machine without IPv6
    resolve_to(monkeypatch, refusing_address, unreachable)
    refused_message = f"Nothing listens at chat.example port {refusing_address[1]}"
    assert DialerHarness("chat.example", 9090).outcome() == refused_message
    resolve_to(monkeypatch, silent, refusing_address, unreachable)
    timeout_message = "chat.example port 9090 did not answer within 1 s"
    assert DialerHarness("chat.example", 9090, timeout=0.6).outcome() == timeout_message


def test_dialer_times_out_on_hanging_lookup(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        release.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    now = [0.0]
    dialer = Dialer("chat.example", 9000, lambda: None, NO_KNOWN_SERVERS, clock=lambda: now[0])
    assert dialer.outcome() is None
    now[0] = 10.0
    assert dialer.outcome() == ConnectFailed("chat.example port 9000 did not answer within 10 s")
    release.set()


def test_cancelled_dialer_closes_late_connection(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    real = socket.getaddrinfo

    def resolve_slowly(*arguments: object, **others: object) -> object:
        release.wait(20)
        return real(*arguments, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve_slowly)
    calls: list[str] = []
    dialer = Dialer(
        "127.0.0.1",
        listener.getsockname()[1],
        lambda: calls.append("done"),
        NO_KNOWN_SERVERS,
        plaintext=True,
    )
    dialer.cancel()
    release.set()
    accepted, _ = listener.accept()
    accepted.settimeout(5)
    assert accepted.recv(1) == b""
    accepted.close()
    assert calls == []


def test_cancelled_dialer_closes_established_connection(listener: socket.socket) -> None:
    done = threading.Event()
    dialer = Dialer(
        "127.0.0.1", listener.getsockname()[1], done.set, NO_KNOWN_SERVERS, plaintext=True
    )
    assert done.wait(5)
    dialer.cancel()
    accepted, _ = listener.accept()
    accepted.settimeout(5)
    assert accepted.recv(1) == b""
    accepted.close()


def test_cancelled_dialer_thread_ends_soon(silent: tuple[str, int]) -> None:
    before = set(threading.enumerate())
    dialer = Dialer(*silent, lambda: None, NO_KNOWN_SERVERS, plaintext=True)
    (thread,) = set(threading.enumerate()) - before
    dialer.cancel()
    thread.join(3)
    assert not thread.is_alive()


def test_dialer_rejects_tcp_self_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own ephemeral port may be the one of a stopped server."""
    real = socket.socket.connect_ex

    def connect_to_itself(connecting: socket.socket, address: tuple[str, int]) -> int:
        connecting.bind(("127.0.0.1", 0))
        connecting.setblocking(True)
        code = real(connecting, connecting.getsockname())
        connecting.setblocking(False)
        return code

    monkeypatch.setattr(socket.socket, "connect_ex", connect_to_itself)
    assert DialerHarness("127.0.0.1", 9090).outcome() == "Nothing listens at 127.0.0.1 port 9090"
