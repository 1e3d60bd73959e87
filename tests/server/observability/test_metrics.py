"""What a server says of itself in numbers, and that saying it harms nobody."""

from __future__ import annotations

import http.client
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chat_server.observability import metrics_server
from chat_server.observability.event_log import EventLog
from chat_server.observability.metrics import Metrics
from chat_server.observability.metrics_server import MetricsServer
from tests.support.running_server import RunningServer, StartServer
from tests.support.server_program import ServerProgram
from tests.support.wire_client import PATIENCE, WireClient
from tests.test_imports import modules_after

WithMetrics = Callable[[RunningServer], MetricsServer]


@pytest.fixture
def with_metrics() -> Iterator[WithMetrics]:
    """Give a function that lets a running server answer HTTP; all are stopped afterwards."""
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


def ask(
    port: int, path: str, method: str = "GET", host: str | None = None
) -> tuple[int, http.client.HTTPMessage, str]:
    """Status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, headers={} if host is None else {"Host": host})
        with connection.getresponse() as response:
            return response.status, response.headers, response.read().decode()
    finally:
        connection.close()


def numbers_of(port: int) -> dict[str, float]:
    """Each sample by its name, with its label where it has one: `name{label}`."""
    status, headers, body = ask(port, "/metrics")
    assert status == 200
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        sample.name + "".join(f"{{{value}}}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


def settled(port: int, name: str, value: float) -> dict[str, float]:
    """The numbers, once `name` has come to `value`."""
    deadline = time.monotonic() + PATIENCE
    while (numbers := numbers_of(port)).get(name) != value:
        assert time.monotonic() < deadline, (name, numbers.get(name))
        time.sleep(0.01)
    return numbers


def test_metrics_count_sessions_and_messages(
    start_server: StartServer, with_metrics: WithMetrics
) -> None:
    server = start_server(rate=0)
    port = with_metrics(server).port
    before = numbers_of(port)
    alice, bob = server.log_in("alice", subscribe="*"), server.log_in("bob", subscribe="alice")
    carol = server.log_in("carol", subscribe="*")
    stranger = server.connect()
    stranger.expect_match(r"\[SERVER\] Login using.*")
    alice.send("one", "two", "three")
    for reader in (bob, carol):
        for text in ("one", "two", "three"):
            reader.expect_message("alice", text)
    carol.send("/join dev")
    carol.expect("[SERVER] Joined room 'dev'")
    carol.send("nobody hears this", "/who")
    carol.expect("[SERVER] In room 'dev': carol")
    bob.send("/msg alice psst")
    bob.expect("[SERVER] Sent to alice")
    now = numbers_of(port)
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
    settled(port, "lobby_sessions", 2)


def test_metrics_count_all_bytes_sent_to_clients(
    start_server: StartServer, with_metrics: WithMetrics
) -> None:
    server = start_server(rate=0)
    port = with_metrics(server).port
    talkers = [WireClient("127.0.0.1", server.port) for _ in range(4)]
    try:
        for number, talker in enumerate(talkers):
            talker.send(f"LOGIN {['alice', 'bob', 'carol', 'DPS'][number]} wrong-wrong")
        heard = 0
        for talker in talkers:
            while (line := talker.read_line()) is not None:
                heard += len(line.encode()) + 1
        assert settled(port, "lobby_sent_bytes_total", heard)["lobby_logins_failed_total"] == 4
    finally:
        for talker in talkers:
            talker.close()


def test_metrics_lose_no_count_between_threads(
    start_server: StartServer, with_metrics: WithMetrics
) -> None:
    server = start_server(rate=0)
    port = with_metrics(server).port
    server.add_people([f"talker{number}" for number in range(8)])
    talkers = [server.log_in(f"talker{number}") for number in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            for talker in talkers:
                talker.send(*["text"] * 25)
        for talker in talkers:
            talker.expect_silence()
    finally:
        sys.setswitchinterval(interval)
    assert numbers_of(port)["lobby_messages_received_total"] == 8 * 20 * 25


def test_metrics_count_rejections_by_reason(
    start_server: StartServer, with_metrics: WithMetrics
) -> None:
    server = start_server(max_clients=1, login_failures=1)
    port = with_metrics(server).port
    with WireClient("127.0.0.1", server.port) as first:
        first.expect_match(r"\[SERVER\] Login using.*")
        second = server.connect()
        second.expect("[ERROR] Server is full; try again later")
        first.send("LOGIN alice wrong-wrong")
        first.expect("[ERROR] Authentication failed")
        first.expect_end()
    settled(port, "lobby_connections", 0)
    third = server.connect()
    third.send("LOGIN alice pw-of-alice")
    third.expect_match(r"\[SERVER\] Login using.*")
    third.expect_match(r"\[ERROR\] Too many failed logins; .*")
    now = settled(port, "lobby_logins_throttled_total", 1)
    assert now["lobby_connections_refused_total{the server is full}"] == 1
    assert now["lobby_logins_failed_total"] == 1


def test_metrics_show_backlog_and_cut_slow_reader(
    start_server: StartServer, with_metrics: WithMetrics
) -> None:
    server = start_server(rate=0, outbox=4 * 1024 * 1024, stall_seconds=3600.0)
    port = with_metrics(server).port
    server.add_people(["stuck"])
    stuck = WireClient("127.0.0.1", server.port, receive_buffer=4096)
    stuck.send("LOGIN stuck pw-of-stuck", "/subscribe *")
    while stuck.read_line() != "[SERVER] Subscribed to *":
        pass
    alice = server.log_in("alice")
    while True:
        alice.send(*["x" * 4000] * 50)
        now = numbers_of(port)
        if now["lobby_backlog_bytes"] > 100_000:
            break
    assert now["lobby_lagging_clients"] == 1
    assert now["lobby_slow_readers_cut_total"] == 0
    while numbers_of(port)["lobby_slow_readers_cut_total"] == 0:
        alice.send(*["x" * 4000] * 50)
    alice.expect_silence()
    settled(port, "lobby_lagging_clients", 0)
    stuck.close()


def test_metrics_show_hashing_queue(start_server: StartServer, with_metrics: WithMetrics) -> None:
    server = start_server(login_failures=0)
    port = with_metrics(server).port
    gate = threading.Event()
    throttle = server.server._services.authenticator._throttle
    admit = throttle.retry_after
    throttle.retry_after = lambda address: float(not gate.wait(PATIENCE)) or admit(address)  # type: ignore[method-assign]
    waiting = [server.connect() for _ in range(20)]
    try:
        for client in waiting:
            client.send("LOGIN alice pw-of-alice")
        hashing = sum(thread.name.startswith("hashing") for thread in threading.enumerate())
        settled(port, "lobby_hashing_queue", 20 - hashing)
    finally:
        gate.set()
    settled(port, "lobby_hashing_queue", 0)


def test_healthz_is_ok_until_server_stops(server: RunningServer, with_metrics: WithMetrics) -> None:
    port = with_metrics(server).port
    status, headers, body = ask(port, "/healthz")
    assert (status, body) == (200, "ok\n")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    server.stop()
    status, _, body = ask(port, "/healthz")
    assert (status, body) == (503, "the server is stopping\n")


@pytest.mark.parametrize(
    ("part", "holder"),
    [("acceptor", "_acceptor"), ("flusher", "_delivery"), ("hashing", "_services")],
)
def test_healthz_reports_dead_thread(
    server: RunningServer, with_metrics: WithMetrics, part: str, holder: str
) -> None:
    port = with_metrics(server).port
    dead = threading.Thread(name="dead")
    original = getattr(server.server, holder)
    if holder == "_acceptor":
        thread, original._thread = original._thread, dead
    elif holder == "_delivery":
        flusher, original._flusher = original._flusher, dead
    else:
        original.hash_pool._threads.append(dead)
    try:
        assert ask(port, "/healthz")[::2] == (503, f"the thread '{part}' does not run\n")
    finally:
        if holder == "_acceptor":
            original._thread = thread
        elif holder == "_delivery":
            original._flusher = flusher
        else:
            original.hash_pool._threads.remove(dead)
    assert ask(port, "/healthz")[0] == 200


def test_metrics_server_rejects_other_paths_and_methods(
    server: RunningServer, with_metrics: WithMetrics
) -> None:
    port = with_metrics(server).port
    assert ask(port, "/metrics?name[]=x")[0] == 200
    assert ask(port, "/")[0] == 404
    assert ask(port, "/metrics/")[0] == 404
    assert ask(port, "/metrics", "POST")[0] == 501
    status, headers, body = ask(port, "/metrics", "HEAD")
    assert (status, body) == (200, "")
    assert int(headers["Content-Length"]) > 1000


def test_metrics_server_rejects_foreign_host_header(
    server: RunningServer, with_metrics: WithMetrics
) -> None:
    port = with_metrics(server).port
    for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", ""):
        assert ask(port, "/metrics", host=host)[0] == 403
    for host in ("localhost", f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "[::1]"):
        assert ask(port, "/metrics", host=host)[0] == 200


def test_metrics_server_times_out_slow_requests_and_bounds_threads(
    server: RunningServer, with_metrics: WithMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_server, "_REQUEST_TIMEOUT", 0.3)
    port = with_metrics(server).port
    threads = threading.active_count()
    slow = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(20)]
    try:
        for connection in slow:
            dribble_until_broken_off(connection)
        assert threading.active_count() <= threads + 8
    finally:
        for connection in slow:
            connection.close()
    assert ask(port, "/healthz")[0] == 200


def dribble_until_broken_off(connection: socket.socket) -> None:
    """Send a byte from time to time until the other side has enough."""
    deadline = time.monotonic() + PATIENCE
    connection.settimeout(0.05)
    while True:
        assert time.monotonic() < deadline, "never broken off"
        try:
            connection.send(b"x")
            if connection.recv(1000) == b"":
                return
        except TimeoutError:
            continue
        except ConnectionError:
            return


def test_metrics_server_stop_does_not_wait_for_open_request(
    server: RunningServer, with_metrics: WithMetrics
) -> None:
    metrics = with_metrics(server)
    with socket.create_connection(("127.0.0.1", metrics.port), PATIENCE) as idle:
        idle.send(b"GET /metr")
        assert ask(metrics.port, "/healthz")[0] == 200  # so the idle one was accepted before
        started = time.monotonic()
        metrics.stop()
        assert time.monotonic() - started < 5
        assert idle.recv(100) == b""


def test_server_process_logs_metrics_address_and_serves_it(tmp_path: Path) -> None:
    with ServerProgram(tmp_path / "users.json", "--metrics", "0") as program:
        while (found := re.search(r"\[\*\] Metrics on (.*)/metrics\n", program.log)) is None:
            time.sleep(0.01)
        host, port = found[1].removeprefix("http://").split(":")
        assert host == "127.0.0.1"
        with program.log_in("alice"):
            now = numbers_of(int(port))
        assert now["lobby_sessions"] == 1
        assert now["lobby_fanout_seconds_count"] > 0
        assert ask(int(port), "/healthz")[::2] == (200, "ok\n")
        with pytest.raises(OSError):  # noqa: PT011 - the words differ: that address alone
            socket.create_connection(("127.0.0.2", int(port)), PATIENCE)


def test_metrics_port_in_use_is_one_line_error(tmp_path: Path) -> None:
    with ServerProgram(tmp_path / "users.json") as program:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "chat_server", "--port", "0"),
                *("--users", str(program.users), "--metrics", str(program.port)),
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
    with_it = modules_after(
        "import chat_server.cli.serve, chat_server.observability.metrics_server"
    )
    assert "prometheus_client" in with_it
    assert not with_it & {"asyncio", "textual", "rich"}
