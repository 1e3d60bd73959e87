"""Section 3 of the contract: each command, its reply and its errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat_server.commands.history import HISTORY_SYNTAX
from chat_server.history.sqlite import search_index
from tests.support.running_server import RunningServer, StartServer


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("/join dev", "[SERVER] Joined room 'dev'"),
        ("/join lobby", "[SERVER] You are already in room 'lobby'"),
        ("/join a/b", "[ERROR] Invalid room name: a/b"),
        ("/join none", "[ERROR] Invalid room name: none"),
        ("/join " + "x" * 33, "[ERROR] Invalid room name: " + "x" * 33),
        ("/join cafe\u0301", "[SERVER] Joined room 'café'"),
        ("/join", "[ERROR] Usage: /join <room>"),
        ("/join a b", "[ERROR] Usage: /join <room>"),
        ("/leave", "[SERVER] You are already in room 'lobby'"),
        ("/leave now", "[ERROR] Usage: /leave"),
        ("/rooms", "[SERVER] Active rooms: lobby (1)"),
        ("/rooms x", "[ERROR] Usage: /rooms"),
        ("/subscribe bob", "[SERVER] Subscribed to bob"),
        ("/subscribe *", "[SERVER] Subscribed to *"),
        ("/subscribe alice", "[SERVER] Subscribed to alice"),
        ("/subscribe nobody", "[ERROR] No such user: nobody"),
        ("/subscribe a/b", "[ERROR] No such user: a/b"),
        ("/subscribe", "[ERROR] Usage: /subscribe <user>"),
        ("/unsubscribe bob", "[SERVER] Unsubscribed from bob"),
        ("/unsubscribe *", "[SERVER] Unsubscribed from *"),
        ("/unsubscribe a/b", "[SERVER] Unsubscribed from a/b"),
        ("/unsubscribe", "[ERROR] Usage: /unsubscribe <user>"),
        ("/subs", "[SERVER] Subscriptions: none"),
        ("/subs x", "[ERROR] Usage: /subs"),
        ("/who", "[SERVER] In room 'lobby': alice"),
        ("/who lobby", "[SERVER] In room 'lobby': alice"),
        ("/who dev", "[ERROR] No such room: dev"),
        ("/who a/b", "[ERROR] No such room: a/b"),
        ("/who a b", "[ERROR] Usage: /who [room]"),
        ("/presence on", "[SERVER] Presence on"),
        ("/presence off", "[SERVER] Presence off"),
        ("/presence", "[ERROR] Usage: /presence on|off"),
        ("/presence maybe", "[ERROR] Usage: /presence on|off"),
        ("/presence on off", "[ERROR] Usage: /presence on|off"),
        ("/help me", "[ERROR] Usage: /help"),
        ("/quit now", "[ERROR] Usage: /quit"),
        ("/", "[ERROR] Unknown command: / (try /help)"),
        ("/JOIN dev", "[ERROR] Unknown command: /JOIN (try /help)"),
        ("/msg bob hello", "[ERROR] Not delivered: bob is offline or not subscribed to you"),
        ("/msg alice hello", "[ERROR] Not delivered: alice is offline or not subscribed to you"),
        ("/msg nobody hello", "[ERROR] Not delivered: nobody is offline or not subscribed to you"),
        ("/msg a/b hello", "[ERROR] Not delivered: a/b is offline or not subscribed to you"),
        ("/msg", "[ERROR] Usage: /msg <user> <text>"),
        ("/msg bob", "[ERROR] Usage: /msg <user> <text>"),
        ("/msg bob \x01\x02", "[ERROR] Usage: /msg <user> <text>"),
        ("/me", "[ERROR] Usage: /me <text>"),
        ("/me \x01", "[ERROR] Usage: /me <text>"),
        ("/passwd", "[ERROR] Usage: /passwd <old> <new>"),
        ("/passwd old", "[ERROR] Usage: /passwd <old> <new>"),
        ("/passwd old new newer", "[ERROR] Usage: /passwd <old> <new>"),
        ("/kick bob", "[ERROR] Only operators may use /kick"),
        ("/" + "x" * 100, "[ERROR] Unknown command: /" + "x" * 63 + " (try /help)"),
    ],
)
def test_command_gives_documented_reply(server: RunningServer, line: str, reply: str) -> None:
    assert server.log_in("alice").request(line) == reply


def test_help_lists_one_line_per_command_in_greeting_order(server: RunningServer) -> None:
    client = server.connect()
    client.send("LOGIN alice pw-of-alice", "/help", "/who")
    client.expect_match(r"\[SERVER\] Login using.*")
    client.expect("[SERVER] Login successful")
    listed = client.expect_match(r"\[SERVER\] Available commands: (.*)")[1].split(", ")
    for command in listed:
        client.expect_match(r"\[SERVER\] " + command + r"(( <\w+>)*| \[\w+\]| on\|off) - .+")
    client.expect("[SERVER] In room 'lobby': alice")


def test_quit_replies_goodbye_and_ignores_later_lines(server: RunningServer) -> None:
    bob, alice = server.log_in("bob", subscribe="*"), server.log_in("alice")
    alice.send("before", "/quit", "after")
    alice.expect("[SERVER] Goodbye")
    alice.expect_end()
    bob.expect_message("alice", "before")
    bob.expect_silence()
    assert bob.request("/who") == "[SERVER] In room 'lobby': bob"


def test_unknown_command_is_not_published(server: RunningServer) -> None:
    bob, alice = server.log_in("bob", subscribe="*"), server.log_in("alice")
    assert alice.request("/mgs bob secret") == "[ERROR] Unknown command: /mgs (try /help)"
    alice.send("//mgs bob", "//")
    bob.expect_message("alice", "/mgs bob")
    bob.expect_message("alice", "/")


def test_long_list_is_split_over_several_lines(server: RunningServer) -> None:
    alice = server.log_in("alice")
    users = [f"{'x' * 26}{number:03}" for number in range(60)]
    server.add_accounts(users)
    for name in users:
        assert alice.request(f"/subscribe {name}") == f"[SERVER] Subscribed to {name}"
    alice.send("/subscribe *", "/subs")
    alice.expect("[SERVER] Subscribed to *")
    names: list[str] = []
    more = True
    while more:
        line = alice.expect_match(r"\[SERVER\] Subscriptions: (.*)")
        assert len(line[0].encode()) <= 1000
        more = line[1].endswith(",")
        names += line[1].rstrip(",").split(", ")
    assert names == ["*", *users]


def test_presence_notices_are_sent_after_presence_on(server: RunningServer) -> None:
    alice = server.log_in("alice")
    assert alice.request("/presence on") == "[SERVER] Presence on"
    bob = server.log_in("bob")
    alice.expect("[SERVER] bob joined room 'lobby'")
    bob.send("/join dev")
    bob.expect("[SERVER] Joined room 'dev'")
    alice.expect("[SERVER] bob left room 'lobby'", "[SERVER] Room 'dev' opened")
    bob.reset()
    alice.expect("[SERVER] Room 'dev' closed")


HISTORY_COMMANDS = ("/history", "/search", "/unread", "/stamps", "/erase")


def _listed_and_helped(server: RunningServer) -> tuple[list[str], list[str]]:
    """Return the commands in the greeting and the lines of `/help`."""
    client = server.connect()
    client.send("LOGIN alice pw-of-alice", "/help", "/who")
    client.expect_match(r"\[SERVER\] Login using.*")
    client.expect("[SERVER] Login successful")
    listed = client.expect_match(r"\[SERVER\] Available commands: (.*)")[1].split(", ")
    lines = []
    while (line := client.read_line()) != "[SERVER] In room 'lobby': alice":
        assert line is not None
        lines.append(line.removeprefix("[SERVER] "))
    return listed, lines


def test_server_without_history_does_not_know_its_commands(server: RunningServer) -> None:
    listed, helped = _listed_and_helped(server)
    assert not set(listed) & set(HISTORY_COMMANDS)
    assert not any(line.startswith(HISTORY_COMMANDS) for line in helped)
    alice = server.log_in("alice")
    for command in HISTORY_COMMANDS:
        assert alice.request(command) == f"[ERROR] Unknown command: {command} (try /help)"


@pytest.mark.parametrize(
    ("days", "kept"),
    [(30, "kept for 30 days"), (1, "kept for 1 day"), (0, "kept without a time limit")],
)
def test_server_with_history_lists_its_commands_and_how_long_it_keeps(
    start_server: StartServer, tmp_path: Path, days: int, kept: str
) -> None:
    listed, helped = _listed_and_helped(start_server(history=tmp_path / "h.db", history_days=days))
    position = listed.index("/history")
    assert listed[position - 1 : position + 6] == ["/me", *HISTORY_COMMANDS, "/passwd"]
    assert [line.split(" ", 1)[0] for line in helped] == listed
    (line,) = (line for line in helped if line.startswith("/history"))
    assert f" - read past messages, {kept}; " in line


def test_server_that_cannot_search_does_not_know_search(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "can_search", lambda connection: False)
    server = start_server(history=tmp_path / "h.db")
    listed, _ = _listed_and_helped(server)
    assert "/history" in listed
    assert "/search" not in listed
    alice = server.log_in("alice")
    assert alice.request("/search x") == "[ERROR] Unknown command: /search (try /help)"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("/history before", f"[ERROR] Usage: {HISTORY_SYNTAX}"),
        ("/history with", f"[ERROR] Usage: {HISTORY_SYNTAX}"),
        ("/history with bob before 1h 2 3", f"[ERROR] Usage: {HISTORY_SYNTAX}"),
        ("/history 1 2 3 4 5 6", f"[ERROR] Usage: {HISTORY_SYNTAX}"),
        ("/history 0", "[ERROR] The count must be a whole number from 1 to 200"),
        ("/history with bob 201", "[ERROR] The count must be a whole number from 1 to 200"),
        ("/history after 1h x", "[ERROR] The count must be a whole number from 1 to 200"),
        ("/history new soon", "[ERROR] No such time: soon"),
        ("/history with bob before \x1b[31m", "[ERROR] No such time: [31m"),
        ("/history with nobody", "[ERROR] No such user: nobody"),
        ("/history with a/b 20", "[ERROR] No such user: a/b"),
        ("/search", "[ERROR] Usage: /search <words>"),
        ("/search \x01", "[ERROR] Usage: /search <words>"),
        ("/unread", "[SERVER] Unread: none"),
        ("/unread on", "[SERVER] Unread on"),
        ("/unread off", "[SERVER] Unread off"),
        ("/unread on off", "[ERROR] Usage: /unread [on|off]"),
        ("/stamps on", "[SERVER] Stamps on"),
        ("/stamps off", "[SERVER] Stamps off"),
        ("/stamps", "[ERROR] Usage: /stamps on|off"),
        ("/stamps maybe", "[ERROR] Usage: /stamps on|off"),
        ("/erase", "[ERROR] Usage: /erase <stamp>"),
        ("/erase a b", "[ERROR] Usage: /erase <stamp>"),
        ("/erase bob", "[ERROR] Only operators may use /erase <user>"),
        ("/erase a/b", "[ERROR] Nothing to erase: a/b"),
        (
            "/erase 2026-11-22T14:03:07.000045+01:00",
            "[ERROR] Nothing to erase: 2026-11-22T14:03:07.000045+01:00",
        ),
        ("/msg bob hello", "[SERVER] Kept for bob"),
        ("/msg alice hello", "[ERROR] Not delivered: alice is offline or not subscribed to you"),
        ("/msg nobody hello", "[ERROR] Not delivered: nobody is offline or not subscribed to you"),
    ],
)
def test_command_of_history_gives_documented_reply(
    start_server: StartServer, tmp_path: Path, line: str, reply: str
) -> None:
    server = start_server(history=tmp_path / "h.db")
    assert server.log_in("alice").request(line) == reply
