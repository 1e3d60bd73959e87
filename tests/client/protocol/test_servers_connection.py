"""The notices about the other servers of a chat: what waits, and what does not time out."""

from __future__ import annotations

from chat_server.wire import cluster_replies, replies
from chat_tui import events
from chat_tui.events import ConnectionState
from chat_tui.model.chat_model import ChatModel
from chat_tui.protocol import EndReason
from tests.support.protocol_harness import PROMPT, ProtocolHarness, online

LOST = f"[SERVER] {replies.SERVERS_DISCONNECTED}"
BACK = f"[SERVER] {replies.SERVERS_CONNECTED}"


def test_lost_and_found_servers_are_reported_and_logged() -> None:
    harness = online().server(LOST)
    assert harness.events() == [
        events.ServersConnectionChanged(connected=False),
        events.LogNotice(replies.SERVERS_DISCONNECTED, "notice"),
    ]
    assert harness.server(BACK).events() == [
        events.ServersConnectionChanged(connected=True),
        events.LogNotice(replies.SERVERS_CONNECTED, "notice"),
    ]


def test_message_and_request_wait_as_long_as_the_servers_are_disconnected() -> None:
    harness = online().server(LOST).fresh()
    harness.types("hello").types("/rooms")
    for _ in range(40):
        harness.after(15)
    assert harness.ending() is None
    assert harness.of(events.MessageUnconfirmed) == []
    harness.server(BACK, "[12:00:00] alice: hello", "[SERVER] Active rooms: lobby (1)")
    received = harness.events()
    assert events.MessageSent(1, "12:00:00") in received
    assert events.LogNotice("Active rooms: lobby (1)", "reply") in received


def test_silent_server_is_dead_again_once_the_servers_are_connected() -> None:
    harness = online().server(LOST).after(300).server(BACK)
    harness.after(21).after(11)
    assert harness.ending() is EndReason.LOST
    assert harness.protocol.final_message == "The server does not answer any more"


def test_servers_notice_does_not_answer_a_typed_command() -> None:
    harness = online(commands="/join, /subscribe, /subs, /who, /help, /quit, /new").fresh()
    harness.types("/new x").server(LOST, "[ERROR] Not that one").fresh()
    harness.types("/new y").server(BACK)
    assert harness.after(29).of(events.LogNotice) == [
        events.LogNotice(replies.SERVERS_CONNECTED, "notice")
    ]


def test_unsent_messages_are_logged_and_answer_no_typed_command() -> None:
    text = cluster_replies.messages_unsent(2)
    harness = online(commands="/join, /subscribe, /subs, /who, /help, /quit, /new").fresh()
    harness.types("/new x").server(f"[SERVER] {text}")
    assert harness.of(events.LogNotice) == [events.LogNotice(text, "notice")]


def test_unreachable_servers_reject_a_login_for_now() -> None:
    harness = ProtocolHarness().server(PROMPT, f"[ERROR] {replies.SERVERS_UNREACHABLE}")
    assert harness.events() == [events.SignInFailed(replies.SERVERS_UNREACHABLE, retry=True)]


def test_new_session_starts_connected_to_the_other_servers() -> None:
    model = ChatModel()
    model.apply(events.ConnectionChanged(ConnectionState.ONLINE))
    model.apply(events.ServersConnectionChanged(connected=False))
    assert not model.servers_connected
    model.apply(events.ConnectionChanged(ConnectionState.WAITING))
    model.apply(events.ConnectionChanged(ConnectionState.ONLINE))
    assert model.servers_connected


def test_notice_before_the_session_is_restored_is_kept() -> None:
    model = ChatModel()
    model.apply(events.ConnectionChanged(ConnectionState.RETRYING))
    model.apply(events.SignedIn("alice", ()))
    model.apply(events.ServersConnectionChanged(connected=False))
    model.apply(events.ConnectionChanged(ConnectionState.ONLINE))
    assert not model.servers_connected


def test_servers_notice_is_not_an_alert() -> None:
    model = ChatModel()
    model.apply(events.ConnectionChanged(ConnectionState.ONLINE))
    for text in (replies.SERVERS_DISCONNECTED, replies.SERVERS_CONNECTED):
        model.apply(events.LogNotice(text, "notice"))
    assert model.take_alerts() == []
    assert model.unread.count(model.room) == 0
