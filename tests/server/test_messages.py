"""Section 4 of the contract: the recipients of messages, their order, and room changes."""

from __future__ import annotations

import re
import threading

from tests.support.running_server import RunningServer, StartServer
from tests.support.wire_client import WireClient


def test_message_reaches_only_subscribers_in_same_room(server: RunningServer) -> None:
    alice = server.log_in("alice")
    bob = server.log_in("bob", subscribe="alice")
    carol = server.log_in("carol")
    dave = server.log_in("dave", subscribe="*")
    dave.send("/join dev")
    dave.expect("[SERVER] Joined room 'dev'")
    alice.send("hello")
    bob.expect_message("alice", "hello")
    for client in (alice, carol, dave):
        client.expect_silence()


def test_echo_is_sent_only_with_self_subscription(server: RunningServer) -> None:
    alice = server.log_in("alice", subscribe="*")
    alice.send("not for me")
    alice.expect_silence()
    alice.send("/subscribe alice", "for me")
    alice.expect("[SERVER] Subscribed to alice")
    alice.expect_message("alice", "for me")
    again = server.log_in("alice")
    assert again.request("/subs") == "[SERVER] Subscriptions: *"


def test_all_subscribers_receive_all_messages_in_order(
    start_server: StartServer,
) -> None:
    server = start_server(rate=0)
    publishers = [f"p{number}" for number in range(4)]
    subscribers = [f"s{number}" for number in range(8)]
    server.add_accounts([*publishers, *subscribers])
    subscribed = [server.log_in(name, subscribe="*") for name in subscribers]
    publishing = [server.log_in(name) for name in publishers]
    received: list[dict[str, list[int]]] = [{name: [] for name in publishers} for _ in subscribers]

    def read(client: WireClient, into: dict[str, list[int]]) -> None:
        for _ in range(4 * 500):
            match = client.expect_match(r"\[..:..:..\] (p\d): (\d+)")
            into[match[1]].append(int(match[2]))

    def publish(client: WireClient) -> None:
        for start in range(0, 500, 7):
            client.send(*(str(number) for number in range(start, min(start + 7, 500))))

    threads = [
        *(
            threading.Thread(target=read, args=pair)
            for pair in zip(subscribed, received, strict=True)
        ),
        *(threading.Thread(target=publish, args=(client,)) for client in publishing),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(
        numbers == list(range(500))
        for by_publisher in received
        for numbers in by_publisher.values()
    )
    for client in subscribed:
        client.expect_silence()


def test_room_changes_never_deliver_messages_of_other_rooms(server: RunningServer) -> None:
    rooms = ["r0", "r1", "r2"]
    server.add_accounts([f"noisy-{room}" for room in rooms])
    stop = threading.Event()
    publishing = []
    for room in rooms:
        client = server.log_in(f"noisy-{room}")
        client.send(f"/join {room}")
        client.expect(f"[SERVER] Joined room '{room}'")
        publishing.append((room, client))

    def publish_forever(room: str, client: WireClient) -> None:
        while not stop.is_set():
            client.send(*[f"from {room}"] * 20, "/rooms")
            client.expect_match(r"\[SERVER\] Active rooms: .*")

    threads = [threading.Thread(target=publish_forever, args=pair) for pair in publishing]
    for thread in threads:
        thread.start()
    mover = server.log_in("alice", subscribe="*")
    here, foreign, messages = "lobby", [], 0
    for hop in range(300):
        target = rooms[hop % 3]
        mover.send(f"/join {target}")
        while here != target or messages < hop:
            line = mover.read_line()
            assert line is not None
            joined = re.fullmatch(r"\[SERVER\] Joined room '(\w+)'", line)
            if joined:
                here = joined[1]
            else:
                messages += 1
                if not line.endswith(f"from {here}"):
                    foreign.append((here, line))
    stop.set()
    for thread in threads:
        thread.join(30)
    assert foreign == []
