"""The log: following, scroll position, marks, selection, many messages."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import RenderableType
from textual.geometry import Offset
from textual.screen import Screen
from textual.strip import Strip

from chat_server.wire.protocol import Action, Message
from chat_tui.events import (
    HistoryGap,
    Joined,
    LogNotice,
    MessageArrived,
    MessagePending,
    MessageSent,
    MessageUnconfirmed,
    PersonJoined,
)
from chat_tui.model.entries import EntryKind
from chat_tui.model.mentions import MentionFinder
from chat_tui.model.room_log import MAX_ENTRIES, RoomLog
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.message_log import MessageLog
from tests.support.app_harness import AppHarness, chat
from tests.support.fake_session import at


def log_of(harness: AppHarness) -> MessageLog:
    return harness.app.chat.query_one(MessageLog)


async def fill_log(harness: AppHarness, lines: int) -> None:
    await harness.receive("bob", *(f"line {number}" for number in range(lines)))
    await harness.until(
        lambda: f"line {lines - 1}" in harness.screen_text(log_of(harness)),
        "the last line is shown",
    )


class TestAppearance:
    async def test_log_aligns_time_author_and_text_in_columns(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive("bob", "did anyone see the build?")
            await harness.receive("carol", "looking now " * 6, clock="21:04:00")
            rows = harness.rows(log_of(harness))
            assert "Sunday 22 November" in rows[0]
            assert rows[1].rstrip() == " 21:03     bob  did anyone see the build?"
            assert rows[2].startswith(" 21:04   carol  looking now looking now")
            assert rows[3].startswith("                now looking now")

    async def test_empty_log_shows_hint(self, tmp_path: Path) -> None:
        async with chat(tmp_path, follows=("*",)) as harness:
            assert "No messages yet" in harness.screen_text(log_of(harness))
        async with chat(tmp_path) as harness:
            assert "You follow no one here" in harness.screen_text(log_of(harness))
        async with chat(tmp_path, here=("alice",)) as harness:
            assert "You are alone here" in harness.screen_text(log_of(harness))

    async def test_entry_kinds_are_distinguishable_without_colour(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            harness.session.emit(
                LogNotice("Subscriptions: none", "reply"),
                LogNotice("No such user: x", "error"),
                PersonJoined("erin", "lobby"),
                MessageArrived("lobby", Action("21:03:00", "bob", "waves")),
                HistoryGap(at("21:00:00"), at("21:02:00")),
            )
            await harness.settle()
            shown = harness.screen_text(log_of(harness))
            for row in (
                "·  Subscriptions: none",
                "!  No such user: x",
                "+  erin joined",
                "*  bob waves",
                "no connection from 21:00 to 21:02",
            ):
                assert row in shown

    async def test_log_rows_keep_width_with_wide_and_combining_characters(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive(
                "日本語", "こんにちは、みなさん。" * 6, "e\u0301\u0302" * 80, "👨‍👩‍👧" * 40
            )
            widget = log_of(harness)
            for y in range(widget.size.height):
                assert widget.render_line(y).cell_length == widget.scrollable_content_region.width

    async def test_mention_is_highlighted_and_author_is_coloured(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive("bob", "one", "hey Alice, look", "malice is no mention")
            widget = log_of(harness)
            mention = widget.get_component_rich_style("message-log--mention")
            found = [
                segment.text
                for y in range(4)
                for segment in widget.render_line(y)
                if segment.style and segment.style.color == mention.color and segment.style.bold
            ]
            assert found == ["@", "Alice"]


class TestOwnMessages:
    async def test_own_message_shows_sending_until_echo(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            harness.session.emit(MessagePending(1, "lobby", "thanks"))
            await harness.settle()
            row = harness.rows(log_of(harness))[1]
            assert row.startswith(" 21:00     you  thanks")
            assert row.rstrip().endswith("sending…")
            harness.session.emit(MessageSent(1, "21:00:01"))
            await harness.settle()
            assert "sending" not in harness.screen_text(log_of(harness))

    async def test_sending_mark_does_not_change_layout(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            width = log_of(harness).scrollable_content_region.width
            for length in range(width - 28, width, 3):
                harness.session.emit(MessagePending(length, "lobby", "x" * length))
                await harness.settle()
                before = log_of(harness).virtual_size
                assert "…" in harness.screen_text(log_of(harness))
                harness.session.emit(MessageSent(length))
                await harness.settle()
                assert log_of(harness).virtual_size == before
                assert "…" not in harness.screen_text(log_of(harness))

    async def test_unconfirmed_message_can_be_resent_by_key_and_click(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            harness.session.emit(
                MessagePending(1, "lobby", "one"),
                MessagePending(2, "lobby", "two"),
                MessageUnconfirmed(1),
                MessageUnconfirmed(2),
            )
            await harness.settle()
            shown = harness.screen_text(log_of(harness))
            assert shown.count("! not confirmed: it may have arrived.") == 2
            assert "Ctrl+G" in shown
            await harness.press("ctrl+g")
            assert harness.session.calls[-1] == ("resend", 0)
            assert "sent again" in harness.screen_text(log_of(harness))
            await harness.click_on("! not confirmed", log_of(harness))
            assert harness.session.calls[-1] == ("resend", 1)
            await harness.press("ctrl+g")  # no unconfirmed message is left
            assert harness.session.calls[-1] == ("resend", 1)


class TestFollowing:
    async def test_log_follows_newest_message(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await fill_log(harness, 100)
            assert log_of(harness).following
            assert "line 99" in harness.rows(log_of(harness))[-1]

    async def test_scrolling_up_stops_following_and_counts_new_messages(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path) as harness:
            await fill_log(harness, 100)
            await harness.press("pageup")
            before = [row[:-1] for row in harness.rows(log_of(harness))[:-1]]
            await harness.receive("carol", "one", "two", "three")
            assert [row[:-1] for row in harness.rows(log_of(harness))[:-1]] == before
            assert "3 new below" in harness.rows(log_of(harness))[-1]
            harness.session.emit(PersonJoined("erin", "lobby"))
            await harness.settle()
            assert log_of(harness).new_below == 3
            await harness.press("end")
            assert log_of(harness).following
            assert "new below" not in harness.screen_text(log_of(harness))

    async def test_new_rule_is_shown_above_unseen_messages(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await fill_log(harness, 30)
            await harness.press("pageup")
            await harness.receive("carol", "unseen", "also unseen")
            await harness.press("end")
            rows = harness.rows(log_of(harness))
            assert sum("─ new since 21:00 ─" in row for row in rows) == 1
            assert "─ new since 21:00 ─" in rows[-3]
            harness.session.emit(MessagePending(1, "lobby", "seen"))
            await harness.settle()
            assert "─ new since 21:00 ─" not in harness.screen_text(log_of(harness))

    async def test_new_rule_is_shown_for_messages_received_while_unfocused(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive("carol", "seen")
            harness.app.app_focus = False
            await harness.receive("carol", "unseen")
            assert "─ new since 21:00 ─" in harness.screen_text(log_of(harness))

    @pytest.mark.parametrize(
        ("days", "since"),
        [(0, "21:00"), (1, "Saturday 21:00"), (6, "Monday 21:00"), (7, "15 November 21:00")],
    )
    async def test_new_rule_names_the_day_unless_it_is_today(
        self, tmp_path: Path, days: int, since: str
    ) -> None:
        async with chat(tmp_path) as harness:
            harness.model.log.read_marker.unfocus(at("21:00:00") - timedelta(days=days))
            harness.app.app_focus = False
            await harness.receive("carol", "unseen")
            assert f"─ new since {since} ─" in harness.screen_text(log_of(harness))

    async def test_new_rule_moves_with_each_absence(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            widget = log_of(harness)
            for text in ("first", "second"):
                harness.app.app_focus = False
                await harness.receive("carol", text)
                harness.app.app_focus = True
                await harness.settle()
                await harness.receive("carol", "seen")
                rows = harness.rows(widget)
                (rule,) = (row for row in range(len(rows)) if "─ new since 21:00 ─" in rows[row])
                assert text in rows[rule + 1]

    async def test_new_rule_is_shown_in_room_that_was_left(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive("carol", "seen")
            harness.session.emit(Joined("dev"))
            await harness.settle()
            harness.session.emit(MessageArrived("lobby", Message("21:03:00", "bob", "unseen")))
            harness.session.emit(Joined("lobby"))
            await harness.settle()
            rows = harness.rows(log_of(harness))
            assert "seen" in rows[1]
            assert "─ new since 21:00 ─" in rows[2]
            assert "unseen" in rows[3]
            assert "you were elsewhere from 21:00 to 21:00" in rows[4]

    async def test_click_on_new_below_label_resumes_following(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await fill_log(harness, 100)
            await harness.press("pageup")
            await harness.receive("carol", "one")
            await harness.click_on("1 new below", log_of(harness))
            assert log_of(harness).following

    async def test_sending_message_resumes_following(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await fill_log(harness, 100)
            await harness.press("pageup", "h", "i", "enter")
            assert log_of(harness).following

    async def test_resize_keeps_top_message(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(120, 24)) as harness:
            await harness.receive("bob", *(f"{number} " + "words " * 40 for number in range(300)))
            widget = log_of(harness)
            await harness.press(*["pageup"] * 20)
            top = widget.top_entry
            assert top is not None
            for size in ((70, 24), (40, 12), (300, 100), (58, 20), (120, 24)):
                await harness.pilot.resize_terminal(*size)
                await harness.settle()
                assert widget.top_entry == top

    async def test_resize_keeps_following(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await fill_log(harness, 100)
            for size in ((58, 20), (140, 40), (40, 11), (100, 24)):
                await harness.pilot.resize_terminal(*size)
                await harness.settle()
                assert "line 99" in harness.rows(log_of(harness))[-1]
            composer = harness.app.chat.query_one(Composer)
            composer.text = "a\nb\nc\nd"
            await harness.settle()
            assert "line 99" in harness.rows(log_of(harness))[-1]

    async def test_longer_author_name_does_not_move_view(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await fill_log(harness, 60)
            await harness.press("pageup")
            top = log_of(harness).top_entry
            await harness.receive("a-much-longer-name", "hello")
            assert log_of(harness).top_entry == top


class TestMouse:
    async def test_mouse_moves_do_not_draw_the_log_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with chat(tmp_path) as harness:
            await fill_log(harness, 60)
            await harness.pilot.hover(offset=Offset(20, 3))  # leaves the widget before
            await harness.settle()
            frames = 0
            display = harness.app._display

            def count(screen: Screen[object], renderable: RenderableType | None) -> None:
                nonlocal frames
                frames += 1
                display(screen, renderable)

            monkeypatch.setattr(harness.app, "_display", count)
            drawn: list[int] = []
            render_line = MessageLog.render_line

            def record(log: MessageLog, y: int) -> Strip:
                drawn.append(y)
                return render_line(log, y)

            monkeypatch.setattr(MessageLog, "render_line", record)
            region = log_of(harness).region
            for step in range(20):
                await harness.pilot.hover(offset=Offset(region.x + 2 * step, region.y + step % 15))
                await harness.settle()
            assert drawn == []
            assert frames < 5  # another pane may draw


class TestManyMessages:
    async def test_log_shows_newest_ten_thousand_messages(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            widget = log_of(harness)
            log = harness.model.log
            for number in range(MAX_ENTRIES + 1500):
                log.append(EntryKind.MESSAGE, at("21:00:00"), f"line {number}", author="bob")
                if number % 500 == 0:
                    widget.show(log, MentionFinder((), ()), "")
            widget.show(log, MentionFinder((), ()), "")
            await harness.until(lambda: "line 11499" in harness.screen_text(widget))
            assert widget.virtual_size.height == MAX_ENTRIES + 1  # plus the rule of the day
            widget.scroll_home(animate=False)
            await harness.until(lambda: "line 1500" in harness.screen_text(widget))

    async def test_eviction_of_oldest_does_not_move_view(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            widget = log_of(harness)
            log = RoomLog(max_entries=200)

            def add_messages(count: int) -> None:
                for _ in range(count):
                    text = f"line {log.end}"
                    log.append(EntryKind.MESSAGE, at("21:00:00"), text, author="bob")
                widget.show(log, MentionFinder((), ()), "")

            add_messages(200)
            await harness.settle()
            await harness.press("pageup", "pageup")
            top = widget.top_entry
            assert top is not None
            selected = await select_row(harness, 3)
            for _ in range(10):
                add_messages(10)
                await harness.settle()
            assert widget.top_entry == top
            assert harness.app.chat.get_selected_text() == selected
            add_messages(100)  # now the selected message is evicted
            await harness.settle()
            assert widget.top_entry == log.first
            assert not harness.app.chat.get_selected_text()

    @pytest.mark.slow
    async def test_message_flood_is_laid_out_quickly(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            widget = log_of(harness)
            log = harness.model.log
            started = time.process_time()
            for batch in range(100):
                for number in range(100):
                    text = f"{batch} {number} " + "words " * 15
                    when = at("21:00:00") + timedelta(seconds=batch)
                    log.append(EntryKind.MESSAGE, when, text, author="bob")
                widget.show(log, MentionFinder((), ()), "")
            assert time.process_time() - started < 5.0  # measured: 0.35 s


async def select_row(harness: AppHarness, row: int) -> str | None:
    """Drag over the text of a row and return the selected text."""
    region = log_of(harness).region
    await harness.pilot.mouse_down(offset=Offset(region.x + 15, region.y + row))
    await harness.pilot.hover(offset=Offset(region.x + 50, region.y + row))
    await harness.pilot.mouse_up(offset=Offset(region.x + 50, region.y + row))
    await harness.settle()
    return harness.app.chat.get_selected_text()


class TestSelection:
    async def test_selection_over_wrapped_rows_copies_original_text(self, tmp_path: Path) -> None:
        text = "the flaky test is back, the one with the clock that needs some more time."
        async with chat(tmp_path) as harness:
            await harness.receive("bob", text)
            region = log_of(harness).region
            await harness.pilot.mouse_down(offset=Offset(region.x + 15, region.y + 1))
            await harness.pilot.hover(offset=Offset(region.x + 55, region.y + 2))
            await harness.pilot.mouse_up(offset=Offset(region.x + 55, region.y + 2))
            await harness.settle()
            selected = harness.app.chat.get_selected_text()
            assert selected is not None
            assert selected in text
            assert len(selected) > 50

    async def test_selection_of_several_messages_includes_authors(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive("bob", "one", "two")
            await harness.receive("carol", "three", clock="21:04:00")
            region = log_of(harness).region
            await harness.pilot.mouse_down(offset=Offset(region.x + 1, region.y + 1))
            await harness.pilot.hover(offset=Offset(region.x + 50, region.y + 3))
            await harness.pilot.mouse_up(offset=Offset(region.x + 50, region.y + 3))
            await harness.settle()
            assert harness.app.chat.get_selected_text() == (
                "21:03 bob: one\n21:03 bob: two\n21:04 carol: three"
            )
            await harness.press("ctrl+c")
            assert harness.app.clipboard == "21:03 bob: one\n21:03 bob: two\n21:04 carol: three"

    async def test_selection_dragged_out_of_log_stays_in_log(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive("bob", *(f"line {number}" for number in range(100)))
            region = log_of(harness).region
            await harness.pilot.mouse_down(offset=Offset(region.x + 1, region.bottom - 3))
            await harness.pilot.hover(offset=Offset(region.right + 8, region.bottom - 2))
            await harness.pilot.mouse_up(offset=Offset(region.right + 8, region.bottom - 2))
            await harness.settle()
            expected = [f"21:03 bob: line {number}" for number in (97, 98, 99)]
            assert harness.app.chat.get_selected_text() == "\n".join(expected)
            await harness.receive("bob", "one more")
            assert harness.app.chat.get_selected_text() == "\n".join(expected)

    async def test_selected_text_stays_readable(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive("bob", "one and only")
            widget = log_of(harness)
            usual = {segment.text.strip(): segment.style for segment in widget.render_line(1)}
            await harness.click_on("only", widget, times=2)
            style = next(s.style for s in widget.render_line(1) if s.text == "one and only")
            before = usual["one and only"]
            assert style
            assert before
            assert style.color == before.color
            assert style.bgcolor != before.bgcolor

    async def test_double_click_selects_one_message(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive("bob", "one and only", "two")
            await harness.click_on("only", log_of(harness), times=2)
            assert harness.app.chat.get_selected_text() == "one and only"

    async def test_typing_after_selection_goes_to_composer(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive("bob", "one and only")
            await harness.click_on("only", log_of(harness))
            await harness.press("h", "i")
            assert harness.app.chat.query_one(Composer).text == "hi"
