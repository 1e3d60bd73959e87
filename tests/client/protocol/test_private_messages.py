"""Private messages and actions: sent, confirmed, rejected, returned."""

from __future__ import annotations

from datetime import datetime

import pytest

from chat_server.wire.protocol import PrivateMessage
from chat_tui import events
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.entries import EntryKind, EntryState
from chat_tui.model.location import Location
from tests.support.protocol_harness import ProtocolHarness, online, online_legacy

NOT_DELIVERED = "Not delivered: bob is offline or not subscribed to you"


def types_to_bob(harness: ProtocolHarness, text: str) -> ProtocolHarness:
    """Submit the text in the conversation with bob."""
    harness.types(text, "bob")
    return harness


def test_private_message_is_confirmed_by_reply() -> None:
    harness = types_to_bob(online(), "  psst")
    assert harness.sent() == ["/msg bob psst"]
    assert harness.events() == [events.MessagePending(1, "@bob", "psst")]
    harness.server("[SERVER] Sent to bob")
    assert harness.events() == [events.MessageSent(1)]


def test_multiline_private_message_sends_each_line_to_recipient() -> None:
    harness = types_to_bob(online(), "one\n/join dev\ntwo")
    assert harness.sent() == ["/msg bob one", "/msg bob /join dev", "/msg bob two"]
    harness.fresh().server(
        "[SERVER] Sent to bob", f"[ERROR] {NOT_DELIVERED}", "[SERVER] Sent to bob"
    )
    assert harness.events() == [
        events.MessageSent(1),
        events.MessageRejected(2),
        events.TextReturned("//join dev", NOT_DELIVERED, "@bob", is_reported=True),
        events.LogNotice(NOT_DELIVERED, "error"),
        events.MessageSent(3),
    ]


def test_rejected_msg_command_is_returned_as_command() -> None:
    harness = online().types("/msg bob  two  spaces ")
    assert harness.sent() == ["/msg bob two  spaces"]
    assert harness.events() == [events.MessagePending(1, "@bob", "two  spaces")]
    harness.server(f"[ERROR] {NOT_DELIVERED}")
    assert harness.events() == [
        events.MessageRejected(1),
        events.TextReturned("/msg bob two  spaces", NOT_DELIVERED, is_reported=True),
        events.LogNotice(NOT_DELIVERED, "error"),
    ]
    harness.types("/msg bob hi").server("[SERVER] Sent to bob")
    assert harness.of(events.LogNotice) == [events.LogNotice("Sent to bob", "reply")]


def test_command_typed_in_private_conversation_is_sent_as_command() -> None:
    assert types_to_bob(online(), "/who dev").sent() == ["/who dev"]


def test_action_typed_in_private_conversation_is_returned() -> None:
    harness = types_to_bob(online(), "/me waves")
    assert harness.sent() == []
    (returned,) = harness.of(events.TextReturned)
    assert (returned.text, returned.location) == ("/me waves", "@bob")


def test_private_message_in_flight_at_loss_is_unconfirmed() -> None:
    harness = types_to_bob(online(), "one")
    harness.types("/join dev")
    types_to_bob(harness, "two").types("/me waves")
    assert harness.sent() == ["/msg bob one", "/join dev"]
    harness.fresh().breaks()
    assert harness.events() == [
        events.MessageUnconfirmed(1),
        events.TextReturned("/me waves", "The connection was lost: it was not sent"),
        events.TextReturned("two", "The connection was lost: it was not sent", "@bob"),
    ]


def test_failed_join_returns_action_but_sends_private_message() -> None:
    harness = online().types("/join a/b")
    types_to_bob(harness, "psst").types("/me waves")
    harness.fresh().server("[ERROR] Invalid room name: a/b")
    assert harness.sent() == ["/msg bob psst"]
    assert harness.of(events.TextReturned) == [
        events.TextReturned("/me waves", "Invalid room name: a/b")
    ]


def test_unanswered_private_message_is_unconfirmed() -> None:
    harness = types_to_bob(online(), "psst").fresh().after(31)
    assert harness.of(events.MessageUnconfirmed) == [events.MessageUnconfirmed(1)]


@pytest.mark.parametrize("recipient", ["", "bob"])
def test_private_message_is_returned_on_legacy_server(recipient: str) -> None:
    harness = online_legacy()
    harness.types("psst" if recipient else "/msg bob psst", recipient)
    assert harness.sent() == []
    assert len(harness.of(events.TextReturned)) == 1


def test_private_message_too_long_with_recipient_is_returned() -> None:
    harness = types_to_bob(online(), "x" * 4090)
    assert harness.sent() == []
    assert harness.of(events.TextReturned)[0].location == "@bob"


def test_action_is_confirmed_by_action_echo_only() -> None:
    harness = online().types("/me  waves").types("waves")
    assert harness.sent() == ["/me waves", "waves"]
    assert harness.events() == [
        events.MessagePending(1, "lobby", "waves", is_action=True),
        events.MessagePending(2, "lobby", "waves"),
    ]
    harness.server("[12:00:00] * alice waves", "[12:00:01] alice: waves")
    assert harness.events() == [
        events.MessageSent(1, "12:00:00"),
        events.MessageSent(2, "12:00:01"),
    ]


@pytest.fixture
def model() -> ChatModel:
    model = ChatModel(lambda: datetime(2026, 11, 22, 21, 3))
    model.begin("server:9000", "alice")
    return model


def test_private_conversation_has_its_own_log(model: ChatModel) -> None:
    private = PrivateMessage("21:00:00", "bob", "alice", "psst")
    model.apply(events.MessageArrived("lobby", private))
    assert model.conversations.listed() == ["bob"]
    assert not len(model.log)
    assert model.unread.count("@bob") == 1
    assert [alert.location for alert in model.take_alerts()] == ["@bob"]
    model.view(Location("@bob"))
    assert (model.location, model.room, model.compose_location) == ("@bob", "lobby", "@bob")
    assert [entry.text for entry in model.log] == ["psst"]


def test_own_private_messages_and_actions_show_their_state(model: ChatModel) -> None:
    model.view(Location("@bob"))
    for own_id, text in enumerate(("one", "/two", "three")):
        model.apply(events.MessagePending(own_id, "@bob", text))
    model.apply(events.MessageSent(0))
    model.apply(events.MessageUnconfirmed(1))
    model.apply(events.MessageRejected(2))
    entries = list(model.log)
    assert [entry.state for entry in entries] == [
        EntryState.SENT,
        EntryState.UNCONFIRMED,
        EntryState.REJECTED,
    ]
    assert {(entry.kind, entry.recipient) for entry in entries} == {(EntryKind.PRIVATE, "bob")}
    model.apply(events.MessagePending(3, "lobby", "waves", is_action=True))
    saved = model.unconfirmed_by_location()
    assert [text for _, text in saved["@bob"]] == ["//two"]
    assert [text for _, text in saved["lobby"]] == ["/me waves"]
    assert model.mark_resent(1) == "//two"

    model.begin("server:9000", "alice")
    for location, texts in saved.items():
        for at, text in texts:
            model.restore_unconfirmed(location, at, text)
    (action,) = model.log_of("lobby")
    assert (action.kind, action.text, action.state) == (
        EntryKind.ACTION,
        "waves",
        EntryState.UNCONFIRMED,
    )
    assert [entry.text for entry in model.log_of("@bob")] == ["/two"]


def test_messages_go_to_location_in_view_during_pending_join(model: ChatModel) -> None:
    model.view(Location("@bob"))
    model.apply(events.Joined("dev"))  # not requested here: restored after a lost connection
    assert model.location == "@bob"
    model.room_requested("ops")
    assert (model.location, model.compose_location) == ("@bob", "ops")
    model.apply(events.Joined("ops"))
    assert model.location == "ops"
    model.room_requested("dev")
    model.view(Location("@bob"))
    assert model.compose_location == "@bob"
    model.apply(events.Joined("dev"))
    assert model.location == "@bob"


def test_message_that_was_not_kept_is_returned_with_advice() -> None:
    harness = types_to_bob(online(), "psst").fresh()
    harness.server("[ERROR] Not kept: too many messages are waiting for bob")
    text = "Not kept: too many messages are waiting for bob. Send it again when bob has read them"
    rejected, *_, notice = harness.events()
    assert rejected == events.MessageRejected(1)
    assert notice == events.LogNotice(text, "error")
