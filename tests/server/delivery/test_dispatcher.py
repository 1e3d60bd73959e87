"""Delivery to real sockets: order, last lines, backlogs, and who waits for whom."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from chat_server.config import Config, Tuning
from chat_server.delivery.dispatcher import Dispatcher
from chat_server.delivery.outbox import Outbox, OutboxState
from chat_server.wire.stream import Stream

TUNING = Tuning(linger_seconds=0.1, flush_seconds=0.3)
CONFIG = Config(max_clients=1, outbox=256 * 1024, tuning=TUNING)
MORE_THAN_BUFFERS_TAKE = b"x" * 65535 + b"\n"


@dataclass
class ReceiverHarness:
    """A connection: the server's end as an outbox, the client's end as a socket."""

    outbox: Outbox
    client: socket.socket

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = self.client.recv(size - len(data))
            if not chunk:
                break
            data += chunk
        return data


@pytest.fixture
def delivery() -> Iterator[Dispatcher]:
    delivery = Dispatcher(CONFIG)
    delivery.start()
    yield delivery
    delivery.stop()


@pytest.fixture
def connect(delivery: Dispatcher) -> Iterator[Callable[[], ReceiverHarness]]:
    lines: list[ReceiverHarness] = []

    def make() -> ReceiverHarness:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(10)
            client.connect(listener.getsockname())
            accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        lines.append(
            ReceiverHarness(Outbox(Stream(accepted), CONFIG.outbox, CONFIG.lag_threshold), client)
        )
        return lines[-1]

    yield make
    for line in lines:
        line.outbox.close()
        line.client.close()


def test_concurrent_deliveries_keep_order_per_publisher(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness]
) -> None:
    lines = [connect() for _ in range(3)]
    targets = tuple(line.outbox for line in lines)

    def publish(name: int) -> None:
        for number in range(300):
            delivery.deliver(targets[: 1 + number % 3], f"{name} {number}\n".encode())
            delivery.drain()

    threads = [threading.Thread(target=publish, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    delivery.deliver(targets, b"end\n", last=True)
    delivery.drain()
    for index, line in enumerate(lines):
        with line.client.makefile() as read:
            received = list(read)
        assert received.pop() == "end\n"
        for name in range(4):
            numbers = [int(text.split()[1]) for text in received if text.startswith(f"{name} ")]
            assert numbers == [number for number in range(300) if number % 3 >= index]


def test_nothing_is_sent_after_last_line(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness]
) -> None:
    line, other = connect(), connect()
    delivery.deliver((line.outbox, other.outbox), b"one\n")
    delivery.deliver((line.outbox,), b"last\n", last=True)
    delivery.deliver((line.outbox, other.outbox), b"after\n")
    delivery.drain()
    assert line.read(100) == b"one\nlast\n"
    assert other.read(10) == b"one\nafter\n"
    assert line.outbox.state is OutboxState.FINISHED


def test_flusher_sends_remaining_backlog(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness]
) -> None:
    line = connect()
    for number in range(10):
        delivery.deliver((line.outbox,), b"%d" % number * 20_000)
        delivery.drain()
    assert line.outbox.backlog
    delivery.deliver((line.outbox,), b"end", last=True)
    delivery.drain()
    assert line.read(1_000_000) == b"".join(b"%d" % n * 20_000 for n in range(10)) + b"end"


def test_full_outbox_resets_slow_reader(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness]
) -> None:
    line = connect()
    while line.outbox.state is OutboxState.OPEN:
        delivery.deliver((line.outbox,), MORE_THAN_BUFFERS_TAKE)
        delivery.drain()
    assert line.outbox.was_too_slow
    line.outbox.close()
    with pytest.raises(ConnectionResetError):
        line.read(10_000_000)


def test_publisher_is_throttled_once_for_stuck_reader(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness], monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, good = connect(), connect()
    targets = (stuck.outbox, good.outbox)
    while stuck.outbox.backlog <= CONFIG.lag_threshold:
        delivery.deliver((stuck.outbox,), MORE_THAN_BUFFERS_TAKE)
        delivery.drain()
    waits: list[float] = []
    wait = delivery._below_limit.wait

    def counted_wait(timeout: float) -> bool:
        waits.append(timeout)
        return wait(timeout)

    monkeypatch.setattr(delivery._below_limit, "wait", counted_wait)
    for _ in range(50):  # until the kernel's own buffers have stopped growing
        delivery.throttle([targets])
        if stuck.outbox.throttle_exhausted:
            break
    assert waits
    assert max(waits) <= CONFIG.tuning.throttle_seconds
    assert stuck.outbox.throttle_exhausted
    waits.clear()
    delivery.throttle([targets])
    assert not waits
    stuck.read(CONFIG.lag_threshold)
    while stuck.outbox.throttle_exhausted:
        stuck.read(1000)


def test_settle_cuts_stuck_reader(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness]
) -> None:
    line = connect()
    delivery.deliver((line.outbox,), MORE_THAN_BUFFERS_TAKE * 3, last=True)
    delivery.drain()
    assert line.outbox.backlog
    delivery.wait_flushed(line.outbox)
    assert line.outbox.state is OutboxState.CUT
