"""The sidebars with rooms and people: by mouse and by key, wide and narrow."""

from functools import partial
from pathlib import Path

import pytest
from textual.widget import Widget

from chat_tui.config import Configuration
from chat_tui.config.settings import Settings
from chat_tui.events import (
    Followed,
    Joined,
    RoomClosed,
    RoomOpened,
    RoomsListed,
    SignedIn,
    SubscriptionsListed,
)
from chat_tui.launch import LaunchOptions
from chat_tui.model.location import Location
from chat_tui.ui.screens.sidebar_widths import fit_widths
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.log_rows import columns_for
from chat_tui.ui.widgets.people_list import PeopleList
from chat_tui.ui.widgets.room_list import RoomList
from chat_tui.ui.widgets.side_list import SideList
from chat_tui.ui.widgets.text_input import SafeInput
from tests.support.app_harness import HOSTILE, AppHarness, SignedInApp, app_with, chat


def rooms_of(harness: AppHarness) -> RoomList:
    return harness.app.chat.query_one(RoomList)


def people_of(harness: AppHarness) -> PeopleList:
    return harness.app.chat.query_one(PeopleList)


def lines(harness: AppHarness, widget: Widget) -> list[str]:
    return [row.replace("▌", " ").strip() for row in harness.rows(widget) if row.strip(" ▌")]


def has_width(widget: Widget, width: int) -> bool:
    return widget.region.width == width


def is_shown(harness: AppHarness, widget: Widget, text: str) -> bool:
    return text in harness.screen_text(widget)


class TestRooms:
    async def test_room_list_shows_counts_and_current_room(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            shown = lines(harness, rooms_of(harness))
            assert shown[0] == "ROOMS"
            assert shown[1].split() == ["▸", "lobby", "4"]
            assert shown[2].split() == ["dev", "3"]
            assert shown[-1].startswith("+ room ^O")

    async def test_click_on_room_joins_and_keeps_composer_focus(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.click_on("dev", rooms_of(harness))
            assert harness.session.calls == [("join", "dev")]
            assert harness.app.focused is harness.app.chat.query_one(Composer)

    async def test_enter_in_room_list_joins_room(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.press("f2", "down", "enter")
            assert harness.session.calls == [("join", "dev")]
            assert harness.app.focused is harness.app.chat.query_one(Composer)

    @pytest.mark.parametrize("typed", ["ops", "#ops"])
    async def test_typed_room_name_opens_room(self, tmp_path: Path, typed: str) -> None:
        async with chat(tmp_path) as harness:
            await harness.press("ctrl+o", *typed, "enter")
            assert harness.session.calls == [("join", "ops")]
            assert rooms_of(harness).query_one(SafeInput).value == ""

    async def test_invalid_room_name_is_explained_and_kept(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.press("ctrl+o", *"a/b", "enter")
            await harness.until(lambda: "a/b is not a room name" in harness.notices())
            assert harness.session.calls == []
            assert rooms_of(harness).query_one(SafeInput).value == "a/b"

    async def test_room_list_updates_on_room_events(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            harness.session.emit(RoomOpened("ops"), RoomClosed("dev"), Joined("ops"))
            await harness.settle()
            shown = lines(harness, rooms_of(harness))
            assert [row.split() for row in shown[1:3]] == [["lobby", "4"], ["▸", "ops"]]
            assert "Message ops…" in harness.screen_text()

    async def test_long_room_list_scrolls_and_keeps_selection(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            many = tuple((f"room{number:03}", number) for number in range(100))
            harness.session.emit(RoomsListed(many))
            await harness.settle()
            await harness.press("f2", "end")
            assert "room099" in harness.screen_text(rooms_of(harness))
            assert "+ room ^O" in harness.screen_text(rooms_of(harness))
            harness.session.emit(RoomsListed((*many[1:], ("zoo", 1))))
            await harness.settle()
            assert "room098" in harness.screen_text(rooms_of(harness))
            await harness.press("enter")
            assert harness.session.calls == [("join", "room099")]

    async def test_long_room_name_is_truncated_before_count(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            harness.session.emit(RoomsListed((("今日は晴れです今日は晴れです", 12), ("x" * 32, 3))))
            await harness.settle()
            shown = lines(harness, rooms_of(harness))
            assert [row.split()[-1] for row in shown[2:4]] == ["3", "12"]
            assert all("…" in row for row in shown[2:4])


class TestPeople:
    async def test_people_list_marks_followed_people(self, tmp_path: Path) -> None:
        async with chat(tmp_path, follows=("bob", "erin")) as harness:
            assert lines(harness, people_of(harness)) == [
                "FOLLOWING",
                "○ everyone",
                "HERE",
                "· alice (you)",
                "● bob",
                "○ carol",
                "○ dave",
                "ELSEWHERE",
                "● erin",
            ]

    async def test_people_followed_through_everyone_have_own_mark(self, tmp_path: Path) -> None:
        async with chat(tmp_path, follows=("*", "bob")) as harness:
            shown = lines(harness, people_of(harness))
            assert "◉ everyone" in shown
            assert "● bob" in shown
            assert "◉ carol" in shown

    @pytest.mark.parametrize(("label", "name"), [("carol", "carol"), ("everyone", "*")])
    async def test_click_on_person_toggles_follow(
        self, tmp_path: Path, label: str, name: str
    ) -> None:
        async with chat(tmp_path) as harness:
            await harness.click_on(label, people_of(harness))
            assert harness.session.calls == [("toggle_follow", name)]
            assert harness.app.focused is harness.app.chat.query_one(Composer)

    async def test_click_on_own_name_or_heading_does_nothing(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.click_on("alice (you)", people_of(harness))
            await harness.click_on("HERE", people_of(harness))
            assert harness.session.calls == []

    async def test_enter_on_person_toggles_follow_and_keeps_focus(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.press("f3", "down", "enter")
            assert harness.session.calls == [("toggle_follow", "bob")]
            harness.session.emit(Followed("bob"))
            await harness.settle()
            await harness.press("down", "enter")
            assert harness.session.calls[-1] == ("toggle_follow", "carol")

    async def test_people_list_leaves_it_to_the_log_that_none_is_followed(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path, (100, 26)) as harness:
            await harness.until(lambda: "You see no messages. F8" in harness.screen_text())
            assert "You follow" not in harness.screen_text(people_of(harness))

    async def test_follow_everyone_is_not_offered_on_legacy_server(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            harness.model.begin("old:9000", "alice")
            harness.session.emit(
                SignedIn("alice", ("/join", "/rooms", "/subscribe", "/unsubscribe", "/subs")),
                SubscriptionsListed(("bob",)),
            )
            await harness.settle()
            shown = lines(harness, people_of(harness))
            assert "○ everyone" not in shown
            assert "● bob" in shown
            assert "This server does not" in " ".join(shown)


class TestFolding:
    @pytest.mark.parametrize(
        ("width", "rooms", "people"), [(100, True, True), (89, True, False), (59, False, False)]
    )
    async def test_sidebars_fold_by_terminal_width(
        self, tmp_path: Path, width: int, rooms: bool, people: bool
    ) -> None:
        async with chat(tmp_path, size=(width, 24)) as harness:
            assert rooms_of(harness).display is rooms
            assert people_of(harness).display is people

    async def test_key_unfolds_sidebar_over_log(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(58, 20)) as harness:
            await harness.receive("bob", "hello")
            log = harness.app.chat.query_one("#log")
            before = log.region
            await harness.press("f3")
            assert "HERE" in harness.screen_text(people_of(harness))
            assert log.region == before
            await harness.press("f3")
            assert not people_of(harness).display
            await harness.press("f2")
            await harness.press("down", "enter")
            assert harness.session.calls == [("join", "dev")]
            assert not rooms_of(harness).display

    async def test_escape_folds_sidebar_and_focuses_composer(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(58, 20)) as harness:
            await harness.press("f3", "escape")
            assert not people_of(harness).display
            assert harness.app.focused is harness.app.chat.query_one(Composer)

    async def test_sidebar_key_focuses_then_hides_in_wide_terminal(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.press("f3")
            assert people_of(harness).has_pseudo_class("focus-within")
            await harness.press("f3")
            assert not people_of(harness).display
            await harness.press("f3")
            assert people_of(harness).display

    async def test_open_room_key_unfolds_room_list(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(58, 20)) as harness:
            await harness.press("ctrl+o", *"ops", "enter")
            assert harness.session.calls == [("join", "ops")]
            assert not rooms_of(harness).display

    async def test_footer_is_hidden_in_low_terminal(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(80, 12)) as harness:
            assert "F1 Help" in harness.screen_text()
            await harness.pilot.resize_terminal(80, 11)
            await harness.settle()
            assert "F1 Help" not in harness.screen_text()
            assert "● connected" in harness.screen_text()

    async def test_sidebars_work_at_any_terminal_size(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(1, 1)) as harness:
            await harness.receive("bob", "hello there, everyone", HOSTILE)
            for size in ((1, 1), (2, 3), (5, 5), (13, 4), (20, 6), (300, 90), (1, 1)):
                await harness.pilot.resize_terminal(*size)
                await harness.press("f2", "f3", "escape", "a", "pageup")


class TestWidths:
    @pytest.mark.parametrize(
        ("total", "needed", "chosen", "widths"),
        [
            (100, (10, 10), (None, None), (12, 12)),
            (100, (30, 30), (None, None), (13, 13)),
            (100, (13, 13), (None, None), (13, 13)),
            (100, (12, 20), (None, None), (12, 14)),
            (100, (12, 20), (20, None), (20, 12)),
            (120, (30, 15), (None, None), (24, 15)),
            (160, (12, 15), (40, 99), (40, 40)),
            (90, (24, 24), (40, 40), (30, 30)),
        ],
    )
    def test_sidebars_are_as_wide_as_needed_while_text_has_room(
        self,
        total: int,
        needed: tuple[int, int],
        chosen: tuple[int | None, int | None],
        widths: tuple[int, int],
    ) -> None:
        assert fit_widths(total, list(needed), list(chosen)) == list(widths)

    @pytest.mark.parametrize(
        ("total", "needed", "width"), [(80, 10, 12), (80, 14, 14), (80, 30, 16), (60, 30, 12)]
    )
    def test_only_sidebar_is_wide_enough_for_most_names_at_eighty_columns(
        self, total: int, needed: int, width: int
    ) -> None:
        assert fit_widths(total, [needed], [None]) == [width]
        columns = columns_for(80 - width - 1, 6)
        assert columns.text_width >= 45

    @pytest.mark.parametrize("needed", [[1, 1], [20, 14], [40, 40]])
    @pytest.mark.parametrize("longest", [1, 6, 7, 8, 20])
    def test_text_has_fifty_five_cells_from_a_hundred_columns_on(
        self, needed: list[int], longest: int
    ) -> None:
        for total in range(100, 200):
            widths = fit_widths(total, needed, [None, None], max(6, min(longest, 8)))
            assert min(widths) >= 12
            scrollbar = 1
            columns = columns_for(total - sum(widths) - scrollbar, longest)
            assert columns.text_width >= 55, total

    async def test_text_has_fifty_five_cells_at_a_hundred_columns(self, tmp_path: Path) -> None:
        here = ("alice", "bob", "a-person-with-a-long-name", "christine")
        async with chat(tmp_path, size=(100, 24), here=here) as harness:
            harness.session.emit(RoomsListed((("a-room-with-a-long-name", 12),)))
            await harness.receive("christine", "x" * 55, "y" * 56)
            rows = harness.rows(harness.app.chat.query_one("#log"))
            assert any("x" * 55 in row for row in rows)

    async def test_sidebars_grow_with_their_content_and_do_not_shrink(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(140, 24)) as harness:
            rooms = rooms_of(harness)
            assert rooms.region.width == 12
            harness.session.emit(RoomsListed((("lobby", 4), ("announcements", 12))))
            await harness.until(lambda: "announcements 12" in harness.screen_text(rooms))
            width = rooms.region.width
            assert width == len(" ▸ announcements 12 ") - 1 + 1
            harness.session.emit(RoomsListed((("lobby", 4),)))
            await harness.settle()
            assert rooms.region.width == width

    async def test_keys_move_the_edge_of_the_focused_sidebar(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(140, 24)) as harness:
            await harness.press("f2", "shift+right", "shift+right", "shift+left")
            await harness.until(lambda: rooms_of(harness).region.width == 13)
            before = people_of(harness).region.width
            await harness.press("f3", "shift+left", "shift+left")
            await harness.until(lambda: people_of(harness).region.width == before + 2)
            await harness.press("f2", *["shift+left"] * 5)
            await harness.until(lambda: rooms_of(harness).region.width == 12)

    async def test_mouse_drags_the_edges(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(140, 24)) as harness:
            for sidebar, x, to, width in (
                (rooms_of(harness), rooms_of(harness).region.right - 1, 19, 20),
                (people_of(harness), people_of(harness).region.x, 140 - 30, 30),
            ):
                await harness.pilot.mouse_down(offset=(x, 5))
                await harness.pilot.hover(offset=(to, 9))
                await harness.pilot.mouse_up(offset=(to, 9))
                await harness.until(partial(has_width, sidebar, width))
                await harness.pilot.hover(offset=(60, 9))
                assert sidebar.region.width == width
            assert not harness.app.chat.get_selected_text()

    async def test_settings_set_the_widths(self, tmp_path: Path) -> None:
        own = Configuration(
            tmp_path / "config.toml", settings=Settings(rooms_width=18, people_width=30)
        )
        start = LaunchOptions("127.0.0.1", 9000, "alice", configuration=own)
        app, session = app_with(tmp_path, start, kind=SignedInApp)
        session.go_online(here=("alice", "bob"))
        async with app.run_test(size=(140, 24)) as pilot:
            harness = AppHarness(app, pilot, session)
            await harness.settle()
            assert rooms_of(harness).region.width == 18
            assert people_of(harness).region.width == 30


class TestCurrentRow:
    async def test_room_list_follows_the_current_place(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(80, 24)) as harness:
            rooms = rooms_of(harness)
            names = ["lobby", *(f"room{number:02}" for number in range(30))]
            harness.session.emit(RoomsListed(tuple((name, 1) for name in names)))
            for name in (*names[::-1], *names):
                harness.session.emit(Joined(name))
                await harness.until(partial(is_shown, harness, rooms, f"▸ {name}"))
            await harness.pilot.resize_terminal(80, 14)
            await harness.until(lambda: "▸ room29" in harness.screen_text(rooms))

    async def test_room_list_stays_where_the_user_scrolled_it(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(80, 24)) as harness:
            rooms = rooms_of(harness)
            names = ["lobby", *(f"room{number:02}" for number in range(60))]
            harness.session.emit(RoomsListed(tuple((name, 1) for name in names)))
            await harness.settle()
            rooms.query_one(SideList).scroll_to(y=30, animate=False)
            await harness.settle()
            harness.session.emit(RoomOpened("room29b"), RoomClosed("room01"))
            await harness.settle()
            assert "lobby" not in harness.screen_text(rooms)
            harness.session.emit(Joined("room59"))
            await harness.until(lambda: "▸ room59" in harness.screen_text(rooms))

    async def test_list_of_rooms_follows_conversation_in_view(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(80, 24)) as harness:
            names = ["lobby", *(f"room{number:02}" for number in range(30))]
            harness.session.emit(RoomsListed(tuple((name, 1) for name in names)))
            harness.model.view(Location.private("bob"))
            harness.session.emit()
            await harness.until(lambda: "▸ bob" in harness.screen_text(rooms_of(harness)))

    async def test_list_of_people_follows_conversation_in_view(self, tmp_path: Path) -> None:
        here = ("alice", *(f"person{number:02}" for number in range(60)))
        async with chat(tmp_path, size=(100, 24), here=here, follows=("*",)) as harness:
            people = people_of(harness)
            assert "person50" not in harness.screen_text(people)
            harness.model.view(Location.private("person50"))
            harness.session.emit()
            await harness.until(lambda: "person50" in harness.screen_text(people))
