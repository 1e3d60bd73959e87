"""The wire log: bounded, without passwords; and the last action as a shell command."""

from __future__ import annotations

import shlex
from datetime import datetime

import pytest

from chat_tui.input.redaction import redact
from chat_tui.input.shell_commands import LastAction, netcat_line
from chat_tui.model.wire_log import (
    MAX_CHARACTERS,
    MAX_LINES,
    Direction,
    WireLog,
)

NOON = datetime(2026, 11, 22, 12)


def new_wire_log() -> WireLog:
    return WireLog(lambda: NOON)


class TestWireLog:
    def test_wire_log_keeps_both_directions_in_order_with_time(self) -> None:
        wire = new_wire_log()
        wire.note("Connected to x:9000")
        wire.received("[SERVER] Login using: LOGIN <username> <password>")
        wire.sent([b"/who\n", b"hello\n"])
        assert [(line.timestamp, line.direction, line.text) for line in wire.since(0)] == [
            (NOON, Direction.NOTE, "Connected to x:9000"),
            (NOON, Direction.RECEIVED, "[SERVER] Login using: LOGIN <username> <password>"),
            (NOON, Direction.SENT, "/who"),
            (NOON, Direction.SENT, "hello"),
        ]
        assert [line.text for line in wire.since(3)] == ["hello"]
        assert wire.since(4) == []

    @pytest.mark.parametrize(
        ("line", "masked"),
        [
            ("LOGIN alice secret", "LOGIN alice ***"),
            ("LOGIN alice a secret of three", "LOGIN alice ***"),
            ("  login alice secret", "  login alice ***"),
            ("LOGIN  alice  secret", "LOGIN  alice  ***"),
            ("/passwd old new", "/passwd ***"),
            ("LOGIN", "LOGIN"),
            ("LOGIN alice", "LOGIN alice"),
            ("/login", "/login"),
            ("I cannot LOGIN any more", "I cannot LOGIN any more"),
            ("", ""),
        ],
    )
    def test_wire_log_masks_passwords(self, line: str, masked: str) -> None:
        assert redact(line) == masked
        wire = new_wire_log()
        wire.sent([f"{line}\n".encode()])
        assert [kept.text for kept in wire.since(0)] == [masked]
        assert "secret" not in repr(wire._kept)

    def test_wire_log_escapes_control_characters(self) -> None:
        wire = new_wire_log()
        wire.received("\x1b]0;owned\x07\x9b2J")
        assert wire.since(0)[0].text == "␛]0;owned␇\N{REPLACEMENT CHARACTER}2J"

    def test_wire_log_is_bounded_in_lines(self) -> None:
        wire = new_wire_log()
        for number in range(MAX_LINES + 500):
            wire.received(str(number))
        assert (wire.first, wire.end) == (500, MAX_LINES + 500)
        assert [line.text for line in wire.since(0)][:1] == ["500"]
        assert [line.text for line in wire.since(wire.end - 2)] == ["2498", "2499"]

    def test_wire_log_is_bounded_in_characters(self) -> None:
        wire = new_wire_log()
        for _ in range(40):
            wire.received("x" * 65_536)
        assert sum(len(line.text) for line in wire.since(0)) <= MAX_CHARACTERS
        wire.received("y" * (MAX_CHARACTERS + 1))
        assert [line.text[0] for line in wire.since(0)] == ["y"]

    def test_last_action_ignores_action_with_password(self) -> None:
        wire = new_wire_log()
        wire.record_action("lobby", ["hello"])
        wire.record_action("lobby", ["/passwd old new"])
        wire.record_action("lobby", [])
        assert wire.last_action == LastAction("lobby", ("hello",))


def shell_line(room: str, *lines: str, user: str = "alice", pipelining: bool = True) -> str:
    action = LastAction(room, lines)
    return netcat_line("127.0.0.1", 9000, user, action, pipelining=pipelining)


LOGIN = "{ printf 'LOGIN %s %s\\n' alice \"$LOBBY_PASSWORD\"; "


class TestNetcatLine:
    @pytest.mark.parametrize(
        ("room", "lines", "arguments"),
        [
            ("lobby", ["hello"], "hello"),
            ("dev", ["hello", "it's me"], "'/join dev' hello 'it'\"'\"'s me'"),
            ("dev", ["/join ops"], "'/join ops'"),
            ("dev", ["/subscribe *"], "'/subscribe *'"),
            ("dev", ["/msg bob psst"], "'/msg bob psst'"),
            ("dev", ["/me waves"], "'/join dev' '/me waves'"),
            ("dev", ["/who"], "'/join dev' /who"),
            ("dev", ["/who ops"], "'/who ops'"),
            ("lobby", ["//slash"], "//slash"),
            ("lobby", ["a\tb"], "a\"$(printf '\\t')\"b"),
            ("lobby", ["\t"], "\"$(printf '\\t')\""),
        ],
    )
    def test_netcat_line_repeats_action_in_its_room(
        self, room: str, lines: list[str], arguments: str
    ) -> None:
        assert shell_line(room, *lines) == (
            f"{LOGIN}printf '%s\\n' {arguments}; }} | nc -N 127.0.0.1 9000"
        )

    def test_netcat_line_quotes_shell_characters(self) -> None:
        text = "$(id) `id` \"x\" 'y' \\ !! ; | & > * ~ # %s \\n -e"
        assert text in shlex.split(shell_line("lobby", text).replace("; }", " }"))
        assert "'a'\"'\"'b'" in shell_line("lobby", "x", user="a'b")

    def test_netcat_line_for_legacy_server_sends_one_line_at_a_time(self) -> None:
        assert shell_line("dev", "hello", pipelining=False) == (
            f"{LOGIN}sleep 1; printf '%s\\n' '/join dev'; sleep 1; "
            "printf '%s\\n' hello; sleep 1; }"
            " | nc -N 127.0.0.1 9000"
        )

    def test_netcat_line_for_tls_pins_server_key(self) -> None:
        line = netcat_line(
            "::1",
            9001,
            "alice",
            LastAction("lobby", ("hello",)),
            pipelining=True,
            fingerprint="SHA256:" + "A" * 43,
        )
        assert line == (
            f"{LOGIN}printf '%s\\n' hello /quit; }} | openssl s_client -quiet "
            "-verify_return_error -dane_tlsa_domain ::1 -dane_ee_no_namechecks "
            f"-dane_tlsa_rrdata '3 1 1 {'00' * 32}' -connect '[::1]:9001'"
        )
