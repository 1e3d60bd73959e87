"""Section 1 of the contract: framing, limits, encoding and control characters."""

from __future__ import annotations

import resource

from tests.support.running_server import RunningServer, StartServer

TOO_LONG = "[ERROR] Line too long (limit 4096 bytes)"
NOT_UTF8 = "[ERROR] Line is not valid UTF-8"


def test_lines_are_reassembled_from_any_chunks(server: RunningServer) -> None:
    bob, alice = server.log_in("bob", subscribe="alice"), server.log_in("alice")
    for byte in "grüß dich\r\n".encode():
        alice.send_raw(bytes([byte]))
    alice.send_raw(b"one\ntwo\nthr")
    alice.send_raw(b"ee\n")
    for text in ("grüß dich", "one", "two", "three"):
        bob.expect_message("alice", text)


def test_line_of_exactly_the_limit_is_published_whole(server: RunningServer) -> None:
    bob, alice = server.log_in("bob", subscribe="alice"), server.log_in("alice")
    alice.send("x" * 4095)
    bob.expect_message("alice", "x" * 4095)


def test_too_long_line_is_rejected_at_once_and_connection_continues(server: RunningServer) -> None:
    bob, alice = server.log_in("bob", subscribe="alice"), server.log_in("alice")
    alice.send("before")
    alice.send_raw(b"x" * 4096)
    alice.expect(TOO_LONG)
    alice.send_raw(b"y" * 100_000 + b"\nafter\n")
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice, bob"
    bob.expect_message("alice", "before")
    bob.expect_message("alice", "after")


def test_endless_line_uses_bounded_memory(server: RunningServer) -> None:
    alice = server.log_in("alice")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(160):
        alice.send_raw(b"x" * 65536)
    alice.expect(TOO_LONG)
    alice.send_raw(b"\n")
    assert alice.request("/who") == "[SERVER] In room 'lobby': alice"
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 2048


def test_invalid_utf8_is_rejected_and_connection_continues(
    server: RunningServer,
) -> None:
    bob, alice = server.log_in("bob", subscribe="alice"), server.log_in("alice")
    for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", "é".encode()[:1]):
        alice.send_raw(bad + b"\n")
        alice.expect(NOT_UTF8)
    alice.send("fine")
    bob.expect_message("alice", "fine")


def test_trailing_white_space_is_stripped_and_blank_lines_ignored(server: RunningServer) -> None:
    bob, alice = server.log_in("bob", subscribe="alice"), server.log_in("alice")
    alice.send("", "   ", "\t\u3000", "  indented \t ", " /join dev")
    bob.expect_message("alice", "  indented")
    bob.expect_message("alice", " /join dev")
    alice.expect_silence()


def test_control_characters_are_never_published(server: RunningServer) -> None:
    bob, alice = server.log_in("bob", subscribe="alice"), server.log_in("alice")
    alice.send(
        "\x1b]0;owned\x07red\x1b[31m\x9b2J", "\x1b\x07", "a\u2028[SERVER] forged", "tab\there"
    )
    alice.send("admin\u202etxt.exe", "\x01/quit")
    for text in ("]0;ownedred[31m2J", "a[SERVER] forged", "tab\there", "admintxt.exe", "/quit"):
        bob.expect_message("alice", text)
    assert alice.request("/join \x1b[2J") == "[ERROR] Invalid room name: [2J"
    assert alice.request("/\x1b[2J") == "[ERROR] Unknown command: /[2J (try /help)"
    assert alice.request("/join " + "x" * 200) == "[ERROR] Invalid room name: " + "x" * 64


def test_half_closed_client_gets_all_replies(start_server: StartServer) -> None:
    server = start_server()
    bob = server.log_in("bob", subscribe="*")
    script = server.connect()
    script.send("LOGIN alice pw-of-alice", "one", "/who")
    script.send_raw(b"last without newline")
    script.send_eof()
    lines = []
    while (line := script.read_line()) is not None:
        lines.append(line)
    assert lines[-1] == "[SERVER] In room 'lobby': alice, bob"
    bob.expect_message("alice", "one")
    bob.expect_message("alice", "last without newline")


def test_unterminated_login_line_is_accepted_at_end_of_input(server: RunningServer) -> None:
    client = server.connect()
    client.send_raw(b"LOGIN alice pw-of-alice")
    client.send_eof()
    client.expect_match(r"\[SERVER\] Login using: .*")
    client.expect("[SERVER] Login successful")


def test_pipelined_commands_are_answered_in_order(server: RunningServer) -> None:
    alice = server.log_in("alice")
    alice.send(*(f"/join r{number}" for number in range(500)))
    alice.expect(*(f"[SERVER] Joined room 'r{number}'" for number in range(500)))
