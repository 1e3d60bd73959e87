"""Presence notices over real sockets, about a user that changes the room again and again."""

from __future__ import annotations

from tests.support.running_server import StartServer


def test_moves_of_a_busy_user_reach_watchers_combined_and_unasked(
    start_server: StartServer,
) -> None:
    server = start_server(rate=0, presence_burst=2, presence_seconds=0.5)
    bob = server.log_in("bob")
    alice = server.log_in("alice")
    assert alice.request("/presence on") == "[SERVER] Presence on"
    for number in range(200):
        assert bob.request(f"/join room{number}") == f"[SERVER] Joined room 'room{number}'"
    bob.request("/join lobby")
    read = []
    while (line := alice.read_line()) != "[SERVER] bob joined room 'lobby'":
        read.append(line)
    assert read[:2] == ["[SERVER] bob left room 'lobby'", "[SERVER] Room 'room0' opened"]
    opened = [line for line in read if line is not None and line.endswith("opened")]
    assert len(opened) < 100
    assert alice.request("/rooms") == "[SERVER] Active rooms: lobby (2)"
