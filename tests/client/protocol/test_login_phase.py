"""The login phase: accepted and rejected logins, and the first requests after it."""

from __future__ import annotations

import pytest

from chat_server.wire import replies
from chat_tui import events
from chat_tui.protocol import EndReason
from chat_tui.protocol.restore_target import RestoreTarget
from tests.support.protocol_harness import ACCEPTED, ALL, PROMPT, SIX, ProtocolHarness, online


def test_login_line_waits_for_prompt() -> None:
    harness = ProtocolHarness()
    assert harness.sent() == []
    assert harness.server(PROMPT).sent() == ["LOGIN alice secret"]
    assert harness.events() == []


def test_sign_in_reports_commands_in_server_order() -> None:
    harness = ProtocolHarness().server(PROMPT, ACCEPTED)
    assert harness.events() == []
    harness.server(f"[SERVER] Available commands: {ALL}")
    assert harness.events()[:2] == [
        events.SignedIn("alice", tuple(ALL.split(", "))),
        events.Joined("lobby"),
    ]


def test_command_list_is_joined_from_several_lines() -> None:
    harness = ProtocolHarness().server(
        PROMPT, ACCEPTED, "[SERVER] Available commands: /join, /leave,"
    )
    assert harness.events() == []
    harness.server("[SERVER] Available commands: /help")
    assert harness.of(events.SignedIn) == [events.SignedIn("alice", ("/join", "/leave", "/help"))]


def test_first_requests_begin_with_self_subscription() -> None:
    harness = (
        ProtocolHarness(RestoreTarget(room="dev", subscriptions=frozenset("*")))
        .server(PROMPT, ACCEPTED)
        .fresh()
    )
    harness.server(f"[SERVER] Available commands: {ALL}")
    assert harness.sent() == ["/subscribe alice", "/presence on", "/join dev", "/subs"]
    harness.server(
        "[SERVER] Subscribed to alice", "[SERVER] Presence on", "[SERVER] Joined room 'dev'"
    )
    assert harness.sent() == ["/who", "/rooms"]
    assert harness.server("[SERVER] Subscriptions: alice").sent() == ["/subscribe *"]


def test_client_sends_only_listed_commands() -> None:
    harness = (
        ProtocolHarness(RestoreTarget(room="dev", subscriptions=frozenset({"*", "bob"})))
        .server(PROMPT, ACCEPTED)
        .fresh()
    )
    harness.server("[SERVER] Available commands: /help")
    harness.after(16).after(6).after(30)
    assert harness.sent() == []
    assert not harness.ending()


def test_messages_are_confirmed_when_sent_if_server_has_no_subscriptions() -> None:
    harness = (
        ProtocolHarness().server(PROMPT, ACCEPTED, "[SERVER] Available commands: /help").fresh()
    )
    harness.types("hello")
    assert harness.sent() == ["hello"]
    assert harness.events() == [events.MessagePending(1, "lobby", "hello"), events.MessageSent(1)]


def test_missing_command_list_times_out_as_empty() -> None:
    harness = ProtocolHarness().server(PROMPT, ACCEPTED).fresh()
    harness.after(4.9)
    assert harness.events() == []
    harness.after(0.2)
    assert harness.of(events.SignedIn) == [events.SignedIn("alice", ())]


def test_text_waits_for_self_subscription_reply() -> None:
    harness = (
        ProtocolHarness().server(PROMPT, ACCEPTED, f"[SERVER] Available commands: {ALL}").fresh()
    )
    harness.types("hello").types("/who")
    assert harness.sent() == []
    assert harness.of(events.MessagePending) == []
    harness.server("[SERVER] Subscribed to alice")
    assert harness.sent() == ["hello", "/who"]


def test_own_name_is_taken_from_server_reply() -> None:
    harness = ProtocolHarness(user="Zoe\u0308")  # NFD: two code points
    harness.server(PROMPT, ACCEPTED, f"[SERVER] Available commands: {ALL}")
    assert harness.of(events.SignedIn)[0].user == "Zo\u00eb"
    harness.server("[SERVER] Subscribed to Zo\u00eb").fresh()
    harness.types("hi").server("[12:00:00] Zo\u00eb: hi")
    assert harness.of(events.MessageSent) == [events.MessageSent(1, "12:00:00")]


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        (
            replies.AUTHENTICATION_FAILED,
            events.SignInFailed("Authentication failed", retry=False),
        ),
        (replies.INVALID_LOGIN_FORMAT, events.SignInFailed("Invalid login format", retry=False)),
        (replies.LOGIN_TIMED_OUT, events.SignInFailed("Login timed out", retry=True)),
        (
            replies.too_many_failures(12.3),
            events.SignInFailed("Too many failed logins; try again in 13 s", retry=True, after=13),
        ),
        (
            replies.TLS_ONLY,
            events.SignInFailed(
                "That port accepts TLS only: leave out --plaintext, or plaintext = true",
                retry=True,
            ),
        ),
        ("Something new", events.SignInFailed("Something new", retry=True)),
    ],
)
def test_rejected_login_reports_reason_and_whether_to_retry(
    line: str, failure: events.SignInFailed
) -> None:
    harness = ProtocolHarness().server(PROMPT, f"[ERROR] {line}")
    assert harness.events() == [failure]
    assert harness.ending() is EndReason.REJECTED
    assert harness.breaks().server(ACCEPTED).events() == []


@pytest.mark.parametrize("line", [replies.SERVER_FULL, replies.TOO_MANY_CONNECTIONS])
def test_rejection_instead_of_prompt_is_retried(line: str) -> None:
    harness = ProtocolHarness().server(f"[ERROR] {line}")
    assert harness.events() == [events.SignInFailed(line, retry=True)]
    assert harness.sent() == []


@pytest.mark.parametrize("before", [[], [PROMPT], [PROMPT, ACCEPTED]])
def test_shutdown_during_login_is_retried(before: list[str]) -> None:
    harness = ProtocolHarness().server(*before, f"[SERVER] {replies.SHUTTING_DOWN}")
    assert harness.events() == [events.SignInFailed(replies.SHUTTING_DOWN, retry=True)]


@pytest.mark.parametrize(
    "line", ["SSH-2.0-OpenSSH_9.2p1", "220 mail.example.org ESMTP", "HTTP/1.1 400 Bad Request", ""]
)
def test_non_chat_server_is_reported(line: str) -> None:
    harness = ProtocolHarness().server(line)
    assert harness.events() == [events.SignInFailed("No chat server answers there", retry=True)]
    assert harness.sent() == []


def test_missing_prompt_times_out() -> None:
    harness = ProtocolHarness().after(9.9)
    assert harness.events() == []
    harness.after(0.2)
    assert harness.events() == [events.SignInFailed("No chat server answers there", retry=True)]
    assert harness.after(60).events() == []


def test_login_waits_for_its_reply_as_long_as_the_connection_lives() -> None:
    harness = ProtocolHarness().server(PROMPT).after(1.4)
    assert harness.events() == []
    assert harness.after(0.2).events() == [events.PasswordCheckPending()]
    assert harness.after(3600).events() == []
    assert harness.sent() == ["LOGIN alice secret"]
    harness.server(ACCEPTED, f"[SERVER] Available commands: {ALL}")
    assert harness.of(events.SignedIn) == [events.SignedIn("alice", tuple(ALL.split(", ")))]


def test_prompt_that_comes_late_does_not_report_a_waiting_login() -> None:
    harness = ProtocolHarness().after(9)
    assert harness.server(PROMPT).after(1).events() == []
    assert harness.server(ACCEPTED).after(2).events() == []


def test_login_that_waited_too_long_at_the_server_is_retried_after_the_given_time() -> None:
    text = replies.too_many_logins(30)
    harness = ProtocolHarness().server(PROMPT).after(120).fresh().server(f"[ERROR] {text}")
    assert harness.events() == [events.SignInFailed(text, retry=True, after=30)]


def test_connection_loss_during_login_is_retried() -> None:
    (failure,) = (
        ProtocolHarness().breaks("the server closed the connection").of(events.SignInFailed)
    )
    assert failure.retry
    assert "before it asked for a login" in failure.reason
    (failure,) = ProtocolHarness().server(PROMPT).breaks("reset").of(events.SignInFailed)
    assert failure == events.SignInFailed("reset", retry=True)


def test_legacy_welcome_line_is_shown() -> None:
    harness = ProtocolHarness().server(f"[SERVER] {replies.LEGACY_WELCOME}", PROMPT)
    assert harness.events() == [events.LogNotice(replies.LEGACY_WELCOME, "reply")]
    assert harness.sent() == ["LOGIN alice secret"]


def test_repeated_prompt_does_not_resend_password() -> None:
    assert ProtocolHarness().server(PROMPT, PROMPT).sent() == ["LOGIN alice secret"]


def test_too_long_login_line_is_not_sent() -> None:
    harness = ProtocolHarness(user="a" * 5000).server(PROMPT)
    (failure,) = harness.of(events.SignInFailed)
    assert not failure.retry
    assert harness.sent() == []


def test_text_typed_before_sign_in_is_returned() -> None:
    harness = ProtocolHarness().server(PROMPT).types("hello\nworld").clicks("dev").toggles("bob")
    assert harness.events() == [
        events.TextReturned("hello\nworld", "Not connected: it was not sent"),
        events.JoinFailed("dev", "Not connected"),
    ]


def test_reconnect_restores_room_and_missing_subscriptions() -> None:
    target = RestoreTarget("dev", frozenset({"*", "bob", "carol"}), is_reconnect=True)
    harness = ProtocolHarness(target).server(
        PROMPT, ACCEPTED, f"[SERVER] Available commands: {ALL}"
    )
    assert harness.of(events.Joined) == []  # the log of the room stays in view
    harness.sent()
    harness.server(
        "[SERVER] Subscribed to alice", "[SERVER] Presence on", "[SERVER] Joined room 'dev'"
    )
    assert harness.of(events.Joined) == [events.Joined("dev")]
    assert harness.sent() == ["/who", "/rooms"]
    harness.server("[SERVER] Subscriptions: alice, bob")
    assert harness.sent() == ["/subscribe *", "/subscribe carol"]
    assert harness.of(events.SubscriptionsListed) == [events.SubscriptionsListed(("bob",))]
    harness.server("[SERVER] Subscribed to *", "[SERVER] Subscribed to carol")
    assert harness.of(events.Followed) == [events.Followed("*"), events.Followed("carol")]
    assert harness.protocol.restore_target == RestoreTarget(
        "dev", frozenset({"*", "bob", "carol"}), is_reconnect=True
    )


def test_reconnect_does_not_repeat_existing_subscriptions() -> None:
    harness = ProtocolHarness(RestoreTarget("lobby", frozenset({"*", "bob"}), is_reconnect=True))
    harness.server(PROMPT, ACCEPTED, f"[SERVER] Available commands: {ALL}")
    assert harness.of(events.Joined) == [events.Joined("lobby")]
    harness.server("[SERVER] Subscribed to alice", "[SERVER] Presence on")
    harness.server("[SERVER] In room 'lobby': alice", "[SERVER] Active rooms: lobby (1)").fresh()
    harness.server("[SERVER] Subscriptions: *, alice, bob")
    assert harness.sent() == []


def test_reconnect_falls_back_to_lobby_if_room_is_rejected() -> None:
    harness = (
        ProtocolHarness(RestoreTarget("dev", is_reconnect=True)).server(PROMPT, ACCEPTED).fresh()
    )
    harness.server(f"[SERVER] Available commands: {ALL}", "[SERVER] Subscribed to alice")
    harness.types("for dev")
    harness.server("[SERVER] Presence on").fresh()
    harness.server("[ERROR] Invalid room name: dev")
    assert harness.events() == [
        events.Joined("lobby"),
        events.JoinFailed("dev", "Invalid room name: dev"),
        events.TextReturned("for dev", "Invalid room name: dev"),
    ]
    assert harness.sent() == ["/who", "/rooms"]
    assert harness.protocol.restore_target.room == "lobby"


def test_messages_received_before_rejoin_belong_to_lobby() -> None:
    harness = ProtocolHarness(RestoreTarget("dev", is_reconnect=True)).server(PROMPT, ACCEPTED)
    harness.server(f"[SERVER] Available commands: {ALL}", "[12:00:00] bob: in the lobby")
    (arrived,) = harness.of(events.MessageArrived)
    assert arrived.room == "lobby"
    harness.server(
        "[SERVER] Subscribed to alice", "[SERVER] Presence on", "[SERVER] Joined room 'dev'"
    )
    (arrived,) = harness.server("[12:00:00] bob: in dev").of(events.MessageArrived)
    assert arrived.room == "dev"


def test_resubscriptions_are_sent_in_small_batches() -> None:
    names = frozenset(f"user{n:02}" for n in range(30))
    harness = ProtocolHarness(RestoreTarget("lobby", names, is_reconnect=True)).server(
        PROMPT, ACCEPTED
    )
    harness.server(f"[SERVER] Available commands: {ALL}", "[SERVER] Subscribed to alice")
    harness.server("[SERVER] Presence on").fresh()
    harness.server("[SERVER] In room 'lobby': alice", "[SERVER] Active rooms: lobby (1)")
    harness.server("[SERVER] Subscriptions: alice")
    requests = harness.sent()
    assert requests == [f"/subscribe user{n:02}" for n in range(8)]
    harness.types("not behind all of them")
    assert harness.sent() == ["not behind all of them"]
    for n in range(30):
        harness.server(f"[SERVER] Subscribed to user{n:02}")
        requests += harness.sent()
    assert requests == [f"/subscribe user{n:02}" for n in range(30)]


def test_failed_resubscriptions_are_reported_once() -> None:
    harness = online(
        RestoreTarget("lobby", frozenset({"bob", "carol", "dave"}), is_reconnect=True), subs="alice"
    )
    harness.server("[ERROR] No such user: bob", "[SERVER] Subscribed to carol")
    assert harness.of(events.LogNotice) == []
    harness.server("[ERROR] No such user: dave")
    (line,) = harness.of(events.LogNotice)
    assert line.kind == "error"
    assert "bob, dave" in line.text
    assert harness.protocol.restore_target.subscriptions == {"carol"}


def test_second_loss_during_resubscription_keeps_all_names() -> None:
    names = frozenset(f"user{n:02}" for n in range(30))
    harness = online(RestoreTarget("dev", names, is_reconnect=True), room="dev", subs="alice")
    harness.server("[SERVER] Subscribed to user00").breaks()
    assert harness.protocol.restore_target == RestoreTarget("dev", names, is_reconnect=True)


def test_loss_during_login_keeps_restore_target() -> None:
    target = RestoreTarget("dev", frozenset({"bob"}), is_reconnect=True)
    harness = ProtocolHarness(target).server(PROMPT).breaks()
    assert harness.protocol.restore_target == target


def test_six_listed_commands_select_legacy_mode() -> None:
    harness = ProtocolHarness(RestoreTarget(room="dev", subscriptions=frozenset("*"))).server(
        PROMPT
    )
    assert harness.sent() == ["LOGIN alice secret"]
    harness.server(ACCEPTED, f"[SERVER] Available commands: {SIX}")
    assert harness.sent() == ["/subscribe alice"]
    assert harness.server("[SERVER] Subscribed to alice").sent() == ["/join dev"]
    assert harness.server("[SERVER] Joined room 'dev'").sent() == ["/subs"]
