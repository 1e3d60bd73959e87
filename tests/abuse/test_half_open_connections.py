"""Half-open connections: a peer that vanished without FIN or RST, as after a cut cable."""

from __future__ import annotations

import os
import socket
import sys
import termios
from collections.abc import Callable, Iterator
from fcntl import ioctl
from pathlib import Path

import pytest

from chat_server.delivery.outbox import Outbox
from chat_tui.transport.keepalive import enable_keepalive
from tests.abuse.remote_host import RemoteHost, remote_host
from tests.abuse.scenario import outbox_of
from tests.support.running_server import RunningServer, StartServer
from tests.support.wait_until import WAIT_TIMEOUT, until
from tests.support.wire_client import WireClient

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")

REACHABLE_ADDRESS = "0.0.0.0"


@pytest.fixture
def remote(require_program: Callable[[str], Path]) -> Iterator[RemoteHost]:
    with remote_host(require_program) as host:
        yield host


def log_in_from(remote: RemoteHost, server: RunningServer, user: str) -> WireClient:
    """Return a client on the remote host that follows everyone."""
    client = remote.connect(server.port, receive_buffer=4096)
    client.send(f"LOGIN {user} pw-of-{user}", "/subscribe *")
    while client.read_line() != "[SERVER] Subscribed to *":
        pass
    return client


def test_vanished_peer_is_detected_in_every_state(
    remote: RemoteHost, start_server: StartServer
) -> None:
    server = start_server(
        host=REACHABLE_ADDRESS,
        insecure_plaintext=True,
        vanished_seconds=1.0,
        login_timeout=1.0,
        linger_seconds=0.2,
        rate=0.001,
        burst=4,
    )
    server.add_accounts(["idle", "listening", "overdrawn", "leaving"])
    alice, bob = server.log_in("alice", subscribe="*"), server.log_in("bob")

    vanished = [log_in_from(remote, server, user) for user in ("idle", "listening", "overdrawn")]
    idle, _, overdrawn = vanished
    idle.send("/join elsewhere")  # a room without messages
    idle.expect("[SERVER] Joined room 'elsewhere'")
    overdrawn.send(*"12345")
    for text in "123":
        alice.expect_message("overdrawn", text)
    leaving = log_in_from(remote, server, "leaving")
    stranger, interrupted = remote.connect(server.port), remote.connect(server.port)
    for silent in (stranger, interrupted):
        silent.expect_match(r"\[SERVER\] Login using: .*")
    interrupted.send_raw(b"LOGIN idle ")
    leaving.send("/quit")
    leaving.expect("[SERVER] Goodbye")

    idle_outbox = outbox_of(server, idle)
    until(lambda: _unacknowledged(idle_outbox) == 0, "only a keepalive can detect the idle client")
    remote.cut_cable()
    bob.send("is anyone there?")
    alice.expect_message("bob", "is anyone there?")
    until(lambda: server.server.client_count == 2, "all vanished peers are detected")
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice, bob"
    assert not server.server._admission._connections._connections
    for client in (*vanished, leaving, stranger, interrupted):
        client.close()


def test_default_keepalive_detects_vanished_peer_within_two_minutes(
    server: RunningServer,
) -> None:
    file = os.dup(outbox_of(server, server.log_in("alice")).fileno())
    with socket.socket(fileno=file) as connected:

        def option(name: int) -> int:
            return connected.getsockopt(socket.IPPROTO_TCP, name)

        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        probing = option(socket.TCP_KEEPINTVL) * option(socket.TCP_KEEPCNT)
        assert option(socket.TCP_KEEPIDLE) + probing <= 120
        assert 0 < option(socket.TCP_USER_TIMEOUT) <= 120_000


def test_client_that_waits_for_its_login_notices_that_the_server_has_vanished(
    remote: RemoteHost,
) -> None:
    with socket.create_server((REACHABLE_ADDRESS, 0)) as listener:
        peer = remote.connect(listener.getsockname()[1])
        waiting, _ = listener.accept()
    with waiting, peer:
        waiting.settimeout(WAIT_TIMEOUT)
        enable_keepalive(waiting, 3)
        remote.cut_cable()
        with pytest.raises(OSError, match=r"Connection timed out|No route to host"):
            waiting.recv(1)


def _unacknowledged(outbox: Outbox) -> int:
    """Return the bytes in the kernel, sent or not, that the peer has not acknowledged."""
    return int.from_bytes(ioctl(outbox.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def test_vanished_peer_does_not_block_others_before_detection(
    remote: RemoteHost, start_server: StartServer
) -> None:
    server = start_server(
        host=REACHABLE_ADDRESS, insecure_plaintext=True, rate=0, linger_seconds=0.2
    )
    alice, bob = server.log_in("alice", subscribe="*"), server.log_in("bob", subscribe="*")
    vanished = [log_in_from(remote, server, user) for user in ("carol", "dave")]
    remote.cut_cable()
    for number in range(500):
        alice.send(f"ping {number}")
        bob.expect_message("alice", f"ping {number}")
        bob.send(f"pong {number}")
        alice.expect_message("bob", f"pong {number}")
    assert bob.request("/who") == "[SERVER] In room 'lobby': alice, bob, carol, dave"
    server.stop()  # only this ends the two connections now
    for client in vanished:
        client.close()


def test_vanished_peer_is_cut_when_outbox_is_full(
    remote: RemoteHost, start_server: StartServer
) -> None:
    server = start_server(host=REACHABLE_ADDRESS, insecure_plaintext=True, rate=0, outbox=64 * 1024)
    alice, bob = server.log_in("alice", subscribe="*"), server.log_in("bob", subscribe="*")
    vanished = log_in_from(remote, server, "carol")
    remote.cut_cable()
    until(lambda: _publish(alice, bob) and server.server.client_count == 2, "carol is cut")
    assert "[!] Cut 'carol'" in server.log.getvalue()
    assert bob.request("/who") == "[SERVER] In room 'lobby': alice, bob"
    vanished.close()


def _publish(publisher: WireClient, subscriber: WireClient) -> bool:
    texts = [str(number) * 1000 for number in range(9)]
    publisher.send(*texts)
    for text in texts:
        subscriber.expect_message("alice", text)
    return True


def test_stop_does_not_wait_for_vanished_peers(
    remote: RemoteHost, start_server: StartServer
) -> None:
    server = start_server(
        host=REACHABLE_ADDRESS,
        insecure_plaintext=True,
        rate=0,
        flush_seconds=0.3,
        linger_seconds=0.2,
    )
    alice, bob = server.log_in("alice"), server.log_in("bob", subscribe="*")
    behind = log_in_from(remote, server, "carol")
    vanished = [behind, log_in_from(remote, server, "dave"), remote.connect(server.port)]
    outbox = outbox_of(server, behind)
    remote.cut_cable()
    until(lambda: _publish(alice, bob) and outbox.backlog, "carol has a backlog")
    server.stop()
    assert server.server.client_count == 0
    for client in vanished:
        client.close()
