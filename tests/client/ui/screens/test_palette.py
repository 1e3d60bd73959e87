"""The palettes: what they list, in which order, and what Enter does."""

from pathlib import Path

import pytest
from textual.events import Key

from chat_tui.config import load
from chat_tui.events import MembersListed, RoomsListed, Unfollowed
from chat_tui.launch import LaunchOptions
from chat_tui.storage.state import ClientState
from chat_tui.ui.palette_index import MAX_HITS, PaletteIndex
from chat_tui.ui.screens.palette_screen import PaletteScreen
from tests.support.app_harness import AppHarness, SignedInApp, app_with, chat, form
from tests.support.fake_session import COMMANDS

WITH_PRIVATE = (*COMMANDS, "/msg", "/me")


def palette_of(harness: AppHarness) -> PaletteScreen:
    screen = harness.app.screen
    assert isinstance(screen, PaletteScreen)
    return screen


def listed(harness: AppHarness) -> list[str]:
    """Return the texts of the listed entries."""
    return [entry.text for entry in palette_of(harness)._shown]


class TestIndex:
    def test_better_matches_come_first_and_equal_ones_keep_their_order(self) -> None:
        texts = ["room: old dev", "person: dev2", "room: dev", "room: devops", "view: d e v"]
        hits, number = PaletteIndex(texts).search("dev")
        assert [texts[hit] for hit in hits] == [
            "room: dev",
            "view: d e v",
            "person: dev2",
            "room: devops",
            "room: old dev",
        ]
        assert number == 5

    def test_palette_prefix_selects_group(self) -> None:
        texts = ["person: roomer", "room: lobby", "room: bob", "person: bob"]
        index = PaletteIndex(texts)
        assert [texts[hit] for hit in index.search("room:")[0]] == ["room: lobby", "room: bob"]
        assert texts[index.search("room: b")[0][0]] == "room: bob"
        assert texts[index.search("person:bob")[0][0]] == "person: bob"

    def test_signs_of_other_chats_select_group(self) -> None:
        texts = ["room: bob", "person: bob", "room: dev", "person: dev"]
        index = PaletteIndex(texts)
        assert index.search("@bo")[0] == [1]
        assert index.search("#dev")[0] == [2]

    @pytest.mark.parametrize("typed", ["ÖL", "öl", "ö l"])
    def test_palette_ignores_case_and_spaces(self, typed: str) -> None:
        assert PaletteIndex(["room: öl", "room: x"]).search(typed) == ([0], 1)

    def test_one_letter_more_compares_only_former_matches(self) -> None:
        index = PaletteIndex([f"room: r{number}" for number in range(3000)] + ["room: zebra"])
        index.search("z")
        assert index.compared == 3001
        index.search("ze")
        assert index.compared == 1
        index.search("r")
        assert index.compared == 3001

    def test_palette_reads_pattern_characters_as_text(self) -> None:
        assert PaletteIndex(["room: a.b", "room: axb"]).search("a.b")[0] == [0]


async def test_each_letter_builds_few_rows_of_three_thousand_entries(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PRIVATE) as harness:
        harness.session.emit(
            RoomsListed(tuple((f"room{number}", 1) for number in range(1500))),
            MembersListed("lobby", tuple(f"person{number}" for number in range(1500))),
        )
        await harness.press("ctrl+k")
        for letters, number in (("r", "r"), ("o", "ro"), ("o", "roo"), ("m", "room")):
            await harness.press(letters)
            assert palette_of(harness).rows_built <= MAX_HITS + 1, number
        await harness.until(lambda: "type more letters" in harness.screen_text())
        await harness.press(*"1499", "enter")
        assert harness.session.calls == [("join", "room1499")]


class TestJump:
    async def test_name_of_person_opens_conversation(self, tmp_path: Path) -> None:
        async with chat(tmp_path, commands=WITH_PRIVATE, follows=("bob",)) as harness:
            for key in ("ctrl+k", "b", "o", "b", "enter"):
                harness.app.post_message(Key(key, key if len(key) == 1 else None))
            await harness.until(lambda: harness.model.location.partner == "bob")
            assert harness.session.calls == []

    @pytest.mark.parametrize("follows", [("*",), ()])
    @pytest.mark.parametrize("here", [("alice",), ("alice", "bob")])
    async def test_first_row_never_unfollows(
        self, tmp_path: Path, follows: tuple[str, ...], here: tuple[str, ...]
    ) -> None:
        async with chat(tmp_path, here=here, follows=follows, commands=WITH_PRIVATE) as harness:
            harness.session.emit(RoomsListed((("lobby", 1),)))
            await harness.press("ctrl+k")
            await harness.settle()
            assert "ollow" not in listed(harness)[0]
            assert not any("ollow" in text for text in listed(harness))

    async def test_order_is_rooms_conversations_people(self, tmp_path: Path) -> None:
        async with chat(tmp_path, commands=WITH_PRIVATE) as harness:
            await harness.press("ctrl+k")
            await harness.settle()
            assert listed(harness) == [
                "room: dev",
                "person: bob",
                "person: carol",
                "person: dave",
                "room: Open or join a room by name",
            ]

    async def test_palette_says_that_nothing_was_found(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.press("ctrl+k", *"%!")
            await harness.until(lambda: "Nothing matches “%!”" in harness.screen_text())
            await harness.press("enter", "escape")
            assert harness.app.screen is harness.app.chat

    async def test_person_who_was_unfollowed_can_be_followed_again(self, tmp_path: Path) -> None:
        async with chat(tmp_path, follows=("bob",)) as harness:
            harness.session.emit(Unfollowed("bob"))
            await harness.press("ctrl+k", *"again", "enter")
            await harness.until(lambda: harness.session.calls == [("follow", "bob")])


class TestThemes:
    async def test_theme_is_previewed_and_escape_restores_it(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            before = harness.app.theme
            await harness.press("ctrl+p", *"theme:lobby", "down")
            await harness.until(lambda: harness.app.theme != before)
            await harness.press(*"-light")
            await harness.until(lambda: harness.app.theme == "lobby-light")
            await harness.press("escape")
            assert harness.app.theme == before
            assert ClientState(tmp_path).theme == ""

    async def test_chosen_theme_is_kept(self, tmp_path: Path) -> None:
        async with form(tmp_path) as harness:
            await harness.press("ctrl+p", *"lobby-light", "enter")
            await harness.until(lambda: "lobby-light is used from now on" in harness.notices())
        app, _ = app_with(tmp_path, kind=SignedInApp)
        assert app.theme == "lobby-light"

    async def test_word_of_several_themes_finds_the_clients_own_theme_first(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path) as harness:
            await harness.press("ctrl+p", *"theme:light")
            await harness.until(lambda: harness.app.theme == "lobby-light", harness.app.theme)

    async def test_settings_file_overrides_chosen_theme(self, tmp_path: Path) -> None:
        ClientState(tmp_path).keep_theme("lobby-light")
        path = tmp_path / "config.toml"
        path.write_text('# mine\ntheme = "lobby-dark"\n')
        options = LaunchOptions("127.0.0.1", 9000, "alice", configuration=load(path))
        async with form(tmp_path, options) as harness:
            assert harness.app.theme == "lobby-dark"
            await harness.press("ctrl+p", *"lobby-light", "enter")
            await harness.until(lambda: "line 2 of" in harness.notices())
            assert harness.app.theme == "lobby-light"
        assert path.read_text() == '# mine\ntheme = "lobby-dark"\n'


async def test_palette_has_same_order_on_every_start(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        async with chat(tmp_path / name) as harness:
            await harness.press("ctrl+p")
            await harness.settle()
            entries = palette_of(harness)._entries
            texts.append([entry.text for entry in entries])
            groups = [entry.group for entry in entries]
    assert texts[0] == texts[1]
    assert set(groups) == {"room", "person", "view", "message", "account", "theme"}
    assert groups[-1] == "theme"
