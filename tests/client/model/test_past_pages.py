"""Pages of the server's history in the logs: order, edges, windows, what is new, and bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chat_server.wire.protocol import Message, PrivateMessage
from chat_tui import events
from chat_tui.events import HistoryPage, NotKept, PageKind
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.entries import EntryKind, EntryState
from chat_tui.model.log_edge import EdgeState
from chat_tui.model.logs import PRESENT_ENTRIES, WINDOW_ENTRIES
from chat_tui.model.room_log import MAX_ENTRIES, RoomLog
from tests.support.fake_clock import FakeLocalClock

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
COMMANDS = ("/join", "/msg", "/history", "/search", "/unread", "/stamps")


def stamp(number: int) -> str:
    return (NOON + timedelta(seconds=number)).isoformat(timespec="microseconds")


def message(number: int, author: str = "bob", text: str = "") -> Message:
    return Message(stamp(number), author, text or f"m{number}", past=True)


def page(
    kind: PageKind,
    numbers: range,
    *,
    earlier: bool = False,
    later: bool = False,
    location: str = "lobby",
) -> HistoryPage:
    return HistoryPage(
        location,
        kind,
        tuple(message(number) for number in numbers),
        earlier=stamp(numbers[0]) if earlier else None,
        later=stamp(numbers[-1]) if later else None,
    )


@pytest.fixture
def model() -> ChatModel:
    model = ChatModel(FakeLocalClock(datetime(2026, 11, 22, 21, 0)))
    model.begin("127.0.0.1:9000", "alice")
    model.apply(events.SignedIn("alice", COMMANDS))
    model.apply(events.ConnectionChanged(events.ConnectionState.ONLINE))
    model.apply(events.Joined("lobby"))
    return model


def live(model: ChatModel, *numbers: int, author: str = "bob") -> None:
    for number in numbers:
        model.apply(events.MessageArrived("lobby", message(number, author)))


def texts(log: RoomLog) -> list[str]:
    return [entry.text for entry in log]


def numbered(*parts: range) -> list[str]:
    return [f"m{number}" for part in parts for number in part]


class TestOrder:
    def test_first_page_is_past_and_live_messages_follow(self, model: ChatModel) -> None:
        model.apply(events.PersonJoined("carol", "lobby"))
        model.apply(page(PageKind.FIRST, range(50), earlier=True))
        live(model, 50)
        log = model.log
        assert texts(log) == [*numbered(range(50)), "carol joined", "m50"]
        assert [entry.past for entry in log] == [True] * 50 + [False] * 2
        assert log.top.state is EdgeState.MORE
        assert (log.oldest_stamp, log.newest_stamp) == (stamp(0), stamp(50))

    def test_earlier_page_comes_above_with_lower_ids(self, model: ChatModel) -> None:
        model.apply(page(PageKind.FIRST, range(100, 150), earlier=True))
        before = model.log.first
        assert model.request_page(PageKind.EARLIER)
        assert not model.request_page(PageKind.EARLIER), "one request at a time"
        edges = [model.log.top.state]
        model.apply(page(PageKind.EARLIER, range(100), earlier=False))
        assert texts(model.log) == numbered(range(150))
        assert model.log.first == before - 100
        assert all(entry.past for entry in model.log)
        edges.append(model.log.top.state)
        assert edges == [EdgeState.LOADING, EdgeState.COMPLETE]
        assert not model.request_page(PageKind.EARLIER)

    def test_message_of_two_pages_is_shown_once(self, model: ChatModel) -> None:
        model.apply(page(PageKind.FIRST, range(10, 20), earlier=True))
        live(model, 20)
        model.apply(page(PageKind.EARLIER, range(5, 12)))
        model.apply(page(PageKind.MISSED, range(18, 23)))
        assert texts(model.log) == numbered(range(5, 23))

    def test_missed_page_after_live_messages_goes_to_its_place(self, model: ChatModel) -> None:
        model.apply(page(PageKind.FIRST, range(10)))
        model.apply(events.MessagePending(1, "lobby", "mine"))
        model.apply(events.MessageUnconfirmed(1))
        live(model, 20, 21)
        model.apply(page(PageKind.MISSED, range(10, 20)))
        expected = [*numbered(range(10)), "mine", *numbered(range(10, 22))]
        assert texts(model.log) == expected
        (own,) = model.unconfirmed
        assert own.text == "mine"
        assert model.mark_resent(own.id) == "mine"
        assert [e.text for e in model.log if e.state is EntryState.RESENT] == ["mine"]

    def test_messages_that_were_not_kept_are_a_gap_at_their_place(self, model: ChatModel) -> None:
        entries = (message(1), NotKept(count=120), message(2))
        model.apply(HistoryPage("lobby", PageKind.FIRST, entries))
        assert texts(model.log) == ["m1", "120 messages were not kept", "m2"]
        assert model.log[model.log.first + 1].kind is EntryKind.GAP

    def test_gap_between_two_messages_is_not_the_horizon(self, model: ChatModel) -> None:
        entries = (message(1), NotKept(before=stamp(5)), message(6))
        model.apply(HistoryPage("lobby", PageKind.FIRST, entries))
        first, gap, last = texts(model.log)
        assert (first, last) == ("m1", "m6")
        assert gap.endswith("were not kept")
        assert model.log.top.kept_since is None
        older = (message(-3), NotKept(before=stamp(-1)), message(0))
        model.apply(HistoryPage("lobby", PageKind.EARLIER, older))
        found = [text for text in texts(model.log) if not text.endswith("were not kept")]
        assert found == ["m-3", "m0", "m1", "m6"]
        assert model.log.top.kept_since is None

    def test_horizon_of_retention_is_shown_at_the_top_only(self, model: ChatModel) -> None:
        entries = (NotKept(before=stamp(0)), message(1))
        model.apply(HistoryPage("lobby", PageKind.FIRST, entries))
        assert texts(model.log) == ["m1"]
        assert model.log.top.kept_since == datetime.fromisoformat(stamp(0)).astimezone().date()
        missed = (NotKept(before=stamp(5)), message(6))
        model.apply(HistoryPage("lobby", PageKind.MISSED, missed))
        assert texts(model.log)[1].endswith("were not kept")

    def test_hostile_stamp_does_no_harm(self, model: ChatModel) -> None:
        for time in ("nonsense", "2026-11-22T12:00:00", "9999-99-99T00:00:00+00:00", ""):
            item = Message(time, "bob", "text", past=True)
            model.apply(HistoryPage("lobby", PageKind.FIRST, (item, NotKept(before=time))))
            model.apply(HistoryPage("lobby", PageKind.EARLIER, (item,), earlier=time))
            model.apply(HistoryPage("lobby", PageKind.AROUND, (item,), later=time))
            model.apply(HistoryPage("lobby", PageKind.LATER, (item,), later=time))
            model.apply(HistoryPage("lobby", PageKind.MISSED, (item,), since=time))
        assert model.log.oldest_stamp is None

    def test_own_message_that_arrived_has_the_time_of_its_stamp(self, model: ChatModel) -> None:
        model.apply(events.MessagePending(1, "lobby", "mine"))
        model.apply(events.MessageSent(1, stamp(-86_400)))
        (entry,) = model.log
        assert entry.stamp == stamp(-86_400)
        local = datetime.fromisoformat(entry.stamp).astimezone().replace(tzinfo=None)
        assert entry.timestamp == local


class TestNews:
    def test_missed_messages_are_below_the_rule_new(self, model: ChatModel) -> None:
        model.apply(page(PageKind.FIRST, range(10)))
        model.apply(page(PageKind.MISSED, range(10, 15), later=True))
        model.apply(page(PageKind.MISSED, range(15, 20)))
        model.apply(events.CaughtUp("lobby"))
        marker = model.log.read_marker
        assert marker.new_from == model.log.find(stamp(10))
        assert not model.log[model.log.end - 1].past

    def test_rule_new_names_the_time_of_leaving_the_room(self, model: ChatModel) -> None:
        live(model, 1)
        model.apply(events.Joined("dev"))
        model.apply(events.Joined("lobby"))
        model.apply(page(PageKind.MISSED, range(2, 4)))
        assert model.log.read_marker.since == datetime(2026, 11, 22, 21, 0)
        assert EntryKind.GAP not in [entry.kind for entry in model.log]

    def test_rule_new_names_the_newest_message_read_before_a_restart(
        self, model: ChatModel
    ) -> None:
        model.apply(HistoryPage("lobby", PageKind.MISSED, (message(2),), since=stamp(1)))
        expected = datetime.fromisoformat(stamp(1)).astimezone().replace(tzinfo=None)
        assert model.log.read_marker.since == expected

    def test_lost_connection_leaves_a_remark_only_while_catching_up_fails(
        self, model: ChatModel
    ) -> None:
        live(model, 1)
        at = datetime(2026, 11, 22, 20, 50)
        model.apply(events.HistoryGap(at, at + timedelta(minutes=1)))
        assert texts(model.log) == ["m1"]
        model.apply(events.HistoryRequestFailed("lobby", PageKind.MISSED, "the disk is full"))
        (remark,) = texts(model.log)[1:]
        assert remark == "messages may be missing since 20:50: the disk is full. Trying again…"
        live(model, 9)
        model.apply(page(PageKind.MISSED, range(2, 9)))
        model.apply(events.CaughtUp("lobby"))
        expected = ["m1", "the messages are complete again", *numbered(range(2, 10))]
        assert texts(model.log) == expected

    def test_messages_between_others_go_to_their_places(self, model: ChatModel) -> None:
        live(model, 2, 4, 6, 8)
        late = (message(1), message(3), message(5), message(7), message(9))
        model.apply(HistoryPage("lobby", PageKind.MISSED, late))
        assert texts(model.log) == numbered(range(1, 10))
        assert [entry.id for entry in model.log] == list(range(model.log.first, model.log.end))

    def test_past_messages_ring_no_bell_and_unread_mentions_ring_once(
        self, model: ChatModel
    ) -> None:
        call = message(1, text="alice, look")
        model.apply(HistoryPage("lobby", PageKind.FIRST, (call,)))
        model.apply(HistoryPage("lobby", PageKind.EARLIER, (message(0, text="alice?"),)))
        assert model.take_alerts() == []
        assert model.unread.count("lobby") == 0
        missed = (message(2, text="alice!"), message(3), message(4, text="@alice, hello"))
        model.apply(HistoryPage("lobby", PageKind.MISSED, missed))
        entries = [alert.entry for alert in model.take_alerts()]
        assert [entry.text for entry in entries if entry] == ["@alice, hello"]
        assert model.people.recent_speakers(model.now()) == set()

    def test_mention_that_the_server_has_reported_does_not_ring_again(
        self, model: ChatModel
    ) -> None:
        model.apply(events.UnreadListed((("dev", 3, 1),), is_complete=False))
        assert len(model.take_alerts()) == 1
        model.apply(events.Joined("dev"))
        call = message(2, text="alice!")
        model.apply(HistoryPage("dev", PageKind.MISSED, (call,), since=stamp(1)))
        assert model.take_alerts() == []
        model.apply(events.CaughtUp("dev"))
        model.apply(events.MessageArrived("dev", message(3, text="alice?")))
        assert len(model.take_alerts()) == 1

    def test_live_message_with_a_stamp_rings(self, model: ChatModel) -> None:
        model.apply(events.MessageArrived("lobby", message(1, text="alice: look")))
        assert len(model.take_alerts()) == 1

    def test_missed_private_messages_open_the_conversation(self, model: ChatModel) -> None:
        item = PrivateMessage(stamp(1), "bob", "alice", "psst", past=True)
        model.apply(HistoryPage("@bob", PageKind.MISSED, (item,)))
        assert model.conversations.listed() == ["bob"]
        assert texts(model.log_of("@bob")) == ["psst"]

    def test_server_without_history_keeps_its_gaps(self, model: ChatModel) -> None:
        model.apply(events.SignedIn("alice", ("/join",)))
        model.apply(events.MessageArrived("lobby", Message("21:00:00", "bob", "hi")))
        model.apply(events.Joined("dev"))
        model.apply(events.Joined("lobby"))
        assert "messages may be missing" in texts(model.log)[-1]
        assert model.log.top.state is EdgeState.UNKNOWN


class TestFailures:
    def test_failed_page_is_shown_at_the_edge_and_can_be_requested_again(
        self, model: ChatModel
    ) -> None:
        model.apply(page(PageKind.FIRST, range(10), earlier=True))
        model.request_page(PageKind.EARLIER)
        failure = events.HistoryRequestFailed("lobby", PageKind.EARLIER, "not now\x1b[2J")
        model.apply(failure)
        assert model.log.top.state is EdgeState.FAILED
        assert "\x1b" not in model.log.top.reason
        assert len(model.log) == 10
        assert model.request_page(PageKind.EARLIER)

    def test_lost_connection_ends_the_loading(self, model: ChatModel) -> None:
        model.apply(page(PageKind.FIRST, range(10), earlier=True))
        model.request_page(PageKind.EARLIER)
        model.apply(events.ConnectionChanged(events.ConnectionState.WAITING, retry_in=1.0))
        assert model.log.top.state is EdgeState.MORE
        assert model.request_page(PageKind.EARLIER)


class TestWindows:
    def scroll_up(self, model: ChatModel, oldest: int, until: int, size: int = 200) -> int:
        """Load page after page above message `oldest`, with the view at the top."""
        while oldest > until:
            assert model.request_page(PageKind.EARLIER)
            begin = max(until, oldest - size)
            model.apply(page(PageKind.EARLIER, range(begin, oldest), earlier=begin > 0))
            oldest = begin
            log = model.log
            log.in_view = (log.first, log.first + 20)
        return oldest

    def held(self, model: ChatModel) -> int:
        shown, present = model.log, model.log_of("lobby")
        return len(shown) + (0 if shown is present else len(present))

    def test_scrolling_through_twenty_thousand_messages_holds_a_bounded_number(
        self, model: ChatModel
    ) -> None:
        model.apply(page(PageKind.FIRST, range(20_000, 20_050), earlier=True))
        most = 0
        for until in range(19_800, -1, -200):
            self.scroll_up(model, until + 200 if until < 19_800 else 20_000, until)
            most = max(most, self.held(model))
        assert model.log.top.state is EdgeState.COMPLETE
        assert texts(model.log) == numbered(range(WINDOW_ENTRIES))
        assert most <= MAX_ENTRIES + 200
        assert self.held(model) <= WINDOW_ENTRIES + PRESENT_ENTRIES
        # Down again, page by page, until the present is reached: nothing missing, nothing twice.
        newest = WINDOW_ENTRIES
        while model.log.present is not None:
            shown = model.log
            shown.in_view = (shown.end - 20, shown.end - 1)
            assert shown.newest_stamp == stamp(newest - 1)
            assert model.request_page(PageKind.LATER)
            stop = min(20_050, newest + 200)
            model.apply(page(PageKind.LATER, range(newest, stop), later=stop < 20_050))
            newest = stop
            assert self.held(model) <= WINDOW_ENTRIES + 2 * PRESENT_ENTRIES
        live(model, 20_050)
        assert texts(model.log)[-3000:] == numbered(range(17_051, 20_051))
        assert texts(model.log) == numbered(range(20_051 - len(model.log), 20_051))

    def test_end_returns_to_the_present_at_once(self, model: ChatModel) -> None:
        model.apply(page(PageKind.FIRST, range(12_000, 12_050), earlier=True))
        self.scroll_up(model, 12_000, 1_000)
        live(model, 12_050, 12_051)
        assert model.log is not model.log_of("lobby")
        assert texts(model.log)[0] == "m1000"
        model.return_to_present()
        assert model.log is model.log_of("lobby")
        assert texts(model.log)[-1] == "m12051"
        assert model.log.top.state is EdgeState.MORE

    def test_page_for_a_closed_window_is_dropped(self, model: ChatModel) -> None:
        model.apply(page(PageKind.FIRST, range(12_000, 12_050), earlier=True))
        self.scroll_up(model, 12_000, 1_000)
        assert model.request_page(PageKind.EARLIER)
        model.return_to_present()
        before = texts(model.log)
        assert not model.request_page(PageKind.EARLIER), "the other page is still on its way"
        model.apply(page(PageKind.EARLIER, range(800, 1_000), earlier=True))
        assert texts(model.log) == before
        assert model.request_page(PageKind.EARLIER)

    def test_unconfirmed_message_stays_while_others_are_dropped(self, model: ChatModel) -> None:
        model.apply(page(PageKind.FIRST, range(12_000, 12_050), earlier=True))
        model.apply(events.MessagePending(1, "lobby", "mine"))
        model.apply(events.MessageUnconfirmed(1))
        live(model, *range(12_050, 12_050 + 2 * PRESENT_ENTRIES))
        self.scroll_up(model, 12_000, 1_000)
        assert model.log.present is not None
        assert [entry.text for entry in model.unconfirmed] == ["mine"]
        assert "mine" not in texts(model.log)
        model.return_to_present()
        assert "mine" in texts(model.log)

    def test_rule_new_comes_back_with_its_message(self, model: ChatModel) -> None:
        model.apply(page(PageKind.FIRST, range(11_000, 11_050), earlier=True))
        model.apply(page(PageKind.MISSED, range(11_050, 11_060)))
        live(model, *range(11_060, 11_060 + PRESENT_ENTRIES))
        self.scroll_up(model, 11_000, 1_000)
        model.return_to_present()
        assert model.log.read_marker.new_from is None
        oldest = 12_060 - PRESENT_ENTRIES
        assert model.log.oldest_stamp == stamp(oldest)
        assert model.request_page(PageKind.EARLIER)
        model.apply(page(PageKind.EARLIER, range(oldest - 200, oldest), earlier=True))
        assert model.log.read_marker.new_from == model.log.find(stamp(11_050))

    def test_found_message_replaces_the_log_with_its_surroundings(self, model: ChatModel) -> None:
        model.apply(page(PageKind.FIRST, range(1_000, 1_050), earlier=True))
        assert model.request_message(stamp(500))
        model.apply(page(PageKind.AROUND, range(480, 520), earlier=True, later=True))
        log = model.log
        assert texts(log) == numbered(range(480, 520))
        target = log.take_target()
        assert target is not None
        assert log[target].text == "m500"
        live(model, 1_050)
        assert texts(log) == numbered(range(480, 520))
        begin = 520
        while model.log.present is not None:
            assert model.request_page(PageKind.LATER)
            stop = min(begin + 200, 1_051)
            model.apply(page(PageKind.LATER, range(begin, stop), later=stop < 1_051))
            begin = stop
        assert texts(model.log) == numbered(range(480, 1_051))

    def test_found_message_that_the_log_holds_needs_no_request(self, model: ChatModel) -> None:
        model.apply(page(PageKind.FIRST, range(10)))
        assert not model.request_message(stamp(5))
        target = model.log.take_target()
        assert target is not None
        assert model.log[target].text == "m5"

    def test_leaving_the_room_closes_its_window(self, model: ChatModel) -> None:
        model.apply(page(PageKind.FIRST, range(1_000, 1_050), earlier=True))
        model.request_message(stamp(500))
        model.apply(page(PageKind.AROUND, range(480, 520), earlier=True, later=True))
        model.apply(events.Joined("dev"))
        model.apply(events.Joined("lobby"))
        assert texts(model.log) == numbered(range(1_000, 1_050))

    def test_long_log_is_split_instead_of_evicting_what_the_user_reads(
        self, model: ChatModel
    ) -> None:
        model.apply(page(PageKind.FIRST, range(50), earlier=True))
        model.log.in_view = (model.log.first, model.log.first + 20)
        live(model, *range(50, MAX_ENTRIES + PRESENT_ENTRIES + 100))
        assert texts(model.log)[:50] == numbered(range(50))
        assert self.held(model) <= WINDOW_ENTRIES + 2 * PRESENT_ENTRIES

    @pytest.mark.parametrize("is_following", [True, False])
    def test_page_above_a_full_log_does_not_hide_the_newest_messages_in_view(
        self, model: ChatModel, is_following: bool
    ) -> None:
        model.apply(page(PageKind.FIRST, range(MAX_ENTRIES, MAX_ENTRIES + 50), earlier=True))
        self.scroll_up(model, MAX_ENTRIES, 100)
        log = model.log
        assert model.request_page(PageKind.EARLIER)
        log.in_view = None if is_following else (log.end - 20, log.end - 1)
        model.apply(page(PageKind.EARLIER, range(100)))
        assert model.log is log
        assert texts(log)[-1] == f"m{MAX_ENTRIES + 49}"
        assert self.held(model) <= MAX_ENTRIES
        assert log.top.state is EdgeState.MORE
