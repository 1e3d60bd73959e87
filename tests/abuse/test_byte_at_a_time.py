"""Clients that send or read one byte at a time."""

from __future__ import annotations

import selectors
import threading

from tests.abuse.scenario import AbuseScenario, outbox_of
from tests.support.running_server import StartServer
from tests.support.wait_until import poll
from tests.support.wire_client import WireClient

PACE = 0.05
"""Seconds between two bytes of one client. Real clients of this kind wait a second."""


def test_single_bytes_do_not_extend_login_timeout(start_server: StartServer) -> None:
    server = start_server(rate=0, login_timeout=0.6)
    subscriber, publisher = server.log_in("bob", subscribe="*"), server.log_in("alice")
    line = b"LOGIN dave " + b"x" * 4000
    with selectors.DefaultSelector() as waiting:
        for _ in range(50):
            stranger = server.connect()
            stranger.expect_match(r"\[SERVER\] Login using: .*")
            waiting.register(stranger.socket, selectors.EVENT_READ, stranger)
        for _ in poll(lambda: not waiting.get_map(), "every stranger times out"):
            for stranger in _clients(waiting):
                stranger.send_raw(line[:1])
            line = line[1:]
            publisher.send("meanwhile")
            subscriber.expect_message("alice", "meanwhile")
            for key, _ in waiting.select(PACE):
                stranger = key.data
                stranger.expect("[ERROR] Login timed out")
                stranger.expect_end()
                waiting.unregister(stranger.socket)
                stranger.close()


def _clients(waiting: selectors.BaseSelector) -> list[WireClient]:
    return [key.data for key in waiting.get_map().values()]


def test_lines_sent_byte_by_byte_are_published_whole(start_server: StartServer) -> None:
    server = start_server(rate=0)
    people = [f"user-{number}" for number in range(30)]
    server.add_accounts(people)
    subscriber = server.log_in("bob", subscribe="*")
    typists = {name: server.log_in(name) for name in people}
    for number, byte in enumerate("hé, 日本 ½\n//half\n".encode()):
        for client in typists.values():
            client.send_raw(bytes([byte]))
        threading.Event().wait(PACE / 5 if number % 5 == 0 else 0)
    received: dict[str, list[str]] = {name: [] for name in people}
    for _ in range(2 * len(people)):
        match = subscriber.expect_match(r"\[\d\d:\d\d:\d\d\] ([^ :]+): (.*)")
        received[match[1]].append(match[2])
    assert received == {name: ["hé, 日本 ½", "/half"] for name in people}


def test_reader_of_single_bytes_receives_everything_in_order(start_server: StartServer) -> None:
    scenario = AbuseScenario(start_server(rate=0, outbox=256 * 1024))
    alice = scenario.log_in_unread_alice()
    outbox = outbox_of(scenario.server, alice)
    scenario.publisher.send(*map(str, range(1000)))
    for number in range(1000):
        scenario.subscriber.expect_message("bob", str(number))
    assert outbox.backlog > outbox.lag_threshold
    scenario.publisher.send("the end")
    scenario.subscriber.expect_message("bob", "the end")
    texts = [line.split("bob: ")[1] for line in _byte_by_byte(alice, "the end")]
    long_ones = texts[:-1001]
    assert set(long_ones) == {"x" * 4000}
    assert texts[-1001:] == [*map(str, range(1000)), "the end"]
    scenario.clear()


def _byte_by_byte(client: WireClient, last: str) -> list[str]:
    """Return the lines up to the one that ends in `last`."""
    taken = bytearray()
    while not taken.endswith(f"{last}\n".encode()):
        byte = client.socket.recv(1)
        assert byte, "the stream ends before its last line"
        taken += byte
    return taken.decode().splitlines()
