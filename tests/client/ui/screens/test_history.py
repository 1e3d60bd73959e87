"""Past messages in the log: the first frame, loading at both ends, failures, found messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual import events as textual_events
from textual.geometry import Offset

from chat_server.wire.protocol import Message
from chat_tui.events import (
    CaughtUp,
    HistoryPage,
    HistoryRequestFailed,
    MessageArrived,
    NotKept,
    PageKind,
)
from chat_tui.model.entries import EntryState
from chat_tui.ui.widgets.message_log import MessageLog
from tests.support.app_harness import AppHarness, chat
from tests.support.fake_session import COMMANDS

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WITH_HISTORY = (*COMMANDS, "/msg", "/history", "/search", "/unread", "/stamps")
BODIES = (
    "did anyone see the build?",
    "looking now; the flaky test is back, the one with the clock. It waits for a second that does "
    "not always come, and then for another one.",
    "https://git.example.org/lobby/pull/218/files#diff-7",
    "    def wait(event):",
    "日本語のメッセージ、こんにちは、みなさん。" * 3,
)


class PastServer:
    """The history of the lobby, which answers the requests that the app made to its session."""

    def __init__(self, harness: AppHarness, messages: int) -> None:
        self.harness = harness
        self.sent = [self.new_message(number) for number in range(messages)]

    def new_message(self, number: int) -> Message:
        time = (NOON + timedelta(seconds=20 * number)).isoformat(timespec="microseconds")
        text = f"m{number} {BODIES[number * 7 % 11 % 5]}"
        return Message(time, ("bob", "carol", "dave")[number // 4 % 3], text, past=True)

    def page(self, kind: PageKind, start: int, end: int) -> HistoryPage:
        start, end = max(0, start), min(len(self.sent), end)
        earlier = self.sent[start].time if start else None
        later = self.sent[end - 1].time if end < len(self.sent) else None
        return HistoryPage("lobby", kind, tuple(self.sent[start:end]), earlier, later)

    async def emit(self, *events: HistoryPage | HistoryRequestFailed | CaughtUp) -> None:
        self.harness.session.emit(*events)
        await self.harness.settle()

    async def enter(self, unread: int = 0) -> None:
        """Send the pages of a room that the user enters, of whose messages some are unread."""
        end = len(self.sent) - unread
        await self.emit(self.page(PageKind.FIRST, end - 50, end))
        if unread:
            await self.emit(self.page(PageKind.MISSED, end, len(self.sent)))
        await self.emit(CaughtUp("lobby"))

    @property
    def request(self) -> tuple[str, int] | None:
        """The last call of the session if it asks for a page, and the number of its message."""
        name, *values = (self.harness.session.calls or [("none",)])[-1]
        if not str(name).startswith("request_"):
            return None
        numbers = [n for n, message in enumerate(self.sent) if message.time == values[1]]
        return str(name), numbers[0]

    async def answer(self, size: int = 100) -> None:
        """Send the page that the app has asked for last."""
        assert self.request is not None
        name, number = self.request
        page = {
            "request_earlier": self.page(PageKind.EARLIER, number - size, number),
            "request_later": self.page(PageKind.LATER, number + 1, number + 1 + size),
            "request_around": self.page(PageKind.AROUND, number - size // 2, number + size // 2),
        }[name]
        self.harness.session.calls.append(("answered",))
        await self.emit(page)

    async def live(self, count: int = 1) -> None:
        for _ in range(count):
            self.sent.append(self.new_message(len(self.sent)))
            self.harness.session.emit(MessageArrived("lobby", self.sent[-1]))
        await self.harness.settle()


@asynccontextmanager
async def room(
    folder: Path, messages: int, size: tuple[int, int] = (100, 24), unread: int = 0
) -> AsyncIterator[tuple[AppHarness, PastServer]]:
    """Run the app in a room with a history."""
    async with chat(folder, size, commands=WITH_HISTORY, follows=("*",)) as harness:
        server = PastServer(harness, messages)
        await server.enter(unread)
        yield harness, server


def log_of(harness: AppHarness) -> MessageLog:
    return harness.app.chat.query_one(MessageLog)


def view(harness: AppHarness) -> list[str]:
    """Return the rows of the log without the scrollbar and the label below.

    Also without times and authors: a message that gets one above it may not repeat them.
    """
    rows = [row[16:-2].rstrip() for row in harness.rows(log_of(harness))]
    return rows[:-1]


async def scroll_to_top(harness: AppHarness) -> None:
    log_of(harness).scroll_to(y=0, animate=False)
    await harness.settle()


class TestFirstFrame:
    async def test_room_shows_past_messages_dimmed_above_a_rule(self, tmp_path: Path) -> None:
        async with room(tmp_path, 200) as (harness, server):
            log = log_of(harness)
            rows = harness.rows(log)
            assert "── earlier ──" in rows[-1]
            assert "m199" in harness.screen_text(log)
            assert harness.model.log.oldest_stamp == server.sent[150].time
            await server.live()
            rows = harness.rows(log)
            assert "m200" in harness.screen_text(log)
            assert sum("── earlier ──" in row for row in rows) == 1
            looks = {
                segment.text[:4]: (segment.style.color, segment.style.dim)
                for y in range(len(rows))
                for segment in log.render_line(y)
                if segment.style and segment.text.startswith(("m199", "m200"))
            }
            past = log.get_component_rich_style("message-log--past")
            assert looks["m199"] == (past.color, past.dim)
            assert looks["m200"] != looks["m199"]

    async def test_unread_messages_are_below_the_rule_new(self, tmp_path: Path) -> None:
        async with room(tmp_path, 200, (100, 40), unread=4) as (harness, _server):
            rows = harness.rows(log_of(harness))
            (rule,) = (number for number, row in enumerate(rows) if "─ new since" in row)
            assert "m196" in rows[rule + 1]
            assert "earlier" not in harness.screen_text(log_of(harness))
            assert harness.model.unread.total() == 0
            assert not harness.model.take_alerts()

    async def test_log_says_where_the_kept_messages_begin(self, tmp_path: Path) -> None:
        async with chat(tmp_path, commands=WITH_HISTORY, follows=("*",)) as harness:
            server = PastServer(harness, 3)
            before = "2026-10-30T12:00:00.000000+00:00"
            page = server.page(PageKind.FIRST, 0, 3)
            page = replace(page, entries=(NotKept(before=before), *page.entries))
            await server.emit(page)
            rows = harness.rows(log_of(harness))
            assert "Beginning of what is kept (since 30 October)" in rows[0]
            await harness.press("pageup")
            assert server.request is None

    async def test_complete_history_says_so(self, tmp_path: Path) -> None:
        async with room(tmp_path, 3) as (harness, _server):
            assert "Beginning of the history" in harness.rows(log_of(harness))[0]

    async def test_server_without_history_has_no_such_rows(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive("bob", *(f"line {number}" for number in range(50)))
            await harness.press(*["pageup"] * 5)
            assert "November" in harness.rows(log_of(harness))[0]
            assert not [call for call in harness.session.calls if "request" in str(call[0])]


class TestLoadingAbove:
    @pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 36)])
    async def test_page_above_leaves_every_row_where_it_is(
        self, tmp_path: Path, size: tuple[int, int]
    ) -> None:
        async with room(tmp_path, 400, size) as (harness, server):
            await scroll_to_top(harness)
            assert server.request == ("request_earlier", 350)
            assert "Loading earlier messages…" in harness.rows(log_of(harness))[0]
            before = view(harness)
            await server.answer()
            assert view(harness)[2:] == before[2:]  # above it the rules of the edge and the day
            assert "November" in before[1]
            assert "November" not in view(harness)[1]
            await server.live(3)
            assert view(harness)[2:] == before[2:]
            assert "3 new below" in harness.rows(log_of(harness))[-1]

    async def test_page_after_a_resize_and_amid_live_messages_does_not_move_the_view(
        self, tmp_path: Path
    ) -> None:
        async with room(tmp_path, 400, (120, 36)) as (harness, server):
            await scroll_to_top(harness)
            await harness.pilot.resize_terminal(80, 24)
            await harness.settle()
            log_of(harness).scroll_to(y=5, animate=False)
            await harness.settle()
            before = view(harness)
            await server.live(2)
            assert view(harness) == before
            page = server.page(PageKind.EARLIER, 300, 350)
            harness.session.emit(page, MessageArrived("lobby", server.new_message(900)))
            await harness.settle()
            assert view(harness) == before
            top = log_of(harness).top_entry
            await harness.pilot.resize_terminal(100, 30)
            await harness.settle()
            assert log_of(harness).top_entry == top

    @pytest.mark.parametrize("how", ["pageup", "home", "wheel", "composer"])
    async def test_every_way_to_the_top_loads_earlier_messages(
        self, tmp_path: Path, how: str
    ) -> None:
        async with room(tmp_path, 400) as (harness, server):
            log = log_of(harness)
            if how in ("pageup", "home"):
                log.focus()
            for _ in range(60):
                if server.request is not None:
                    break
                if how == "wheel":
                    region = log.region
                    event = textual_events.MouseScrollUp(
                        log, 5, 5, 0, -1, 0, False, False, False, region.x + 5, region.y + 5
                    )
                    log.post_message(event)
                    await harness.settle()
                else:
                    await harness.press("home" if how == "home" else "pageup")
            assert server.request == ("request_earlier", 350)
            await server.answer()
            assert len(harness.model.log) == 150

    async def test_short_log_loads_more_at_page_up(self, tmp_path: Path) -> None:
        async with room(tmp_path, 60) as (harness, server):
            model = harness.model
            model.begin("127.0.0.1:9000", "alice")
            harness.session.go_online(commands=WITH_HISTORY)
            await server.emit(server.page(PageKind.FIRST, 57, 60))
            assert "PgUp loads earlier messages" in harness.rows(log_of(harness))[0]
            await harness.press("pageup")
            assert server.request == ("request_earlier", 57)
            await server.answer()
            assert "m59" in harness.screen_text(log_of(harness))

    async def test_cursor_on_the_oldest_message_loads_more(self, tmp_path: Path) -> None:
        async with chat(tmp_path, commands=WITH_HISTORY, follows=("*",)) as harness:
            server = PastServer(harness, 60)
            await server.emit(server.page(PageKind.FIRST, 58, 60))
            log_of(harness).focus()
            requests = []
            for _ in range(3):
                await harness.press("up")
                requests.append(server.request)
            assert requests == [None, None, ("request_earlier", 58)]
            await server.answer()
            await harness.press("up")
            cursor = log_of(harness).cursor
            assert cursor is not None
            assert harness.model.log[cursor].text.startswith("m57 ")

    async def test_failed_page_is_one_quiet_row_and_is_tried_again(self, tmp_path: Path) -> None:
        async with room(tmp_path, 400) as (harness, server):
            await scroll_to_top(harness)
            before = view(harness)
            reason = "History is not available now; try again"
            await server.emit(HistoryRequestFailed("lobby", PageKind.EARLIER, reason))
            assert view(harness)[1:] == before[1:]
            assert (
                "Not loaded: history is not available now. PgUp tries again"
                in harness.rows(log_of(harness))[0]
            )
            harness.session.calls.append(("failed",))
            await harness.press("pageup")
            assert server.request == ("request_earlier", 350)
            await server.answer()
            assert len(harness.model.log) == 150

    async def test_selection_and_cursor_stay_on_their_messages(self, tmp_path: Path) -> None:
        async with room(tmp_path, 400) as (harness, server):
            await scroll_to_top(harness)
            await harness.click_on("m352", log_of(harness), times=2)
            selected = harness.app.chat.get_selected_text()
            assert selected is not None
            assert selected.startswith("m352 ")
            log_of(harness).focus()
            await harness.press("down", "down")
            cursor = log_of(harness).cursor
            await server.answer()
            assert harness.app.chat.get_selected_text() == selected
            assert log_of(harness).cursor == cursor

    async def test_search_finds_messages_that_were_loaded_above(self, tmp_path: Path) -> None:
        async with room(tmp_path, 400) as (harness, server):
            await scroll_to_top(harness)
            await harness.press("ctrl+f", *"m340")
            await harness.until(lambda: "Enter: search on the server" in harness.screen_text())
            await server.answer()
            await harness.until(lambda: "0/1" in harness.screen_text(), "the hit is counted")

    async def test_own_unconfirmed_message_is_kept(self, tmp_path: Path) -> None:
        async with room(tmp_path, 400) as (harness, server):
            harness.model.restore_unconfirmed("lobby", harness.model.now(), "mine")
            await scroll_to_top(harness)
            await server.answer()
            await harness.press("end", "ctrl+g")
            assert harness.session.calls[-1][0] == "resend"
            states = [entry.state for entry in harness.model.log if entry.own]
            assert states == [EntryState.RESENT]


class TestPagesThatBringNothing:
    """The server looks through a limited number of messages, and says from where to go on."""

    async def test_empty_page_above_is_followed_by_another_one(self, tmp_path: Path) -> None:
        async with room(tmp_path, 400) as (harness, server):
            await scroll_to_top(harness)
            before = view(harness)
            gap = HistoryPage("lobby", PageKind.EARLIER, (), server.sent[100].time)
            await server.emit(gap)
            assert view(harness)[1:] == before[1:]
            harness.session.calls.append(("answered",))
            await harness.press("pageup")
            assert server.request == ("request_earlier", 100)
            await server.answer(60)
            assert harness.model.log.oldest_stamp == server.sent[40].time

    async def test_empty_page_below_is_followed_by_another_one(self, tmp_path: Path) -> None:
        async with room(tmp_path, 400) as (harness, server):
            harness.app.chat.show_message(server.sent[100].time)
            await server.answer(20)
            log_of(harness).scroll_end(animate=False)
            await harness.settle()
            assert server.request == ("request_later", 109)
            gap = HistoryPage("lobby", PageKind.LATER, (), later=server.sent[300].time)
            await server.emit(gap)
            harness.session.calls.append(("answered",))
            await harness.press("pagedown")
            assert server.request == ("request_later", 300)

    async def test_room_whose_latest_messages_are_not_for_the_user_says_so(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path, commands=WITH_HISTORY, follows=("bob",)) as harness:
            server = PastServer(harness, 60)
            gap = HistoryPage("lobby", PageKind.FIRST, (), server.sent[30].time)
            await server.emit(gap, CaughtUp("lobby"))
            await harness.until(lambda: "PgUp looks further back" in harness.screen_text())
            await harness.press("pageup")
            assert server.request == ("request_earlier", 30)
            await server.answer()
            assert "m29" in harness.screen_text(log_of(harness))


class TestPartsOfTheHistory:
    async def test_end_returns_from_far_above_at_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("chat_tui.model.logs.WINDOW_ENTRIES", 150)
        monkeypatch.setattr("chat_tui.model.logs.PRESENT_ENTRIES", 40)
        async with room(tmp_path, 400) as (harness, server):
            harness.model.log.max_entries = 220
            for _ in range(3):
                await scroll_to_top(harness)
                before = view(harness)
                await server.answer()
                assert view(harness)[2:] == before[2:]
            shown = harness.model.log
            assert shown.present is not None
            await server.live(2)
            assert "2 new below" in harness.rows(log_of(harness))[-1]
            assert not log_of(harness).following
            await harness.press("end")
            assert log_of(harness).following
            assert "m401" in harness.screen_text(log_of(harness))
            assert harness.model.log.present is None

    async def test_found_message_is_shown_with_its_surroundings_and_a_way_back(
        self, tmp_path: Path
    ) -> None:
        async with room(tmp_path, 400) as (harness, server):
            log = log_of(harness)
            harness.app.chat.show_message(server.sent[200].time)
            assert server.request == ("request_around", 200)
            await server.answer()
            cursor = log.cursor
            assert cursor is not None
            assert harness.model.log[cursor].stamp == server.sent[200].time
            rows = harness.rows(log)
            (at,) = (number for number, row in enumerate(rows) if "m200 " in row)
            assert 5 < at < len(rows) - 5
            # Down to the present: every message once, and the view moves only as scrolled.
            for _ in range(80):
                await harness.press("pagedown")
                if server.request is not None:
                    before = view(harness)
                    await server.answer(50)
                    assert view(harness)[:-2] == before[:-2]
                if harness.model.log.present is None:
                    break
            numbers = [int(entry.text.split()[0][1:]) for entry in harness.model.log]
            assert numbers == list(range(150, 400))
            await harness.press("end")
            assert log.following
            assert "m399" in harness.screen_text(log)

    async def test_end_of_a_part_names_the_way_back(self, tmp_path: Path) -> None:
        async with room(tmp_path, 400) as (harness, server):
            harness.app.chat.show_message(server.sent[200].time)
            await server.answer(20)
            log = log_of(harness)
            log.scroll_end(animate=False)
            await harness.settle()
            assert "Loading later messages…" in harness.screen_text(log)
            failure = HistoryRequestFailed("lobby", PageKind.LATER, "Not now")
            await server.emit(failure)
            assert "Not loaded: not now. PgDn tries again" in harness.screen_text(log)
            await harness.press("end")
            assert "m399" in harness.screen_text(log)

    async def test_click_on_the_label_returns_to_the_present(self, tmp_path: Path) -> None:
        async with room(tmp_path, 400) as (harness, server):
            harness.app.chat.show_message(server.sent[200].time)
            await server.answer(40)
            region = log_of(harness).region
            await harness.pilot.click(offset=Offset(region.right - 4, region.bottom - 1))
            await harness.until(lambda: log_of(harness).following)
            assert "m399" in harness.screen_text(log_of(harness))

    async def test_message_that_is_loaded_already_is_shown_without_a_request(
        self, tmp_path: Path
    ) -> None:
        async with room(tmp_path, 400) as (harness, server):
            harness.app.chat.show_message(server.sent[355].time)
            await harness.settle()
            assert "request_around" not in [call[0] for call in harness.session.calls]
            assert "m355 " in harness.screen_text(log_of(harness))


class TestCatchUpThatFails:
    async def test_messages_that_came_count_as_read(self, tmp_path: Path) -> None:
        async with room(tmp_path, 60) as (harness, server):
            server.sent += [server.new_message(number) for number in range(60, 64)]
            failure = HistoryRequestFailed("lobby", PageKind.MISSED, "Not available; try again")
            await server.emit(server.page(PageKind.MISSED, 60, 62), failure)
            await harness.until(lambda: harness.model.unread.total() == 0)
            assert "messages may be missing" in harness.screen_text(log_of(harness))
            await server.emit(server.page(PageKind.MISSED, 62, 64), CaughtUp("lobby"))
            assert "the messages are complete again" in harness.screen_text(log_of(harness))
            assert harness.model.unread.total() == 0

    async def test_messages_put_between_others_do_not_move_the_view_after_a_search(
        self, tmp_path: Path
    ) -> None:
        async with room(tmp_path, 60) as (harness, server):
            server.sent += [server.new_message(number) for number in range(60, 110)]
            for message in server.sent[100:]:
                harness.session.emit(MessageArrived("lobby", message))
            await harness.press(*["pageup"] * 2)
            before = view(harness)
            await harness.press("ctrl+f", *"m105")
            await harness.until(lambda: "1/1" in harness.screen_text())
            await server.emit(server.page(PageKind.MISSED, 60, 100), CaughtUp("lobby"))
            await harness.press("escape")
            await harness.until(lambda: log_of(harness).cursor is None)
            assert view(harness) == before
