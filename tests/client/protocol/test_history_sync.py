"""The client's catch-up: complete logs, nothing twice, and own messages exactly once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat_server.wire.stamps import format_stamp
from chat_tui import events
from chat_tui.events import NotKept, PageKind
from chat_tui.protocol.history_sync import MAX_UNREAD_PLACES
from tests.support.history_simulator import SimulatedServer, SimulatedUser


@pytest.fixture
def server() -> SimulatedServer:
    return SimulatedServer()


@pytest.fixture
def alice(server: SimulatedServer) -> SimulatedUser:
    user = SimulatedUser(server)
    user.connect()
    user.settle()
    return user


def test_first_visit_shows_the_newest_messages(server: SimulatedServer) -> None:
    for number in range(60):
        server.say("bob", "lobby", f"m{number}")
    alice = SimulatedUser(server)
    alice.connect()
    alice.settle()
    assert alice.shown["lobby"] == [f"bob: m{number}" for number in range(10, 60)]
    (page,) = [event for event in alice.events if isinstance(event, events.HistoryPage)]
    assert page.kind is PageKind.FIRST
    assert page.earlier is not None
    assert any(isinstance(event, events.CaughtUp) for event in alice.events)


def test_reconnect_shows_what_was_missed_before_live_messages(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    server.say("bob", "lobby", "before")
    alice.settle()
    alice.cut()
    for number in range(7):  # more than two pages
        server.say("bob", "lobby", f"missed {number}")
    alice.connect()
    alice.deliver()  # up to the login
    server.say("bob", "lobby", "without a stamp")
    alice.deliver()
    alice.deliver()
    server.say("bob", "lobby", "live")
    alice.settle()
    assert alice.shown["lobby"] == [
        "bob: before",
        *(f"bob: missed {number}" for number in range(7)),
        "bob: without a stamp",
        "bob: live",
    ]


def test_messages_of_other_visits_are_caught_up_on_return(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    alice.join("dev")
    alice.settle()
    server.say("bob", "lobby", "in the lobby")
    server.say("bob", "dev", "in dev")
    alice.settle()
    alice.join("lobby")
    alice.settle()
    assert alice.shown == {"lobby": ["bob: in the lobby"], "dev": ["bob: in dev"]}


def test_live_message_with_stamp_is_not_past(server: SimulatedServer, alice: SimulatedUser) -> None:
    server.say("bob", "lobby", "hello")
    alice.settle()
    (arrived,) = [event for event in alice.events if isinstance(event, events.MessageArrived)]
    assert not arrived.message.past


def test_echo_with_stamp_confirms_the_message(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    alice.type("hello")
    alice.settle()
    assert alice.own_states() == {"sent": 1}
    assert "lobby" not in alice.shown


@pytest.mark.parametrize("arrived", [0, 1, 2, 3])
@pytest.mark.parametrize("echoed", [0, 1, 2, 3])
@pytest.mark.parametrize("restarts", [False, True])
def test_unconfirmed_messages_arrive_exactly_once(
    server: SimulatedServer, alice: SimulatedUser, arrived: int, echoed: int, restarts: bool
) -> None:
    server.say("bob", "lobby", "before")
    alice.settle()
    for text in ("ok", "ok", "done"):
        alice.type(text)
    alice.cut(to_server=arrived, to_client=echoed)
    server.say("bob", "lobby", "missed")
    if restarts:
        alice.restart()
    alice.connect()
    alice.settle()
    own = [message.text for message in server.messages if message.author == "alice"]
    assert own == ["ok", "ok", "done"]
    assert not {"pending", "unconfirmed"} & alice.own_states().keys()
    others = [line for line in alice.shown["lobby"] if not line.startswith("alice")]
    assert others == ["bob: before", "bob: missed"]


def test_unconfirmed_message_is_left_to_the_user_if_the_history_has_a_hole(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    server.say("bob", "lobby", "before")
    alice.settle()
    alice.type("lost?")
    alice.cut()
    server.say("bob", "lobby", "after")
    server.holes.append((server.messages[-1].stamp, 12))
    alice.connect()
    alice.settle()
    assert alice.own_states() == {"unconfirmed": 1}
    pages = [event for event in alice.events if isinstance(event, events.HistoryPage)]
    assert NotKept(count=12) in pages[-1].entries
    alice.settle(seconds=1.0)
    assert [message.author for message in server.messages] == ["bob", "bob"]


def test_unconfirmed_message_of_another_room_waits_for_the_visit(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    alice.join("dev")
    alice.settle()
    alice.type("for dev")
    alice.join("ops")
    alice.cut()
    alice.connect()
    alice.settle(seconds=1.0)
    assert not server.messages
    alice.join("dev")
    alice.settle()
    assert [(m.place, m.text) for m in server.messages] == [("dev", "for dev")]


def test_history_that_is_not_available_delays_no_live_message(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    server.say("bob", "lobby", "before")
    alice.settle()
    alice.cut()
    server.say("bob", "lobby", "missed")
    server.is_available = False
    alice.connect()
    alice.settle()
    server.say("bob", "lobby", "live")
    alice.settle()
    assert alice.shown["lobby"] == ["bob: before", "bob: live"]
    failures = [e for e in alice.events if isinstance(e, events.HistoryRequestFailed)]
    assert [failure.kind for failure in failures] == [PageKind.MISSED]
    server.is_available = True
    alice.settle(seconds=1.0)
    assert alice.shown["lobby"] == ["bob: before", "bob: live", "bob: missed"]
    alice.cut()
    alice.connect()
    alice.settle()
    assert len(alice.shown["lobby"]) == 3


def test_private_messages_are_caught_up_on_reconnect(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    server.say("bob", "@alice", "one")
    alice.settle()
    alice.type("two", "bob")
    alice.settle()
    alice.cut()
    server.say("bob", "@alice", "three")
    alice.connect()
    alice.settle()
    assert alice.shown["@bob"] == ["bob: one", "bob: three"]
    assert alice.own_states() == {"sent": 1}


def test_message_that_opens_a_conversation_is_new(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    alice.cut()
    server.say("bob", "@alice", "a week ago")
    alice.connect()
    alice.settle()
    server.say("bob", "@alice", "lunch?")
    alice.settle()
    assert alice.shown["@bob"] == ["bob: a week ago", "bob: lunch?"]
    arrived = [event for event in alice.events if isinstance(event, events.MessageArrived)]
    assert [event.message.text for event in arrived] == ["lunch?"]


@pytest.mark.parametrize("arrived", [0, 1, 2])
@pytest.mark.parametrize("answered", [0, 1, 2])
@pytest.mark.parametrize("restarts", [False, True])
def test_unconfirmed_private_messages_arrive_exactly_once(
    server: SimulatedServer, alice: SimulatedUser, arrived: int, answered: int, restarts: bool
) -> None:
    server.say("bob", "@alice", "hi")
    alice.settle()
    alice.type("ok", "bob")
    alice.settle()
    for text in ("ok", "ok"):
        alice.type(text, "bob")
    alice.cut(to_server=arrived, to_client=answered)
    if restarts:
        alice.restart()
    alice.connect()
    alice.settle(seconds=1.0)
    own = [message.text for message in server.messages if message.author == "alice"]
    assert own == ["ok", "ok", "ok"]
    assert not {"pending", "unconfirmed"} & alice.own_states().keys()


def test_kept_message_becomes_sent_when_the_recipient_is_back(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    server.away.add("bob")
    alice.type("are you there?", "bob")
    alice.settle()
    assert alice.own_states() == {"kept": 1}
    server.say("bob", "@alice", "now")
    alice.settle()
    assert alice.own_states() == {"sent": 1}


def test_page_requests_name_the_place_and_report_failures(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    for number in range(5):
        server.say("bob", "lobby", f"m{number}")
    alice.settle()
    alice.events.clear()
    stamp = format_stamp(server.messages[2].stamp)
    assert alice.protocol.request_page("lobby", PageKind.EARLIER, stamp, alice.now)
    alice._collect()
    alice.settle()
    (page,) = [event for event in alice.events if isinstance(event, events.HistoryPage)]
    assert [getattr(entry, "text", "") for entry in page.entries] == ["m0", "m1"]
    assert all(entry.past for entry in page.entries if not isinstance(entry, NotKept))
    assert not alice.protocol.request_page("dev", PageKind.EARLIER, stamp, alice.now)
    server.is_available = False
    assert alice.protocol.request_page("lobby", PageKind.EARLIER, stamp, alice.now)
    alice._collect()
    alice.settle()
    (failure,) = [e for e in alice.events if isinstance(e, events.HistoryRequestFailed)]
    assert failure.kind is PageKind.EARLIER


def test_log_that_begins_at_a_time_has_all_pages_before_live_messages(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    alice.cut()
    for number in range(10):
        server.say("bob", "dev", f"m{number}")
    since = format_stamp(server.messages[1].stamp)
    alice.restart("dev")
    alice._target = replace(alice._target, since=since)
    alice.connect()
    alice.deliver()
    alice.deliver()
    server.is_available = False
    server.say("bob", "dev", "live")
    alice.settle()
    assert "dev" not in alice.shown
    server.is_available = True
    alice.settle(seconds=20.0)
    assert alice.shown["dev"] == [*(f"bob: m{number}" for number in range(2, 10)), "bob: live"]
    alice.cut()
    server.say("bob", "dev", "missed")
    alice.connect()
    alice.settle()
    assert alice.shown["dev"][-1] == "bob: missed"
    assert len(alice.shown["dev"]) == 10


@pytest.mark.parametrize("restarts", [False, True])
def test_no_message_is_hidden_by_stamps_that_go_down(
    server: SimulatedServer, alice: SimulatedUser, restarts: bool
) -> None:
    server.say("bob", "lobby", "before")
    server.say("bob", "@alice", "psst")
    alice.settle()
    alice.cut()
    server.start_over()
    server.say("bob", "lobby", "missed")
    if restarts:
        alice.restart()
    alice.shown.clear()
    alice.connect()
    alice.settle()
    for text in ("one", "two"):
        server.say("bob", "lobby", text)
        server.say("bob", "@alice", f"{text} for you")
        alice.settle()
    # Only a live message shows that the stamps are lower, so older ones may come after it.
    assert sorted(alice.shown["lobby"]) == ["bob: missed", "bob: one", "bob: two"]
    assert alice.shown["@bob"] == ["bob: one for you", "bob: two for you"]
    alice.type("mine")
    alice.settle()
    alice.cut()
    server.say("bob", "lobby", "three")
    alice.connect()
    alice.settle()
    assert alice.shown["lobby"][3:] == ["bob: three"]
    assert alice.own_states() == {"sent": 1}


def test_own_message_shows_that_stamps_go_down(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    server.say("bob", "lobby", "before")
    alice.settle()
    alice.cut()
    server.start_over()
    server.say("bob", "lobby", "missed")
    alice.connect()
    alice.settle()
    alice.type("mine")
    alice.settle()
    assert alice.shown["lobby"] == ["bob: before", "bob: missed"]
    assert alice.own_states() == {"sent": 1}


@pytest.mark.parametrize("recipient", ["", "bob"])
@pytest.mark.parametrize("arrived", [0, 1])
@pytest.mark.parametrize("restarts", [False, True])
def test_text_that_was_sent_again_does_not_prove_that_the_first_one_arrived(
    server: SimulatedServer, alice: SimulatedUser, recipient: str, arrived: int, restarts: bool
) -> None:
    server.say("bob", "@alice" if recipient else "lobby", "hi")
    alice.settle()
    alice.type("before", recipient)  # the log of the conversation is complete then
    alice.settle()
    alice.type("ok", recipient)
    alice.cut(to_server=arrived)
    server.is_available = False
    alice.connect()
    alice.settle()
    alice.type("ok", recipient)
    alice.settle()
    alice.cut()
    if restarts:
        alice.restart()
    server.is_available = True
    alice.connect()
    alice.settle(40.0)
    own = [message.text for message in server.messages if message.author == "alice"]
    assert own == ["before", *["ok"] * (1 + arrived)]
    states = alice.own_states()
    assert (states["unconfirmed"], states["pending"], states["resent"]) == (1, 0, 0)


def test_text_that_was_sent_again_does_not_hide_on_the_same_connection_what_arrived(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    alice.type("ok")
    alice.cut(to_server=1)
    server.is_available = False
    alice.connect()
    alice.settle()
    alice.type("ok")
    alice.settle()
    server.is_available = True
    alice.settle(40.0)
    assert alice.own_states() == {"sent": 2}
    assert [message.text for message in server.messages] == ["ok", "ok"]


def test_list_of_unread_numbers_without_end_is_bounded(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    for part in range(30):
        places = ", ".join(f"r{part}x{number} (5)" for number in range(50))
        server.output.append(f"[SERVER] Unread: {places},")
    server.output.append("[SERVER] Unread: last (1)")
    alice.events.clear()
    alice.settle()
    (listed,) = [event for event in alice.events if isinstance(event, events.UnreadListed)]
    assert len(listed.places) == MAX_UNREAD_PLACES


def test_remark_behind_unread_numbers_is_shown(
    server: SimulatedServer, alice: SimulatedUser
) -> None:
    remark = "Not kept: messages before 2026-11-30T12:00:00.000000+00:00"
    server.output += ["[SERVER] Unread: none", f"[SERVER] {remark}"]
    alice.events.clear()
    alice.settle()
    assert [each.text for each in alice.events if isinstance(each, events.LogNotice)] == [remark]


@pytest.mark.parametrize("recipient", ["", "bob"])
def test_messages_of_one_text_that_were_sent_again_are_not_sent_a_third_time(
    server: SimulatedServer, alice: SimulatedUser, recipient: str
) -> None:
    alice.type("before", recipient)
    alice.settle()
    for _ in range(3):
        alice.type("ok", recipient)
    alice.cut()
    alice.connect()
    while alice.own_states()["resent"] < 3:
        alice.deliver()
        alice.now += 1.0
        alice.protocol.tick(alice.now)
        alice._collect()
    alice.cut(to_server=100)
    alice.connect()
    alice.settle(1.0)
    own = [message.text for message in server.messages if message.author == "alice"]
    assert own == ["before", "ok", "ok", "ok"]
    assert alice.own_states() == {"sent": 4, "resent": 3}
