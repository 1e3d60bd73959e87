"""The limits on a client's input before and after its login, with a fake clock and real sockets."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

import pytest

from chat_server.access.input_throttle import (
    MAX_LOGIN_BYTES,
    MAX_LOGIN_READS,
    PreLoginThrottle,
    SessionThrottle,
)
from chat_server.wire import CLIENT_LINE_LIMIT
from chat_server.wire.stream import READ_SIZE, InputLimitError, InputThrottle, Stream
from tests.support.fake_clock import FakeClock
from tests.support.wait_until import WAIT_TIMEOUT

PAUSE = 0.05
FREE_READS = 10


def read(throttle: InputThrottle, clock: FakeClock, size: int, reads: int = 1) -> float:
    """Do so many reads as soon as the throttle admits them. Return the seconds that it took."""
    started = clock.now
    for _ in range(reads):
        clock.now += throttle.seconds_to_wait()
        throttle.record(size)
    return clock.now - started


def connected_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    return ours, theirs


def test_reads_of_a_handshake_and_a_login_line_are_not_delayed(clock: FakeClock) -> None:
    assert read(PreLoginThrottle(clock=clock), clock, 1500, FREE_READS) == 0


def test_further_reads_before_login_are_paced(clock: FakeClock) -> None:
    throttle = PreLoginThrottle(clock=clock)
    read(throttle, clock, 1, FREE_READS)
    assert read(throttle, clock, 1, 100) == pytest.approx(100 * PAUSE)


def test_reads_before_login_are_rarer_the_more_clients_there_are(clock: FakeClock) -> None:
    throttle = PreLoginThrottle(lambda: 160, clock)
    read(throttle, clock, 1, FREE_READS)
    assert read(throttle, clock, 1, 10) == pytest.approx(10 * 160 / 320)


def test_number_of_reads_before_login_is_limited(clock: FakeClock) -> None:
    throttle = PreLoginThrottle(clock=clock)
    read(throttle, clock, 1, MAX_LOGIN_READS)
    with pytest.raises(InputLimitError):
        throttle.seconds_to_wait()


def test_bytes_before_login_are_limited(clock: FakeClock) -> None:
    throttle = PreLoginThrottle(clock=clock)
    read(throttle, clock, CLIENT_LINE_LIMIT, MAX_LOGIN_BYTES // CLIENT_LINE_LIMIT)
    with pytest.raises(InputLimitError):
        throttle.seconds_to_wait()


def test_one_read_before_login_takes_at_most_a_line(clock: FakeClock) -> None:
    assert PreLoginThrottle(clock=clock).read_size() == CLIENT_LINE_LIMIT


def test_discarded_input_is_paced_without_a_limit(clock: FakeClock) -> None:
    throttle = PreLoginThrottle(clock=clock)
    read(throttle, clock, 1)
    throttle.discard()
    reads = 2 * MAX_LOGIN_READS
    assert read(throttle, clock, READ_SIZE, reads) == pytest.approx(reads * PAUSE)


def test_session_may_send_its_burst_at_once_and_then_its_rate(clock: FakeClock) -> None:
    throttle = SessionThrottle(40_000, 80_000, clock)
    assert read(throttle, clock, 4_000, 20) == 0
    assert read(throttle, clock, 4_000, 100) == pytest.approx(100 * 4_000 / 40_000, abs=0.2)


def test_tiny_pieces_of_a_session_count_as_more_bytes(clock: FakeClock) -> None:
    throttle = SessionThrottle(40_000, 80_000, clock)
    read(throttle, clock, 1, 1_000)
    assert read(throttle, clock, 1, 1_000) == pytest.approx(1_000 * PAUSE, rel=0.1)


def test_short_lines_at_the_line_rate_never_wait(clock: FakeClock) -> None:
    throttle = SessionThrottle(40_960, 81_920, clock)
    for _ in range(600):
        clock.now += 0.1
        assert throttle.seconds_to_wait() == 0
        throttle.record(20)


def test_session_reads_no_more_than_it_may_send(clock: FakeClock) -> None:
    throttle = SessionThrottle(40_000, 80_000, clock)
    assert throttle.read_size() == READ_SIZE
    throttle.record(READ_SIZE)
    assert throttle.read_size() == 80_000 - READ_SIZE


def test_peer_that_sends_single_bytes_causes_few_reads() -> None:
    ours, theirs = connected_pair()
    theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stopped = threading.Event()

    def dribble() -> None:
        with suppress(OSError):
            while not stopped.is_set():
                theirs.send(b" ")

    stream = Stream(ours)
    stream.throttle = throttle = PreLoginThrottle()
    throttle.discard()  # no limit but the pace
    dribbling = threading.Thread(target=dribble, daemon=True)
    dribbling.start()
    started = time.monotonic()
    reads = 0
    while time.monotonic() < started + 1:
        stream.recv(WAIT_TIMEOUT)
        reads += 1
    elapsed = time.monotonic() - started
    stopped.set()
    stream.close()
    theirs.close()
    dribbling.join(WAIT_TIMEOUT)
    assert reads <= elapsed / PAUSE + 1


@pytest.mark.parametrize("end", ["shutdown", "abort"])
def test_shutdown_by_another_thread_wakes_a_paced_read(end: str) -> None:
    ours, theirs = connected_pair()
    stream = Stream(ours)
    throttle = SessionThrottle(0.001, 1)
    throttle.record(10_000)
    stream.throttle = throttle
    ended = threading.Event()

    def receive() -> None:
        with suppress(OSError):
            stream.recv()
        ended.set()

    reading = threading.Thread(target=receive, daemon=True)
    reading.start()
    getattr(stream, end)()
    assert ended.wait(WAIT_TIMEOUT)
    reading.join()
    stream.close()
    theirs.close()


def test_tiny_tls_records_before_login_are_limited(clock: FakeClock) -> None:
    throttle = PreLoginThrottle(clock=clock)
    throttle.record(4096, tls_records=150)
    assert throttle.seconds_to_wait() == 0
    throttle.record(4096, tls_records=150)
    with pytest.raises(InputLimitError):
        throttle.seconds_to_wait()


def test_tiny_tls_records_of_a_session_count_as_more_bytes(clock: FakeClock) -> None:
    throttle = SessionThrottle(40_960, 81_920, clock)
    throttle.record(65536, tls_records=2400)
    assert throttle.seconds_to_wait() > 10


def test_session_may_send_each_line_in_a_record_of_its_own(clock: FakeClock) -> None:
    throttle = SessionThrottle(40_960, 81_920, clock)
    for _ in range(100):
        throttle.record(1000, tls_records=10)
        clock.now += 0.1
        assert throttle.seconds_to_wait() == 0
