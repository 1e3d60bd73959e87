"""Comings and goings: folded into one line, searched, copied and hidden."""

from datetime import datetime
from pathlib import Path

import pytest

from chat_server.wire.protocol import Message
from chat_tui.events import MessageArrived, PersonJoined, PersonLeft
from chat_tui.model.entries import Entry, EntryKind, Presence
from chat_tui.model.room_log import RoomLog
from chat_tui.ui.widgets.log_folds import fold_presence
from chat_tui.ui.widgets.log_layout import LogLayout
from chat_tui.ui.widgets.message_log import MessageLog
from chat_tui.ui.widgets.search_bar import SearchBar
from tests.support.app_harness import AppHarness, chat

NOON = datetime(2026, 11, 22, 12, 55)


def log_of(harness: AppHarness) -> MessageLog:
    return harness.app.chat.query_one(MessageLog)


def presence(*changes: str) -> list[Entry]:
    """Return entries for changes such as "+dave" and "-erin"."""
    return [
        Entry(number, EntryKind.NOTICE, NOON, "", "", presence=Presence(name[1:], name[0] == "+"))
        for number, name in enumerate(changes)
    ]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (("+dave", "+erin", "-frank"), "dave, erin joined · frank left"),
        (("+dave", "-dave"), "dave came and went"),
        (("-dave", "+dave"), "dave came back"),
        (("-dave", "+dave", "-dave", "+erin"), "erin joined · dave left"),
        (tuple(f"+p{n}" for n in range(6)), "p0, p1, p2, p3, p4, p5 joined"),
        (tuple(f"+p{n}" for n in range(40)), "p0, p1, p2, p3, p4 and 35 others joined"),
    ],
)
def test_fold_names_each_person_once(changes: tuple[str, ...], text: str) -> None:
    folded = fold_presence(presence(*changes))
    assert folded.text == text
    assert (folded.id, folded.timestamp) == (0, NOON)


def emit_changes(harness: AppHarness, *changes: str) -> None:
    harness.session.emit(
        *(
            (PersonJoined if change[0] == "+" else PersonLeft)(change[1:], "lobby")
            for change in changes
        )
    )


class TestFolding:
    async def test_comings_and_goings_are_one_line_until_someone_writes(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path, size=(120, 24)) as harness:
            await harness.receive("bob", "one")
            for change in ("+dave", "+erin", "-frank"):
                emit_changes(harness, change)
                await harness.settle()
            assert "+  dave, erin joined · frank left" in harness.rows(log_of(harness))[2]
            await harness.receive("bob", "two")
            emit_changes(harness, "-erin")
            await harness.settle()
            rows = harness.rows(log_of(harness))
            assert "bob  two" in rows[3]
            assert "-  erin left" in rows[4]

    async def test_search_finds_each_change_in_a_folded_line(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(120, 24)) as harness:
            emit_changes(harness, "+dave", "+erin", "-frank")
            await harness.receive("bob", "dave joined us")
            await harness.press("ctrl+f", *"dave joined")
            bar = harness.app.chat.query_one(SearchBar)
            await harness.until(lambda: "2/2" in harness.screen_text(bar))
            await harness.press("up")
            await harness.until(lambda: "1/2" in harness.screen_text(bar))
            log = log_of(harness)
            hit = log.get_component_rich_style("message-log--hit")
            line = [s for s in log.render_line(1) if s.style and s.style.bgcolor == hit.bgcolor]
            assert "".join(segment.text for segment in line) == "dave"
            assert harness.rows(log)[1].startswith("▌")

    async def test_cursor_steps_over_a_folded_line_at_once_and_copies_it(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path, size=(120, 24)) as harness:
            await harness.receive("bob", "one")
            emit_changes(harness, "+dave", "+erin", "-frank")
            await harness.receive("bob", "two")
            log_of(harness).focus()
            await harness.press("up", "up", "c")
            await harness.until(lambda: harness.app.clipboard)
            assert harness.app.clipboard == "dave, erin joined · frank left"
            await harness.press("up", "c")
            await harness.until(lambda: harness.app.clipboard == "one")
            await harness.press("down", "down", "down")
            assert log_of(harness).following

    async def test_comings_and_goings_can_be_hidden_and_shown_again(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(120, 24)) as harness:
            await harness.receive("bob", "one")
            emit_changes(harness, "+dave")
            await harness.receive("bob", "two")
            harness.app.chat.action_toggle_comings()
            await harness.settle()
            emit_changes(harness, "+erin")
            await harness.receive("bob", "three")
            shown = harness.screen_text(log_of(harness))
            assert "joined" not in shown
            assert shown.count("bob") == 1  # the messages are one group now
            await harness.press("ctrl+f", *"joined")
            await harness.until(lambda: "nothing found" in harness.screen_text())
            await harness.press("escape")
            harness.app.chat.action_toggle_comings()
            await harness.settle()
            shown = harness.screen_text(log_of(harness))
            assert "dave joined" in shown
            assert "erin joined" in shown

    @pytest.mark.parametrize("shown", [True, False])
    def test_rows_stay_in_step_while_a_full_log_evicts_a_folded_line(self, shown: bool) -> None:
        log = RoomLog(max_entries=20)
        layout = LogLayout()
        layout.show_presence(shown)
        layout.start(log)
        for number in range(200):
            if number % 9 < 5:
                change = Presence(f"p{number}", joined=True)
                log.append(EntryKind.NOTICE, NOON, f"p{number} joined", presence=change)
            else:
                log.append(EntryKind.MESSAGE, NOON, f"line {number}", author="bob")
            layout.update((), log.entries(layout.end))
            layout.trim()
            fresh = LogLayout()
            fresh.show_presence(shown)
            fresh.start(log)
            assert layout.rows == fresh.rows


class TestNamedAuthors:
    async def test_first_row_in_view_shows_time_and_author(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive("bob", "first", *("word " * 40 for _ in range(20)))
            log = log_of(harness)
            for top in range(3, 9):
                log.scroll_to(y=top, animate=False)
                await harness.settle()
                rows = harness.rows(log)
                assert rows[0].startswith(" 21:03     bob  word")
                assert "bob" not in rows[1]

    async def test_selection_of_first_row_is_the_text_even_with_wide_name(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive("山田太郎", "first", *(f"line {n}" for n in range(40)))
            log = log_of(harness)
            log.scroll_to(y=5, animate=False)
            await harness.settle()
            region = log.region
            start = harness.rows(log)[0].index("line") + len("山田太郎")
            await harness.pilot.mouse_down(offset=(region.x + start, region.y))
            await harness.pilot.hover(offset=(region.x + start + 6, region.y))
            await harness.pilot.mouse_up(offset=(region.x + start + 6, region.y))
            await harness.settle()
            assert harness.app.chat.get_selected_text() == "line 3"
            background = harness.app.chat.get_component_rich_style("screen--selection").bgcolor
            marked = [
                s.text for s in log.render_line(0) if s.style and s.style.bgcolor == background
            ]
            assert "".join(marked) == "line 3"

    async def test_mention_and_row_after_rule_name_the_author(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.receive("bob", "one", "alice, look", "two")
            harness.app.app_focus = False
            await harness.receive("bob", "three", "four")
            rows = [row[:16].strip() for row in harness.rows(log_of(harness))[1:7]]
            assert rows == ["21:03     bob", "@21:03     bob", "", "─" * 15, "21:03     bob", ""]
            harness.app.app_focus = True
            await harness.settle()
            harness.app.app_focus = False
            harness.session.emit(
                MessageArrived("lobby", Message("21:03:00", "bob", "five")),
            )
            await harness.settle()
            rows = [row[:16].strip() for row in harness.rows(log_of(harness))[4:8]]
            assert rows == ["", "", "─" * 15, "21:03     bob"]
