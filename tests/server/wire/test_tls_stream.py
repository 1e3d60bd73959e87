"""A stream inside TLS: two threads on one connection, and misbehaving peers."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from chat_server.delivery.outbox import Outbox, OutboxState
from chat_server.wire import stream as stream_module
from chat_server.wire.fingerprint import key_fingerprint
from chat_server.wire.stream import Stream
from chat_server.wire.tls_stream import PlaintextPeerError, TlsStream
from tests.support.certificates import server_context, trusting_context

TIMEOUT = 10.0

Sockets = tuple[socket.socket, socket.socket]


@contextmanager
def connected(buffer: int) -> Iterator[Sockets]:
    """Return both ends of a TCP connection, the server's first, with buffers of that many bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        near = socket.socket()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        near.connect(listener.getsockname())
        remote, _ = listener.accept()
    remote.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    with near, remote:
        yield remote, near


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    """Return both ends of a TCP connection, the server's first, with small buffers."""
    with connected(16384) as both:
        yield both


Pair = tuple[TlsStream, TlsStream]


def pair_over(sockets: Sockets, version: ssl.TLSVersion) -> Pair:
    server_side_context, client_side_context = server_context(), trusting_context()
    client_side_context.maximum_version = version
    server = TlsStream(sockets[0], server_side_context, server_side=True)
    client = TlsStream(sockets[1], client_side_context, host="127.0.0.1")
    with ThreadPoolExecutor(1) as other:
        handshake = other.submit(server.handshake, TIMEOUT)
        client.handshake(TIMEOUT)
        handshake.result()
    return server, client


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2], ids=["1.3", "1.2"])
def pair(sockets: Sockets, request: pytest.FixtureRequest) -> Pair:
    """Return server and client after the handshake."""
    return pair_over(sockets, request.param)


def read_all(stream: Stream) -> bytes:
    read = b""
    while data := stream.recv(TIMEOUT):
        read += data
    return read


def send_some(stream: Stream, data: bytes | memoryview) -> int:
    with stream.lock:
        return stream.send_some(data)


def finish(stream: Stream) -> bool:
    with stream.lock:
        return stream.finish()


def numbered_lines(count: int) -> bytes:
    return b"".join(b"%d of them, with something behind to fill a line\n" % n for n in range(count))


def test_tls_stream_transfers_in_both_directions_at_once(pair: Pair) -> None:
    sent = numbered_lines(40_000)

    def read(stream: Stream) -> bytes:
        read = b""
        while len(read) < len(sent):
            read += stream.recv(TIMEOUT)
        return read

    with ThreadPoolExecutor(4) as threads:
        received = [threads.submit(read, stream) for stream in pair]
        sent_all = [threads.submit(stream.send_all, sent) for stream in pair]
        assert all(future.result() is None for future in sent_all)
        assert all(future.result() == sent for future in received)


def test_tls_stream_does_not_resend_retried_bytes(pair: Pair) -> None:
    server, client = pair
    sent = memoryview(numbered_lines(20_000))
    rest = sent
    while taken := send_some(server, rest):
        rest = rest[taken:]
    assert rest, "the buffers took everything, so nothing was offered twice"
    assert send_some(server, rest) == 0
    read = b""
    while rest:
        read += client.recv(TIMEOUT)
        rest = rest[send_some(server, rest) :]
    while not finish(server):
        read += client.recv(TIMEOUT)
    assert read + read_all(client) == bytes(sent)


def test_tls_finish_waits_for_buffered_bytes(pair: Pair) -> None:
    server, client = pair
    sent = memoryview(numbered_lines(20_000))
    taken = total = 0
    while taken := send_some(server, sent[total:]):
        total += taken
    assert not finish(server)
    read = b""
    while not finish(server):
        read += client.recv(TIMEOUT)
    read += read_all(client)
    assert read.startswith(bytes(sent[:total]))
    assert bytes(sent).startswith(read)
    assert not client.truncated


def test_tls_stream_detects_truncated_connection(sockets: Sockets, pair: Pair) -> None:
    server, client = pair
    client.send_all(b"half a li")
    sockets[1].shutdown(socket.SHUT_WR)
    assert server.recv(TIMEOUT) == b"half a li"
    assert server.recv(TIMEOUT) == b""
    assert server.truncated
    assert send_some(server, b"still heard\n") == 12
    assert client.recv(TIMEOUT) == b"still heard\n"


def test_tls_stream_closed_with_unread_input_ends_cleanly(pair: Pair) -> None:
    server, client = pair
    server.send_all(b"the client does not read this\n")  # nor the session tickets of TLS 1.3
    client.finish_and_close()
    assert server.recv(TIMEOUT) == b""
    assert not server.truncated
    assert client.fileno() == -1


def test_finish_and_close_does_not_wait_for_full_buffers(pair: Pair) -> None:
    _, client = pair
    while send_some(client, numbered_lines(20_000)):
        pass
    client.finish_and_close()  # must return, although the server reads nothing
    assert client.fileno() == -1


def test_tls_close_notify_keeps_other_direction_open(pair: Pair) -> None:
    server, client = pair
    client.send_all(b"goodbye\n")
    assert finish(client)
    assert read_all(server) == b"goodbye\n"
    assert not server.truncated
    assert send_some(server, b"more\n") == 5


def test_tls_stream_discards_input_after_own_close(pair: Pair) -> None:
    server, client = pair
    assert finish(server)
    client.send_all(b"too late\n")
    client.shutdown()
    assert server.recv(TIMEOUT) == b""


def test_tls_stream_rejects_tampered_record(sockets: Sockets) -> None:
    server, _ = pair_over(sockets, ssl.TLSVersion.TLSv1_3)
    sockets[1].sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
    with pytest.raises(ssl.SSLError):
        server.recv(TIMEOUT)


@pytest.mark.parametrize("server_side", [True, False])
def test_tls_handshake_times_out_on_silent_peer(sockets: Sockets, server_side: bool) -> None:
    context = server_context() if server_side else trusting_context()
    host = None if server_side else "127.0.0.1"
    stream = TlsStream(sockets[0], context, server_side=server_side, host=host)
    with pytest.raises(TimeoutError):
        stream.handshake(0.05)


def test_tls_handshake_times_out_on_slow_single_bytes(sockets: Sockets) -> None:
    outgoing = ssl.MemoryBIO()
    client = trusting_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = outgoing.read()
    over = threading.Event()

    def send_slowly() -> None:
        for byte in hello[:-1]:
            if over.wait(0.01):
                return
            sockets[1].sendall(bytes([byte]))

    sender = threading.Thread(target=send_slowly)
    sender.start()
    try:
        with pytest.raises(TimeoutError):
            TlsStream(sockets[0], server_context(), server_side=True).handshake(0.2)
    finally:
        over.set()
        sender.join()


@pytest.fixture
def small_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads take a few bytes at a time, so more bytes are always ready."""
    monkeypatch.setattr(stream_module, "READ_SIZE", 16)


INVALID_RECORD = b"\x03\x03\x10\x00" + bytes(0x1000)
"""The rest of a record after its first byte. Its end shows that it is invalid."""


@pytest.mark.usefixtures("small_reads")
def test_tls_handshake_times_out_on_endless_bytes(sockets: Sockets) -> None:
    sockets[1].sendall(b"\x16" + INVALID_RECORD)
    with pytest.raises(TimeoutError):
        TlsStream(sockets[0], server_context(), server_side=True).handshake(0.0)


@pytest.mark.usefixtures("small_reads")
def test_tls_recv_times_out_on_endless_bytes(sockets: Sockets) -> None:
    server, _ = pair_over(sockets, ssl.TLSVersion.TLSv1_3)
    sockets[1].sendall(b"\x17" + INVALID_RECORD)
    with pytest.raises(TimeoutError):
        server.recv(0.0)


def test_plaintext_client_data_is_returned_from_handshake(sockets: Sockets) -> None:
    server = TlsStream(sockets[0], server_context(), server_side=True)
    sockets[1].sendall(b"LOGIN ali")
    sockets[1].sendall(b"ce secret\n")
    with pytest.raises(PlaintextPeerError) as raised:
        server.handshake(TIMEOUT)
    assert raised.value.data.startswith(b"LOGIN ali")
    server.fall_back_to_plaintext()
    assert send_some(server, b"[ERROR] no\n") == 11
    assert sockets[1].recv(100) == b"[ERROR] no\n"
    assert finish(server)
    assert sockets[1].recv(100) == b""


def test_plaintext_server_is_detected_in_handshake(sockets: Sockets) -> None:
    sockets[0].sendall(b"[SERVER] Login using: LOGIN <username> <password>\n")
    with pytest.raises(PlaintextPeerError) as raised:
        TlsStream(sockets[1], trusting_context(), host="127.0.0.1").handshake(TIMEOUT)
    assert raised.value.data == b"[SERVER] Login using: LOGIN <username> <password>\n"


def test_plaintext_data_kept_from_handshake_is_bounded(sockets: Sockets) -> None:
    with ThreadPoolExecutor(1) as other:
        sending = other.submit(sockets[0].sendall, b"x" * 5000)
        with pytest.raises(PlaintextPeerError) as raised:
            TlsStream(sockets[1], trusting_context(), host="127.0.0.1").handshake(TIMEOUT)
        assert len(raised.value.data) <= 1024
        sending.result()


def test_tls_handshake_fails_if_peer_closes(sockets: Sockets) -> None:
    sockets[1].shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionResetError):
        TlsStream(sockets[0], server_context(), server_side=True).handshake(TIMEOUT)


def test_tls_stream_rejects_send_before_handshake(sockets: Sockets) -> None:
    stream = TlsStream(sockets[0], server_context(), server_side=True)
    with pytest.raises(OSError, match="no keys"):
        send_some(stream, b"a secret")


def test_key_fingerprint_is_sha256_of_peer_key(pair: Pair) -> None:
    _, client = pair
    certificate = client.peer_certificate()
    assert certificate is not None
    assert key_fingerprint(certificate).startswith("SHA256:")
    assert len(key_fingerprint(certificate)) == len("SHA256:") + 43


def test_tls_stream_fails_if_peer_does_not_read_tls_replies(pair: Pair) -> None:
    server, client = pair
    while send_some(server, b"x" * 65536):
        pass  # the kernel's buffer is full
    server._outgoing.write(bytes(100_000))  # like OpenSSL's replies to key updates
    client.send_all(b"listen\n")
    with pytest.raises(OSError, match="buffer space"):
        server.recv(TIMEOUT)


def test_outbox_finishes_only_after_close_notify_is_sent(sockets: Sockets, pair: Pair) -> None:
    outbox = Outbox(pair[0], 1000, 100)
    sockets[0].setblocking(False)
    with suppress(BlockingIOError):
        while True:
            sockets[0].send(bytes(65536))
    states = []
    outbox.send_last(b"")
    states.append(outbox.state)
    outbox.flush()
    states.append(outbox.state)
    sockets[1].settimeout(TIMEOUT)
    while outbox.state is OutboxState.FINISHING:
        sockets[1].recv(65536)
        outbox.flush()
    states.append(outbox.state)
    assert states == [OutboxState.FINISHING, OutboxState.FINISHING, OutboxState.HALF_CLOSED]


def test_outbox_progress_counts_partial_tls_records() -> None:
    """Otherwise a client on a slow line would be cut as if it did not read (section 5)."""
    with connected(2048) as sockets:
        server, _ = pair_over(sockets, ssl.TLSVersion.TLSv1_3)
        outbox = Outbox(server, 1 << 20, 1000)
        outbox.send(bytes(500_000))
        sockets[1].settimeout(TIMEOUT)
        records: set[int] = set()
        progressed: set[float] = set()
        while len(records) < 4:
            sockets[1].recv(1000)
            outbox.flush()
            records.add(outbox.backlog)
            progressed.add(outbox.progressed_at)
    assert len(progressed) > 2 * len(records)
