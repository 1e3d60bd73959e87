"""The phases of a connection, and what a protocol does without a session."""

from __future__ import annotations

from chat_tui import events
from chat_tui.input import parse_submission
from chat_tui.protocol import ClientProtocol, EndReason, ProtocolState
from tests.support.protocol_harness import (
    ACCEPTED,
    ALL,
    PROMPT,
    ProtocolHarness,
    online,
    online_legacy,
)


def test_state_changes_at_login_and_at_end() -> None:
    harness = ProtocolHarness().server(PROMPT, ACCEPTED)
    states = [harness.protocol.state]
    harness.server(f"[SERVER] Available commands: {ALL}")
    states.append(harness.protocol.state)
    states.append(harness.breaks().protocol.state)
    assert states == [ProtocolState.LOGIN, ProtocolState.CHAT, ProtocolState.CLOSED]


def test_closed_protocol_answers_each_request_with_event() -> None:
    for protocol in (ClientProtocol.closed(), online().breaks().protocol):
        protocol.take_events()
        protocol.submit(parse_submission("hello", "bob"), 1.0)
        protocol.join("dev", 1.0)
        assert protocol.toggle_follow("bob", 1.0) is None
        protocol.change_password("old-one", "new-one", 1.0)
        assert protocol.take_events() == [
            events.TextReturned("hello", "Not connected: it was not sent", "@bob"),
            events.JoinFailed("dev", "Not connected"),
            events.PasswordChangeFailed("Not connected: it was not sent"),
        ]


def test_closed_protocol_ignores_input() -> None:
    protocol = ClientProtocol.closed()
    protocol.receive(PROMPT, 1.0)
    protocol.tick(1000.0)
    protocol.connection_lost("cut", 1000.0)
    assert protocol.take_events() == []
    assert protocol.take_lines() == []
    assert protocol.end_reason is None
    assert not protocol.is_online
    assert not protocol.can_send_now
    assert not protocol.is_restored


def test_queued_quit_released_by_timeout_ends_session_at_once() -> None:
    harness = online_legacy().clicks("dev").types("/quit")
    for _ in range(6):
        harness.after(5).server("[12:00:00] bob: still here")
    assert harness.ending() is None
    harness.after(1)
    assert harness.ending() is EndReason.SIGNED_OUT
