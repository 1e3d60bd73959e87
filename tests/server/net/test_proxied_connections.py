"""Clients behind a load balancer: their addresses count, and only the balancer may name them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from chat_server.addresses import parse_network
from chat_server.net.awaited_headers import MAX_AWAITED
from tests.support.certificates import trusting_context, write_certificate
from tests.support.proxy_headers import LOCAL, v1, v2
from tests.support.redis_server import StartHaProxy, chat_proxy_config
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import WAIT_TIMEOUT, until
from tests.support.wire_client import WireClient

PROMPT = "[SERVER] Login using: LOGIN <username> <password>"
REFUSED = "[ERROR] No valid PROXY header: connect to the load balancer instead"
TOO_MANY = "[ERROR] Too many connections from your address; try again later"
BALANCER = "127.0.0.2"
TRUSTED = (parse_network(BALANCER),)


@pytest.fixture
def server(start_server: StartServer) -> RunningServer:
    """Return a server behind a balancer at `BALANCER`."""
    return start_server(rate=0, trusted_proxies=TRUSTED)


def log_in(server: RunningServer, user: str, header: bytes) -> WireClient:
    """Log in through the balancer."""
    client = server.connect(source=BALANCER)
    client.send_raw(header)
    client.expect(PROMPT)
    client.send(f"LOGIN {user} pw-of-{user}")
    client.expect("[SERVER] Login successful")
    client.expect_match(r"\[SERVER\] Available commands: .*")
    return client


def until_logged(server: RunningServer, text: str) -> None:
    until(lambda: text in server.log.getvalue(), text, server.log.getvalue)


@pytest.mark.parametrize("make", [v1, v2])
@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8::7"])
def test_log_has_address_of_client_and_not_of_balancer(
    server: RunningServer, make: Callable[..., bytes], address: str
) -> None:
    log_in(server, "alice", make(address, 4711))
    shown = f"[{address}]:4711" if ":" in address else f"{address}:4711"
    until_logged(server, f"New connection from {shown}")
    assert BALANCER not in server.log.getvalue()


def test_header_and_first_lines_may_arrive_in_one_segment_or_byte_by_byte(
    server: RunningServer,
) -> None:
    lines = b"LOGIN alice pw-of-alice\n/rooms\n"
    at_once = server.connect(source=BALANCER)
    at_once.send_raw(v2("198.51.100.7", extensions=b"\x04\0\x03abc") + lines)
    at_once.expect(PROMPT, "[SERVER] Login successful")
    at_once.expect_match(r"\[SERVER\] Available commands: .*")
    at_once.expect("[SERVER] Active rooms: lobby (1)")
    slow = server.connect(source=BALANCER)
    for byte in v1("198.51.100.8"):
        slow.send_raw(bytes([byte]))
    slow.expect(PROMPT)


def test_tls_handshake_follows_the_header(start_server: StartServer, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    server = start_server(
        tls=True, tls_cert=certificate, tls_key=key, rate=0, trusted_proxies=TRUSTED
    )
    port = server.server.tls_port
    with socket.create_connection(("127.0.0.1", port), source_address=(BALANCER, 0)) as connected:
        connected.settimeout(WAIT_TIMEOUT)
        connected.sendall(v2("198.51.100.7", 4711))
        with trusting_context().wrap_socket(connected, server_hostname="127.0.0.1") as encrypted:
            assert encrypted.recv(1000).decode() == f"{PROMPT}\n"
    until_logged(server, "New connection from 198.51.100.7:4711")


@pytest.mark.parametrize("first", [b"LOGIN alice pw-of-alice\n", b"PROXY TCP4 x y 1 2\r\n"])
def test_balancer_without_valid_header_is_refused_and_logged(
    server: RunningServer, first: bytes
) -> None:
    client = server.connect(source=BALANCER)
    client.send_raw(first)
    client.expect(REFUSED)
    client.expect_end()
    kind = "no" if first.startswith(b"LOGIN") else "an invalid"
    until_logged(server, f"[!] Refused {BALANCER}:")
    assert f": {kind} PROXY header\n" in server.log.getvalue()
    assert server.server.measure().rejections == {f"{kind} PROXY header": 1}


def test_header_that_does_not_come_is_refused_in_time(start_server: StartServer) -> None:
    server = start_server(trusted_proxies=TRUSTED, proxy_header_seconds=0.2)
    silent = server.connect(source=BALANCER)
    half = server.connect(source=BALANCER)
    half.send_raw(v2("198.51.100.7")[:20])
    for client in (silent, half):
        client.expect(REFUSED)
        client.expect_end()


def test_header_is_awaited_no_longer_than_the_login(start_server: StartServer) -> None:
    server = start_server(trusted_proxies=TRUSTED, login_timeout=0.2)
    started = time.monotonic()
    client = server.connect(source=BALANCER)
    client.expect(REFUSED)
    assert time.monotonic() - started < server.config.tuning.proxy_header_seconds


@pytest.mark.parametrize("make", [v1, v2])
def test_header_from_elsewhere_is_an_invalid_first_line(
    server: RunningServer, make: Callable[..., bytes]
) -> None:
    client = server.connect(source="127.0.0.3")
    client.send_raw(make("198.51.100.7"))
    client.expect(PROMPT, "[ERROR] Invalid login format")
    client.expect_end()
    assert "198.51.100.7" not in server.log.getvalue()
    assert "127.0.0.3" in server.log.getvalue()


def test_server_without_trusted_proxies_takes_no_header(start_server: StartServer) -> None:
    server = start_server()
    client = server.connect()
    client.send_raw(v1("198.51.100.7"))
    client.expect(PROMPT, "[ERROR] Invalid login format")


def test_limit_of_connections_counts_clients_and_not_the_balancer(
    start_server: StartServer,
) -> None:
    server = start_server(max_connections_per_ip=2, limit_loopback=True, trusted_proxies=TRUSTED)
    for number in range(6):
        client = server.connect(source=BALANCER)
        client.send_raw(v2(f"198.51.100.{number}"))
        client.expect(PROMPT)
    for expected in (PROMPT, TOO_MANY):
        client = server.connect(source=BALANCER)
        client.send_raw(v2("198.51.100.1"))
        client.expect(expected)
    until_logged(server, "Refused 198.51.100.1:50000: too many connections from this address")


def test_connections_without_login_and_failures_count_for_the_client(
    start_server: StartServer,
) -> None:
    server = start_server(
        connections_without_login=2,
        limit_loopback_without_login=True,
        login_failures=1,
        trusted_proxies=TRUSTED,
    )
    failing = server.connect(source=BALANCER)
    failing.send_raw(v2("198.51.100.1") + b"LOGIN alice wrong\n")
    failing.expect(PROMPT, "[ERROR] Authentication failed")
    again = server.connect(source=BALANCER)
    again.send_raw(v2("198.51.100.1") + b"LOGIN alice pw-of-alice\n")
    again.expect(PROMPT)
    again.expect_match(r"\[ERROR\] Too many failed logins; .*")
    log_in(server, "alice", v2("198.51.100.2"))

    def is_rejected() -> bool:
        client = server.connect(source=BALANCER)
        client.send_raw(v2("198.51.100.1"))
        return client.read_line() == TOO_MANY

    until(is_rejected, "the address with failed logins is rejected")
    log_in(server, "bob", v2("198.51.100.2"))


def test_ban_holds_for_the_address_of_the_client(start_server: StartServer) -> None:
    server = start_server(rate=0, trusted_proxies=TRUSTED, operators=frozenset({"alice"}))
    alice = log_in(server, "alice", v2("198.51.100.1"))
    bob = log_in(server, "bob", v2("198.51.100.2"))
    assert alice.request("/ban 198.51.100.2 10").startswith("[SERVER] ")
    assert (bob.read_line() or "").startswith("[SERVER] Logged out")
    banned = server.connect(source=BALANCER)
    banned.send_raw(v1("198.51.100.2"))
    assert "banned" in (banned.read_line() or "")
    log_in(server, "carol", v2("198.51.100.3"))


def test_slow_headers_do_not_delay_others_and_stay_bounded(server: RunningServer) -> None:
    with ExitStack() as stack:
        flood = [
            stack.enter_context(WireClient("127.0.0.1", server.port, source=BALANCER))
            for _ in range(MAX_AWAITED + 20)
        ]
        started = time.monotonic()
        log_in(server, "alice", v2("198.51.100.7"))
        server.log_in("bob")
        assert time.monotonic() - started < server.config.tuning.proxy_header_seconds
        for client in flood[:20]:
            client.expect(REFUSED)
        assert server.server.client_count == 2
    assert "no PROXY header while many connections waited" in server.log.getvalue()


@pytest.mark.parametrize("header", [b"", LOCAL, b"PROXY UNKNOWN\r\n", v1(BALANCER)])
@pytest.mark.parametrize("reset", [False, True])
def test_health_check_is_not_logged_and_takes_no_thread(
    start_server: StartServer, header: bytes, reset: bool
) -> None:
    server = start_server(
        trusted_proxies=TRUSTED, connections_without_login=1, limit_loopback_without_login=True
    )
    before = server.log.getvalue()
    for _ in range(20):
        check = server.connect(source=BALANCER)
        check.send_raw(header)
        if reset:
            check.reset()
        else:
            check.send_eof()
            check.expect_end()
    log_in(server, "alice", v2("198.51.100.7"))
    until_logged(server, "authenticated")
    lines = server.log.getvalue().removeprefix(before).splitlines()
    assert [line.partition("[")[2] for line in lines] == [
        "+] New connection from 198.51.100.7:50000",
        "+] User 'alice' authenticated",
    ]


def test_client_without_an_address_is_served_under_that_of_the_balancer(
    server: RunningServer,
) -> None:
    patient = server.connect(source=BALANCER)
    patient.send_raw(LOCAL)
    patient.expect(PROMPT)  # after a moment in which it could have been a health check
    at_once = server.connect(source=BALANCER)
    at_once.send_raw(b"PROXY UNKNOWN\r\n")
    at_once.send("LOGIN alice pw-of-alice")
    at_once.expect(PROMPT, "[SERVER] Login successful")
    until_logged(server, f"New connection from {BALANCER}:")


def test_stop_closes_connections_that_wait_for_their_header(server: RunningServer) -> None:
    waiting = server.connect(source=BALANCER)
    log_in(server, "alice", v2("198.51.100.7"))  # the other one was accepted before
    server.stop()
    waiting.expect_end()


@pytest.mark.parametrize("option", ["send-proxy", "send-proxy-v2"])
def test_real_haproxy_names_its_clients_and_its_checks_are_quiet(
    start_server: StartServer, start_haproxy: StartHaProxy, option: str
) -> None:
    server = start_server(rate=0, trusted_proxies=(parse_network("127.0.0.1"),))
    config = chat_proxy_config([server.port], server_options=f"{option} check inter 50ms")
    proxy = start_haproxy(config)
    with closing(WireClient("127.0.0.1", proxy.port, source="127.0.0.9")) as client:
        client.expect(PROMPT)
        client.send("LOGIN alice pw-of-alice")
        client.expect("[SERVER] Login successful")
        client.expect_match(r"\[SERVER\] Available commands: .*")
        # Several checks pass meanwhile. None of them is a client, or in the log.
        time.sleep(0.3)
        assert server.server.client_count == 1
        host, port = client.socket.getsockname()
        assert f"New connection from {host}:{port}" in server.log.getvalue()
        assert "127.0.0.1" not in server.log.getvalue()
