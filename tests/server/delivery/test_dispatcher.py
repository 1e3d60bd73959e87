"""The dispatcher with real sockets: order, last lines, backlogs, throttling and the batch."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from chat_server.config import Config
from chat_server.delivery.dispatcher import Dispatcher
from chat_server.delivery.outbox import Outbox, OutboxState
from chat_server.tuning import Tuning
from chat_server.wire.stream import Stream
from tests.support.wait_until import WAIT_TIMEOUT

TUNING = Tuning(linger_seconds=0.1, flush_seconds=0.3)
CONFIG = Config(max_clients=1, outbox=256 * 1024, tuning=TUNING)
LARGER_THAN_BUFFERS = b"x" * 65535 + b"\n"


@dataclass
class ReceiverHarness:
    """A connection: the server's side as an outbox, the client's side as a socket."""

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
    receivers: list[ReceiverHarness] = []

    def make() -> ReceiverHarness:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(10)
            client.connect(listener.getsockname())
            accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        receivers.append(
            ReceiverHarness(Outbox(Stream(accepted), CONFIG.outbox, CONFIG.lag_threshold), client)
        )
        return receivers[-1]

    yield make
    for receiver in receivers:
        receiver.outbox.close()
        receiver.client.close()


def test_concurrent_deliveries_keep_order_per_publisher(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness]
) -> None:
    receivers = [connect() for _ in range(3)]
    targets = tuple(receiver.outbox for receiver in receivers)

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
    for index, receiver in enumerate(receivers):
        with receiver.client.makefile() as read:
            received = list(read)
        assert received.pop() == "end\n"
        for name in range(4):
            numbers = [int(text.split()[1]) for text in received if text.startswith(f"{name} ")]
            assert numbers == [number for number in range(300) if number % 3 >= index]


def test_nothing_is_sent_after_last_line(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness]
) -> None:
    receiver, other = connect(), connect()
    delivery.deliver((receiver.outbox, other.outbox), b"one\n")
    delivery.deliver((receiver.outbox,), b"last\n", last=True)
    delivery.deliver((receiver.outbox, other.outbox), b"after\n")
    delivery.drain()
    assert receiver.read(100) == b"one\nlast\n"
    assert other.read(10) == b"one\nafter\n"
    assert receiver.outbox.state is OutboxState.HALF_CLOSED


def test_flusher_sends_remaining_backlog(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness]
) -> None:
    receiver = connect()
    for number in range(10):
        delivery.deliver((receiver.outbox,), b"%d" % number * 20_000)
        delivery.drain()
    assert receiver.outbox.backlog
    delivery.deliver((receiver.outbox,), b"end", last=True)
    delivery.drain()
    assert receiver.read(1_000_000) == b"".join(b"%d" % n * 20_000 for n in range(10)) + b"end"


def test_full_outbox_resets_slow_reader(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness]
) -> None:
    receiver = connect()
    while receiver.outbox.state is OutboxState.OPEN:
        delivery.deliver((receiver.outbox,), LARGER_THAN_BUFFERS)
        delivery.drain()
        # On a busy machine the flusher may not run in time. If everything in the send buffer fits
        # into the receive buffer, the end of the stream arrives before the reset.
        receiver.outbox.flush()
    assert receiver.outbox.was_too_slow
    receiver.outbox.close()
    with pytest.raises(ConnectionResetError):
        receiver.read(10_000_000)


def test_publisher_is_throttled_once_for_stuck_reader(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness], monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, good = connect(), connect()
    targets = (stuck.outbox, good.outbox)
    while stuck.outbox.backlog <= CONFIG.lag_threshold:
        delivery.deliver((stuck.outbox,), LARGER_THAN_BUFFERS)
        delivery.drain()
    waits: list[float] = []
    wait = delivery._flusher._progress.wait

    def counted_wait(timeout: float) -> bool:
        waits.append(timeout)
        return wait(timeout)

    monkeypatch.setattr(delivery._flusher._progress, "wait", counted_wait)
    for _ in range(50):  # until the kernel's own buffers have stopped growing
        delivery.wait_for_lagging([targets])
        if not stuck.outbox.throttle_credit():
            break
    assert waits
    assert max(waits) <= CONFIG.tuning.throttle_seconds
    assert not stuck.outbox.throttle_credit()
    waits.clear()
    delivery.wait_for_lagging([targets])
    assert not waits
    while not stuck.outbox.throttle_credit():  # it reads again, and has to take some
        assert stuck.read(len(LARGER_THAN_BUFFERS))
        delivery.deliver((stuck.outbox,), LARGER_THAN_BUFFERS)
        delivery.drain()


def test_wait_flushed_returns_if_stuck_reader_is_cut(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness]
) -> None:
    receiver = connect()
    delivery.deliver((receiver.outbox,), LARGER_THAN_BUFFERS * 3, last=True)
    delivery.drain()
    assert receiver.outbox.backlog
    delivery.wait_flushed(receiver.outbox)
    assert receiver.outbox.state is OutboxState.ABORTED


def test_batch_drains_at_end_and_at_flush(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness]
) -> None:
    receiver = connect()
    with delivery.batch() as batch:
        delivery.deliver((receiver.outbox,), b"one\n")
        assert delivery.backlog() == (4, 0)
        batch.flush()
        assert receiver.read(4) == b"one\n"
        delivery.deliver((receiver.outbox,), b"two\n")
    assert receiver.read(4) == b"two\n"
    assert delivery.backlog() == (0, 0)


def test_batch_throttles_for_its_recipients_and_own_client(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, reader, other = connect(), connect(), connect()
    while other.outbox.backlog <= CONFIG.lag_threshold:
        delivery.deliver((other.outbox,), LARGER_THAN_BUFFERS)
        delivery.drain()
    throttled: list[set[Outbox]] = []
    monkeypatch.setattr(
        delivery, "wait_for_lagging", lambda recipients: throttled.append(set().union(*recipients))
    )
    batch = delivery.batch(own.outbox)
    recipients = (reader.outbox,)
    with batch:
        batch.add(recipients)
        batch.add(recipients)
    with batch:
        pass
    assert throttled == [{own.outbox, reader.outbox}, {own.outbox}]
    with pytest.raises(ConnectionResetError), batch:
        raise ConnectionResetError
    assert len(throttled) == 2


def test_settle_waits_for_thread_that_sends_what_was_queued(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness]
) -> None:
    receiver = connect()
    delivery.settle()  # nothing is queued
    delivery.deliver((receiver.outbox,), b"queued\n")
    with delivery._drain_lock:  # as held by a thread that sends for all
        settled = threading.Thread(target=delivery.settle)
        settled.start()
        settled.join(0.05)
        assert settled.is_alive()
    settled.join()
    assert receiver.read(7) == b"queued\n"
    assert not delivery._queue


def test_settle_does_not_wait_for_what_is_queued_later(
    delivery: Dispatcher, connect: Callable[[], ReceiverHarness]
) -> None:
    receiver = connect()
    stop = threading.Event()

    def keep_queueing() -> None:
        while not stop.is_set():
            delivery.deliver((receiver.outbox,), b"")

    publisher = threading.Thread(target=keep_queueing)
    publisher.start()
    try:
        settled = threading.Thread(target=delivery.settle)
        settled.start()
        settled.join(WAIT_TIMEOUT)
        assert not settled.is_alive()
    finally:
        stop.set()
        publisher.join()
    delivery.settle()
