"""The sidebars: rooms and people, by mouse and by key, wide and folded."""

from pathlib import Path

import pytest
from textual.widget import Widget

from chat_tui.events import (
    Followed,
    Joined,
    RoomClosed,
    RoomOpened,
    RoomsListed,
    SignedIn,
    SubscriptionsListed,
)
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.people_list import Subscriptions
from chat_tui.ui.widgets.room_list import RoomList
from chat_tui.ui.widgets.text_input import Field
from tests.support.app_harness import HOSTILE, Bench, chat


def rooms_of(bench: Bench) -> RoomList:
    return bench.app.chat.query_one(RoomList)


def people_of(bench: Bench) -> Subscriptions:
    return bench.app.chat.query_one(Subscriptions)


def lines(bench: Bench, widget: Widget) -> list[str]:
    return [row.replace("▌", " ").strip() for row in bench.rows(widget) if row.strip(" ▌")]


class TestRooms:
    async def test_they_stand_with_their_numbers_and_the_current_one_is_marked(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path) as bench:
            shown = lines(bench, rooms_of(bench))
            assert shown[0] == "ROOMS"
            assert shown[1].split() == ["▸", "lobby", "4"]
            assert shown[2].split() == ["dev", "3"]
            assert shown[-1].startswith("+ open a room")

    async def test_a_click_goes_there_and_the_cursor_stays_in_the_composer(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path) as bench:
            await bench.click_on("dev", rooms_of(bench))
            assert bench.session.told == [("join", "dev")]
            assert bench.app.focused is bench.app.chat.query_one(Composer)

    async def test_enter_goes_there(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            await bench.press("f2", "down", "enter")
            assert bench.session.told == [("join", "dev")]
            assert bench.app.focused is bench.app.chat.query_one(Composer)

    async def test_a_room_is_opened_by_its_name(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            await bench.press("ctrl+o", *"ops", "enter")
            assert bench.session.told == [("join", "ops")]
            assert rooms_of(bench).query_one(Field).value == ""

    async def test_what_can_be_no_name_is_explained_and_kept(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            await bench.press("ctrl+o", *"a/b", "enter")
            await bench.until(lambda: "can't be a room" in bench.shown())
            assert bench.session.told == []
            assert rooms_of(bench).query_one(Field).value == "a/b"

    async def test_the_list_is_kept_fresh(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            bench.session.tell(RoomOpened("ops"), RoomClosed("dev"), Joined("ops"))
            await bench.settle()
            shown = lines(bench, rooms_of(bench))
            assert [row.split() for row in shown[1:3]] == [["lobby", "4"], ["▸", "ops"]]
            assert "Message ops…" in bench.shown()

    async def test_many_rooms_scroll_and_keep_their_place(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            many = tuple((f"room{number:03}", number) for number in range(100))
            bench.session.tell(RoomsListed(many))
            await bench.settle()
            await bench.press("f2", "end")
            assert "room099" in bench.shown(rooms_of(bench))
            assert "+ open a room" in bench.shown(rooms_of(bench))
            bench.session.tell(RoomsListed((*many[1:], ("zoo", 1))))
            await bench.settle()
            assert "room098" in bench.shown(rooms_of(bench))
            await bench.press("enter")
            assert bench.session.told == [("join", "room099")]

    async def test_a_long_name_is_cut_before_its_number(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            bench.session.tell(RoomsListed((("今日は晴れです今日は晴れです", 12), ("x" * 32, 3))))
            await bench.settle()
            shown = lines(bench, rooms_of(bench))
            assert [row.split()[-1] for row in shown[2:4]] == ["3", "12"]
            assert all("…" in row for row in shown[2:4])


class TestPeople:
    async def test_marks_say_who_is_followed(self, tmp_path: Path) -> None:
        async with chat(tmp_path, follows=("bob", "erin")) as bench:
            assert lines(bench, people_of(bench)) == [
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

    async def test_who_is_heard_through_everyone_has_a_mark_of_its_own(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path, follows=("*", "bob")) as bench:
            shown = lines(bench, people_of(bench))
            assert "◉ everyone" in shown
            assert "● bob" in shown
            assert "◉ carol" in shown

    @pytest.mark.parametrize(("words", "name"), [("carol", "carol"), ("everyone", "*")])
    async def test_a_click_toggles(self, tmp_path: Path, words: str, name: str) -> None:
        async with chat(tmp_path) as bench:
            await bench.click_on(words, people_of(bench))
            assert bench.session.told == [("toggle_follow", name)]
            assert bench.app.focused is bench.app.chat.query_one(Composer)

    async def test_a_click_on_oneself_or_a_heading_does_nothing(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            await bench.click_on("alice (you)", people_of(bench))
            await bench.click_on("HERE", people_of(bench))
            assert bench.session.told == []

    async def test_enter_toggles_and_one_stays_in_the_list(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            await bench.press("f3", "down", "enter")
            assert bench.session.told == [("toggle_follow", "bob")]
            bench.session.tell(Followed("bob"))
            await bench.settle()
            await bench.press("down", "enter")
            assert bench.session.told[-1] == ("toggle_follow", "carol")

    async def test_it_says_when_one_hears_nobody_here(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            assert "You follow no one" in bench.shown(people_of(bench))
            bench.session.tell(Followed("bob"))
            await bench.settle()
            assert "You follow no one" not in bench.shown(people_of(bench))

    async def test_an_older_server_offers_no_everyone(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            bench.model.begin("old:9000", "alice")
            bench.session.tell(
                SignedIn("alice", ("/join", "/rooms", "/subscribe", "/unsubscribe", "/subs")),
                SubscriptionsListed(("bob",)),
            )
            await bench.settle()
            shown = lines(bench, people_of(bench))
            assert "○ everyone" not in shown
            assert "● bob" in shown
            assert "This server does not" in " ".join(shown)


class TestFolding:
    @pytest.mark.parametrize(
        ("width", "rooms", "people"), [(100, True, True), (89, True, False), (59, False, False)]
    )
    async def test_by_the_width(
        self, tmp_path: Path, width: int, rooms: bool, people: bool
    ) -> None:
        async with chat(tmp_path, size=(width, 24)) as bench:
            assert rooms_of(bench).display is rooms
            assert people_of(bench).display is people

    async def test_a_key_unfolds_over_the_log_which_does_not_move(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(58, 20)) as bench:
            await bench.hear("bob", "hello")
            log = bench.app.chat.query_one("#log")
            before = log.region
            await bench.press("f3")
            assert "HERE" in bench.shown(people_of(bench))
            assert log.region == before
            await bench.press("f3")
            assert not people_of(bench).display
            await bench.press("f2")
            await bench.press("down", "enter")
            assert bench.session.told == [("join", "dev")]
            assert not rooms_of(bench).display

    async def test_escape_folds_again_and_goes_to_the_composer(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(58, 20)) as bench:
            await bench.press("f3", "escape")
            assert not people_of(bench).display
            assert bench.app.focused is bench.app.chat.query_one(Composer)

    async def test_where_there_is_room_the_key_goes_there_and_then_puts_it_away(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path) as bench:
            await bench.press("f3")
            assert people_of(bench).has_pseudo_class("focus-within")
            await bench.press("f3")
            assert not people_of(bench).display
            await bench.press("f3")
            assert people_of(bench).display

    async def test_a_key_that_opens_a_room_unfolds_the_rooms(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(58, 20)) as bench:
            await bench.press("ctrl+o", *"ops", "enter")
            assert bench.session.told == [("join", "ops")]
            assert not rooms_of(bench).display

    async def test_the_footer_goes_where_rows_are_few(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(80, 12)) as bench:
            assert "F1 Help" in bench.shown()
            await bench.pilot.resize_terminal(80, 11)
            await bench.settle()
            assert "F1 Help" not in bench.shown()
            assert "● connected" in bench.shown()

    async def test_no_size_breaks_it(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(1, 1)) as bench:
            await bench.hear("bob", "hello there, everyone", HOSTILE)
            for size in ((1, 1), (2, 3), (5, 5), (13, 4), (20, 6), (300, 90), (1, 1)):
                await bench.pilot.resize_terminal(*size)
                await bench.press("f2", "f3", "escape", "a", "pageup")
