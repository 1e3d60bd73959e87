"""How long publishers wait for lagging readers: real sockets, and a clock that only waits advance.

No flusher runs, and the thread of the test is the publisher. While it waits, the reader reads.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chat_server.config import Config
from chat_server.delivery import dispatcher
from chat_server.delivery.dispatcher import Dispatcher
from chat_server.delivery.outbox import Outbox, OutboxState
from chat_server.delivery.throttle_credit import ThrottleCredit
from chat_server.wire.stream import Stream
from tests.support.wait_until import until

CONFIG = Config(max_clients=1)
BATCH = b"x" * 65535 + b"\n"
MEBIBYTE = 1024 * 1024
FIRST_BYTES = 256 * 1024

Step = Callable[[float, "Receiver"], int]
"""The reader: reads what it wants to have read at a time, and returns how many bytes."""


class Receiver:
    """The socket of the reader. The kernel, which the clock does not know, gets its time."""

    def __init__(self, client: socket.socket, server: Stream) -> None:
        self._client = client
        self._server = server

    def read(self, size: int) -> int:
        """Read up to `size` bytes of those that the server's kernel has. Return how many."""
        received = 0
        while received < size:
            try:
                data = self._client.recv(size - received, socket.MSG_DONTWAIT)
            except BlockingIOError:
                if not self._server.unacknowledged():
                    break
                select.select([self._client], [], [], 0.001)  # bytes or acknowledgements travel
                continue
            except ConnectionResetError:
                break
            if not data:
                break
            received += len(data)
        return received

    def acknowledged(self) -> int:
        """Return how many bytes the reader's system has acknowledged."""
        return self._server.acknowledged() or 0


class WaitingClock:
    """The clock of the dispatcher, and its condition: a wait lets the reader read instead."""

    def __init__(self, step: Step, receiver: Receiver) -> None:
        self.now = 0.0
        self.received = 0
        self.progressed_at = 0.0
        self._acknowledged = 0
        self._step = step
        self._receiver = receiver

    def monotonic(self) -> float:
        return self.now

    def wait(self, timeout: float) -> bool:
        if (acknowledged := self._receiver.acknowledged()) > self._acknowledged:
            self._acknowledged = acknowledged
            self.progressed_at = self.now
        self.now += timeout
        self.received += self._step(self.now, self._receiver)
        return False

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


class Publishing:
    """One publisher at full speed and one reader."""

    def __init__(self, delivery: Dispatcher, outbox: Outbox, clock: WaitingClock) -> None:
        self.outbox = outbox
        self._delivery = delivery
        self._clock = clock

    @property
    def waited(self) -> float:
        """Seconds that the publisher has waited."""
        return self._clock.now

    @property
    def waited_in_vain(self) -> float:
        """Seconds that the publisher has waited since the reader acknowledged something."""
        return self._clock.now - self._clock.progressed_at

    @property
    def received(self) -> int:
        return self._clock.received

    def publish(self, size: int, batch: bytes = BATCH) -> None:
        """Publish so many bytes, or until the reader is cut."""
        left = size
        while left > 0 and self.outbox.state is OutboxState.OPEN:
            with self._delivery.batch() as batch_of_publisher:
                self._delivery.deliver((self.outbox,), batch)
                batch_of_publisher.add((self.outbox,))
            left -= len(batch)


@contextmanager
def publishing(
    monkeypatch: pytest.MonkeyPatch, step: Step, *, receive_buffer: int
) -> Iterator[Publishing]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
    stream = Stream(accepted)
    outbox = Outbox(stream, CONFIG.outbox, CONFIG.lag_threshold)
    delivery: Any = Dispatcher(CONFIG)
    clock = WaitingClock(step, Receiver(client, stream))
    monkeypatch.setattr(dispatcher, "time", clock)
    monkeypatch.setattr(delivery._flusher, "_progress", clock)
    monkeypatch.setattr(delivery._flusher, "wake", lambda: None)
    try:
        yield Publishing(delivery, outbox, clock)
    finally:
        outbox.close()
        client.close()


def steady_reader(rate: int, interval: float) -> Step:
    """Return a reader of so many bytes per second, which takes nothing for an interval each.

    It takes the first bytes as they come: more than the system of a client acknowledges that never
    reads.
    """
    due = 0.0
    wanted = FIRST_BYTES

    def step(now: float, receiver: Receiver) -> int:
        nonlocal due, wanted
        if now < due:
            return 0
        size = receiver.read(wanted)
        wanted -= size
        if not wanted:
            due = (due or now) + interval
            wanted = int(interval * rate)
        return size

    return step


@pytest.mark.parametrize(
    ("receive_buffer", "interval"),
    [(200_000, 0.05), (4 * MEBIBYTE, 0.3), (4 * MEBIBYTE, 0.6)],
)
def test_steady_reader_that_takes_nothing_for_a_while_receives_everything(
    monkeypatch: pytest.MonkeyPatch, receive_buffer: int, interval: float
) -> None:
    with publishing(
        monkeypatch, steady_reader(2_000_000, interval), receive_buffer=receive_buffer
    ) as run:
        run.publish(24 * MEBIBYTE)
        assert run.outbox.state is OutboxState.OPEN
        # The rest is in the outbox and the kernel's buffers.
        assert run.received > 14 * MEBIBYTE


def test_reader_that_never_reads_delays_publisher_by_one_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with publishing(monkeypatch, lambda *_: 0, receive_buffer=64 * 1024) as run:
        run.publish(24 * MEBIBYTE)
        assert run.outbox.was_too_slow
        assert run.waited == pytest.approx(CONFIG.tuning.throttle_seconds)


def test_reader_that_stops_reading_delays_publisher_by_one_second_in_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steady = steady_reader(2_000_000, 0.05)

    def step(now: float, receiver: Receiver) -> int:
        return steady(now, receiver) if now < 2.0 else 0

    with publishing(monkeypatch, step, receive_buffer=200_000) as run:
        run.publish(24 * MEBIBYTE)
        assert run.outbox.was_too_slow
        assert run.received > MEBIBYTE
        # What its system acknowledges until its buffer is full still counts.
        assert run.waited > 2.0
        assert run.waited_in_vain <= 1.0 + CONFIG.tuning.throttle_seconds


@pytest.mark.parametrize("size", [1, 200])
def test_reader_pays_for_all_waits_with_bytes_that_it_takes(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    receive_buffer = 4096
    taken = 0

    def trickle(_: float, receiver: Receiver) -> int:
        nonlocal taken
        received = receiver.read(size if taken > FIRST_BYTES else MEBIBYTE)
        taken += received
        return received

    with publishing(monkeypatch, trickle, receive_buffer=receive_buffer) as run:
        run.publish(3 * MEBIBYTE, batch=b"x" * 999 + b"\n")
        assert run.outbox.was_too_slow
        assert run.received > FIRST_BYTES
        acknowledged = run.received + 2 * receive_buffer
        assert run.waited <= CONFIG.tuning.throttle_seconds + acknowledged / 65536


def test_waits_of_several_publishers_at_once_spend_credit_once() -> None:
    credit = ThrottleCredit()
    credit.earn(10 * MEBIBYTE)
    assert credit.seconds == 1.0
    credit.spend(10.0, 10.25)
    credit.spend(10.0, 10.25)
    credit.spend(10.125, 10.5)
    assert credit.seconds == 0.5
    credit.earn(10 * MEBIBYTE)  # nothing new
    assert credit.seconds == 0.5
    credit.spend(11.0, 12.0)
    assert credit.seconds == 0.0
    credit.earn(10 * MEBIBYTE + 16384)
    assert credit.seconds == 0.25


def test_backlog_that_the_kernel_takes_earns_credit_where_nothing_else_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Stream, "acknowledged", lambda _: None)
    with publishing(
        monkeypatch, steady_reader(2_000_000, 0.05), receive_buffer=4 * MEBIBYTE
    ) as run:
        run.publish(24 * MEBIBYTE)
        assert run.outbox.state is OutboxState.OPEN


def test_closed_stream_reports_no_acknowledged_bytes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    stream = Stream(accepted)
    stream.send_all(b"line\n")
    with client:
        until(lambda: stream.acknowledged() in (5, None), "the line is acknowledged")
    stream.close()
    assert stream.acknowledged() is None
