"""The metrics of a server and the HTTP server that serves them."""

from __future__ import annotations

import http.client
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import reduce
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chat_server.observability import http_listener
from chat_server.observability.event_log import EventLog
from chat_server.observability.metrics import Metrics
from chat_server.observability.metrics_server import MetricsServer
from tests.support.loaded_modules import modules_after
from tests.support.running_server import RunningServer, StartServer
from tests.support.server_program import ServerProgram
from tests.support.wait_until import WAIT_TIMEOUT, until
from tests.support.wire_client import WireClient

StartMetrics = Callable[[RunningServer], MetricsServer]


@pytest.fixture
def start_metrics() -> Iterator[StartMetrics]:
    """Return a function that starts a metrics server. All are stopped after the test."""
    running: list[MetricsServer] = []

    def start(server: RunningServer) -> MetricsServer:
        numbers = Metrics(server.server.measure, server.config.max_clients)
        metrics = MetricsServer(0, numbers.text, server.server.health_problem, EventLog(server.log))
        running.append(metrics)
        metrics.start()
        server.server.time_fan_out(numbers.observe_fan_out)
        return metrics

    yield start
    for metrics in running:
        metrics.stop()


def request(
    port: int, path: str, method: str = "GET", host: str | None = None
) -> tuple[int, http.client.HTTPMessage, str]:
    """Return the status, the headers and the body of a response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_TIMEOUT)
    try:
        connection.request(method, path, headers={} if host is None else {"Host": host})
        with connection.getresponse() as response:
            return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def read_metrics(port: int) -> dict[str, float]:
    """Return each sample by its name, followed by its label if it has one: `name{label}`."""
    status, headers, body = request(port, "/metrics")
    assert status == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        sample.name + "".join(f"{{{value}}}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


def metrics_once(port: int, name: str, value: float) -> dict[str, float]:
    """Return the metrics once `name` has reached `value`."""
    numbers: dict[str, float] = {}

    def is_reached() -> bool:
        numbers.update(read_metrics(port))
        return numbers.get(name) == value

    until(is_reached, f"{name} is {value}", lambda: numbers.get(name))
    return numbers


def test_metrics_count_sessions_and_messages(
    start_server: StartServer, start_metrics: StartMetrics
) -> None:
    server = start_server(rate=0)
    port = start_metrics(server).port
    before = read_metrics(port)
    alice, bob = server.log_in("alice", subscribe="*"), server.log_in("bob", subscribe="alice")
    carol = server.log_in("carol", subscribe="*")
    peer = server.connect()
    peer.expect_match(r"\[SERVER\] Login using.*")
    alice.send("one", "two", "three")
    for reader in (bob, carol):
        for text in ("one", "two", "three"):
            reader.expect_message("alice", text)
    carol.send("/join dev")
    carol.expect("[SERVER] Joined room 'dev'")
    carol.send("without a recipient", "/who")
    carol.expect("[SERVER] In room 'dev': carol")
    bob.send("/msg alice psst")
    bob.expect("[SERVER] Sent to alice")
    now = read_metrics(port)
    assert now["lobby_sessions"] == 3
    assert now["lobby_rooms"] == 2
    assert now["lobby_connections"] == 4
    assert now["lobby_threads"] - before["lobby_threads"] == 4
    assert now["lobby_messages_received_total"] == 5
    assert now["lobby_deliveries_total"] == 3 * 2 + 0 + 1
    assert now["lobby_connections_accepted_total"] == 4
    assert now["lobby_logins_total"] == 3
    assert now["lobby_events_total{authenticated}"] == 3
    assert now["lobby_backlog_bytes"] == now["lobby_lagging_clients"] == 0
    assert now["lobby_connections_limit"] == server.config.max_clients
    assert time.time() - 60 < now["lobby_start_time_seconds"] <= time.time()
    assert now["lobby_fanout_seconds_count"] >= 3
    assert 0 < now["lobby_fanout_seconds_sum"] < 60
    carol.close()
    metrics_once(port, "lobby_sessions", 2)


def test_metrics_count_all_bytes_sent_to_clients(
    start_server: StartServer, start_metrics: StartMetrics
) -> None:
    server = start_server(rate=0)
    port = start_metrics(server).port
    clients = [WireClient("127.0.0.1", server.port) for _ in range(4)]
    try:
        for number, client in enumerate(clients):
            client.send(f"LOGIN {['alice', 'bob', 'carol', 'DPS'][number]} wrong-wrong")
        received = 0
        for client in clients:
            while (line := client.read_line()) is not None:
                received += len(line.encode()) + 1
        assert (
            metrics_once(port, "lobby_sent_bytes_total", received)["lobby_logins_failed_total"] == 4
        )
    finally:
        for client in clients:
            client.close()


def test_metrics_count_stored_messages_and_pages(
    start_server: StartServer, start_metrics: StartMetrics, tmp_path: Path
) -> None:
    server = start_server(rate=0, history=tmp_path / "chat.db")
    port = start_metrics(server).port
    assert read_metrics(port)["lobby_history_stored_total"] == 0
    alice = server.log_in("alice")
    alice.send("one", "two", "three")
    for request_for_page in ("/history", "/search two"):
        alice.send(request_for_page)
        while not (alice.read_line() or "").startswith("[SERVER] End of history"):
            pass
    now = read_metrics(port)
    assert now["lobby_history_stored_total"] == 3
    assert now["lobby_history_pages_total"] == 2
    assert now["lobby_history_dropped_total"] == now["lobby_history_queue"] == 0
    assert now["lobby_history_degraded"] == now["lobby_history_searches_cut_total"] == 0
    assert now["lobby_history_commits_total"] >= 1
    assert 0 < now["lobby_history_commit_seconds_total"] < 60
    assert now["lobby_history_file_bytes"] > 4096


def test_metrics_lose_no_count_between_threads(
    start_server: StartServer, start_metrics: StartMetrics
) -> None:
    server = start_server(rate=0)
    port = start_metrics(server).port
    server.add_accounts([f"client{number}" for number in range(8)])
    clients = [server.log_in(f"client{number}") for number in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            for client in clients:
                client.send(*["text"] * 25)
        for client in clients:
            client.expect_silence()
    finally:
        sys.setswitchinterval(interval)
    assert read_metrics(port)["lobby_messages_received_total"] == 8 * 20 * 25


def test_metrics_count_rejections_by_reason(
    start_server: StartServer, start_metrics: StartMetrics
) -> None:
    server = start_server(max_clients=1, login_failures=1)
    port = start_metrics(server).port
    with server.log_in("bob"):
        second = server.connect()
        second.expect("[ERROR] Server is full; try again later")
    metrics_once(port, "lobby_connections", 0)
    with WireClient("127.0.0.1", server.port) as first:
        first.expect_match(r"\[SERVER\] Login using.*")
        first.send("LOGIN alice wrong-wrong")
        first.expect("[ERROR] Authentication failed")
        first.expect_end()
    metrics_once(port, "lobby_connections", 0)
    third = server.connect()
    third.send("LOGIN alice pw-of-alice")
    third.expect_match(r"\[SERVER\] Login using.*")
    third.expect_match(r"\[ERROR\] Too many failed logins; .*")
    now = metrics_once(port, "lobby_logins_throttled_total", 1)
    assert now["lobby_connections_refused_total{the server is full}"] == 1
    assert now["lobby_logins_failed_total"] == 1


def test_metrics_show_backlog_and_cut_slow_reader(
    start_server: StartServer, start_metrics: StartMetrics
) -> None:
    server = start_server(rate=0, outbox=4 * 1024 * 1024, stall_seconds=3600.0)
    port = start_metrics(server).port
    server.add_accounts(["stuck"])
    stuck = WireClient("127.0.0.1", server.port, receive_buffer=4096)
    stuck.send("LOGIN stuck pw-of-stuck", "/subscribe *")
    while stuck.read_line() != "[SERVER] Subscribed to *":
        pass
    alice = server.log_in("alice")
    while True:
        alice.send(*["x" * 4000] * 50)
        now = read_metrics(port)
        if now["lobby_backlog_bytes"] > 100_000:
            break
    assert now["lobby_lagging_clients"] == 1
    assert now["lobby_slow_readers_cut_total"] == 0
    while read_metrics(port)["lobby_slow_readers_cut_total"] == 0:
        alice.send(*["x" * 4000] * 50)
    alice.expect_silence()
    metrics_once(port, "lobby_lagging_clients", 0)
    stuck.close()


def test_metrics_show_hashing_queue(start_server: StartServer, start_metrics: StartMetrics) -> None:
    server = start_server(login_failures=0)
    port = start_metrics(server).port
    gate = threading.Event()
    throttle = server.server._services.authenticator._throttle
    admit = throttle.retry_after
    throttle.retry_after = lambda *login: float(not gate.wait(WAIT_TIMEOUT)) or admit(*login)  # type: ignore[method-assign]
    waiting = [server.connect() for _ in range(20)]
    try:
        for number, client in enumerate(waiting):
            client.send(f"LOGIN user-{number} guess")
        hashing = sum(thread.name.startswith("hashing") for thread in threading.enumerate())
        metrics_once(port, "lobby_hashing_queue", 20 - hashing)
    finally:
        gate.set()
    metrics_once(port, "lobby_hashing_queue", 0)


def test_healthz_is_ok_until_server_stops(
    server: RunningServer, start_metrics: StartMetrics
) -> None:
    port = start_metrics(server).port
    status, headers, body = request(port, "/healthz")
    assert (status, body) == (200, "ok\n")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    server.stop()
    status, _, body = request(port, "/healthz")
    assert (status, body) == (503, "the server is stopping\n")


@pytest.mark.parametrize(
    ("part", "attribute"),
    [
        ("acceptor", "_acceptor._thread"),
        ("flusher", "_delivery._flusher._thread"),
        ("hashing", "_services.hash_pool._threads"),
        ("presence", "_presence_timer._thread"),
    ],
)
def test_healthz_reports_dead_thread(
    server: RunningServer,
    start_metrics: StartMetrics,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    attribute: str,
) -> None:
    port = start_metrics(server).port
    dead = threading.Thread(name="dead")
    *path, name = attribute.split(".")
    owner: object = reduce(getattr, path, server.server)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, [dead] if part == "hashing" else dead)
        assert request(port, "/healthz")[::2] == (503, f"the thread '{part}' does not run\n")
    assert request(port, "/healthz")[0] == 200


def test_metrics_server_rejects_other_paths_and_methods(
    server: RunningServer, start_metrics: StartMetrics
) -> None:
    port = start_metrics(server).port
    assert request(port, "/metrics?name[]=x")[0] == 200
    assert request(port, "/")[0] == 404
    assert request(port, "/metrics/")[0] == 404
    assert request(port, "/metrics", "POST")[0] == 501
    status, headers, body = request(port, "/metrics", "HEAD")
    assert (status, body) == (200, "")
    assert int(headers["Content-Length"]) > 1000


def test_metrics_server_rejects_foreign_host_header(
    server: RunningServer, start_metrics: StartMetrics
) -> None:
    port = start_metrics(server).port
    for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", ""):
        assert request(port, "/metrics", host=host)[0] == 403
    for host in ("localhost", f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "[::1]"):
        assert request(port, "/metrics", host=host)[0] == 200


def test_metrics_server_times_out_slow_requests_and_bounds_threads(
    server: RunningServer, start_metrics: StartMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_listener, "_REQUEST_TIMEOUT", 0.3)
    port = start_metrics(server).port
    threads = threading.active_count()
    slow = [socket.create_connection(("127.0.0.1", port), WAIT_TIMEOUT) for _ in range(20)]
    try:
        for connection in slow:
            send_slowly_until_closed(connection)
        assert threading.active_count() <= threads + 8
    finally:
        for connection in slow:
            connection.close()
    assert request(port, "/healthz")[0] == 200


@pytest.mark.parametrize("count", [10, 500])
@pytest.mark.parametrize(
    "sent", [b"", b"GET /metr", b"GET / HTTP/1.1\r\nX: ", b"GET /metrics HTTP/1.0\r\n\r\n"]
)
def test_healthz_answers_while_other_requests_are_slow(
    server: RunningServer,
    start_metrics: StartMetrics,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    sent: bytes,
) -> None:
    """Slow to send, or, with a complete request, slow to read the response."""
    monkeypatch.setattr(http_listener, "_REQUEST_TIMEOUT", 1000.0)  # longer than a test may take
    port = start_metrics(server).port
    with ExitStack() as stack:
        for number in range(count):
            slow = stack.enter_context(socket.socket())
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            slow.settimeout(WAIT_TIMEOUT)
            slow.connect(("127.0.0.1", port))
            slow.send(sent)
            if number % 10 == 0:
                assert request(port, "/healthz")[0] == 200
        assert request(port, "/healthz")[::2] == (200, "ok\n")
        assert request(port, "/metrics")[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 100_000,
        b"GET /" + b"a" * 100_000,
        b"GET /healthz HTTP/1.1\r\n" + b"a: b\r\n" * 20_000,
        b"\r\n" + b"a" * 100_000,
    ],
    ids=["long header", "long line", "many headers", "blank line"],
)
def test_request_with_large_header_is_rejected_without_being_stored(
    server: RunningServer, start_metrics: StartMetrics, sent: bytes
) -> None:
    port = start_metrics(server).port
    with socket.create_connection(("127.0.0.1", port), WAIT_TIMEOUT) as connection:
        with suppress(ConnectionError):  # the server may close before everything is sent
            connection.sendall(sent)
        with suppress(ConnectionError):
            assert connection.recv(100).startswith(b"HTTP/1.0 431 ")
    assert request(port, "/healthz")[0] == 200


def test_large_header_gets_status_431(server: RunningServer, start_metrics: StartMetrics) -> None:
    port = start_metrics(server).port
    with socket.create_connection(("127.0.0.1", port), WAIT_TIMEOUT) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 10_000)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.0 431 ")
    assert answer.endswith(
        b"\r\n\r\n431 The request line and the headers are limited to 8192 bytes\n"
    )


def test_request_that_arrives_byte_by_byte_is_answered(
    server: RunningServer, start_metrics: StartMetrics
) -> None:
    port = start_metrics(server).port
    for sent in (b"GET /healthz HTTP/1.0\r\n\r\n", b"GET /healthz HTTP/1.1\nHost: localhost\n\n"):
        with socket.create_connection(("127.0.0.1", port), WAIT_TIMEOUT) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number in range(len(sent)):
                connection.sendall(sent[number : number + 1])
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        assert answer.endswith(b"\r\n\r\nok\n")


def test_request_body_does_not_reset_the_response(
    server: RunningServer, start_metrics: StartMetrics
) -> None:
    port = start_metrics(server).port
    with socket.create_connection(("127.0.0.1", port), WAIT_TIMEOUT) as connection:
        connection.sendall(
            b"POST /metrics HTTP/1.1\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20000
        )
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.0 501 ")


def send_slowly_until_closed(connection: socket.socket) -> None:
    """Send single bytes until the server closes the connection."""
    connection.settimeout(0.05)

    def is_closed() -> bool:
        try:
            connection.send(b"x")
            return connection.recv(1000) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    until(is_closed, "the server closes the connection")


def test_metrics_server_stop_does_not_wait_for_open_request(
    server: RunningServer, start_metrics: StartMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_listener, "_REQUEST_TIMEOUT", 1000.0)  # longer than a test may take
    metrics = start_metrics(server)
    with socket.create_connection(("127.0.0.1", metrics.port), WAIT_TIMEOUT) as idle:
        idle.send(b"GET /metr")
        assert request(metrics.port, "/healthz")[0] == 200  # so the idle one was already accepted
        metrics.stop()
        assert idle.recv(100) == b""


def test_server_process_logs_metrics_address_and_serves_it(tmp_path: Path) -> None:
    with ServerProgram(tmp_path / "users.json", "--metrics", "0") as program:
        until(lambda: "/metrics\n" in program.log, "the address is logged", lambda: program.log)
        found = re.search(r"\[\*\] Metrics on (.*)/metrics\n", program.log)
        assert found is not None
        host, port = found[1].removeprefix("http://").split(":")
        assert host == "127.0.0.1"
        with program.log_in("alice"):
            now = read_metrics(int(port))
        assert now["lobby_sessions"] == 1
        assert now["lobby_fanout_seconds_count"] > 0
        assert request(int(port), "/healthz")[::2] == (200, "ok\n")
        with pytest.raises(OSError):  # noqa: PT011 - the message differs by system
            socket.create_connection(("127.0.0.2", int(port)), WAIT_TIMEOUT)


def test_metrics_port_in_use_is_one_line_error(tmp_path: Path) -> None:
    with ServerProgram(tmp_path / "users.json") as program:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "chat_server", "--port", "0"),
                *("--users", str(program.users), "--metrics", str(program.port)),
                *("--history", "off"),
            ],
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 2
    assert done.stderr == (
        f"chat-server: can't listen on 127.0.0.1 port {program.port} for --metrics: "
        "Address already in use; choose another port\n"
    )


def test_prometheus_client_is_imported_only_for_metrics() -> None:
    assert "prometheus_client" not in modules_after(
        "import chat_server.__main__, chat_server.server, chat_server.cli.serve"
    )
    loaded = modules_after("import chat_server.cli.serve, chat_server.observability.metrics_server")
    assert "prometheus_client" in loaded
    assert not loaded & {"asyncio", "textual", "rich"}
