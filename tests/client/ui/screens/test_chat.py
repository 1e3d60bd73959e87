"""The chat screen as a whole: keys, palette, help, quitting."""

from pathlib import Path

import pytest
from textual.events import Key
from textual.widgets import Footer

from chat_tui.events import (
    ConnectionChanged,
    ConnectionState,
    Joined,
    MessagePending,
    MessageUnconfirmed,
    RoomsListed,
)
from chat_tui.local_server import LocalServer
from chat_tui.ui.screens.confirm import ConfirmScreen
from chat_tui.ui.screens.help import HelpScreen
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.message_log import MessageLog
from tests.support.app_harness import AppHarness, chat, form


async def test_header_shows_room_and_member_count(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        assert "lobby · 4 here" in harness.rows()[0]
        harness.session.emit(Joined("dev"))
        await harness.until(lambda: "dev · 3 here" in harness.rows()[0])


async def test_each_room_has_its_own_log(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        log = harness.app.chat.query_one(MessageLog)
        await harness.receive("bob", "said in the lobby")
        harness.session.emit(Joined("dev"))
        await harness.receive("carol", "said in dev")
        assert "said in the lobby" not in harness.screen_text(log)
        harness.session.emit(Joined("lobby"))
        await harness.settle()
        assert "said in the lobby" in harness.screen_text(log)
        assert "said in dev" not in harness.screen_text(log)


class TestFooter:
    async def test_footer_shows_main_keys(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(80, 24)) as harness:
            footer = harness.app.chat.query_one(Footer)
            keys = ("F1 Help", "F2 Rooms", "F3 People", "^K Jump", "^Q Quit")
            await harness.until(lambda: all(key in harness.screen_text(footer) for key in keys))
            assert "Again" not in harness.screen_text(footer)
            assert "Retry" not in harness.screen_text(footer)

    async def test_footer_shows_available_actions(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(80, 24)) as harness:
            harness.session.emit(
                MessagePending(1, "lobby", "x"),
                MessageUnconfirmed(1),
                ConnectionChanged(ConnectionState.WAITING, "gone", 3.0),
            )
            await harness.until(lambda: "^R Retry" in harness.screen_text())
            footer = harness.screen_text(harness.app.chat.query_one(Footer))
            assert all(key in footer for key in ("^G Again", "^R Retry", "^K Jump"))

    @pytest.mark.parametrize("width", [24, 40, 47, 60, 80, 100, 140])
    @pytest.mark.parametrize("pane_key", ["escape", "f2", "f3"])
    async def test_footer_shows_whole_keys_only(
        self, tmp_path: Path, width: int, pane_key: str
    ) -> None:
        async with chat(tmp_path, size=(width, 24)) as harness:
            footer = harness.app.chat.query_one(Footer)
            await harness.press(pane_key)
            names = {"^K Jump", "F1 Help", "F2 Rooms", "F3 People", "^Q Quit", "^F Find"}
            names |= {"Enter Open", "Enter Follow", "Esc Write"}

            def shown() -> set[str]:
                parts = harness.screen_text(footer).split("  ")
                return {part.strip() for part in parts} - {""}

            await harness.until(lambda: shown() and shown() <= names, str(shown()))

    async def test_footer_names_what_enter_does_in_list(self, tmp_path: Path) -> None:
        async with chat(tmp_path, follows=("carol",)) as harness:
            footer = harness.app.chat.query_one(Footer)
            await harness.press("f3", "down")
            await harness.until(lambda: "Enter Follow" in harness.screen_text(footer))
            await harness.press("down")
            await harness.until(lambda: "Enter Unfollow" in harness.screen_text(footer))
            await harness.press("f2")
            await harness.until(lambda: "Enter Open" in harness.screen_text(footer))


class TestPalette:
    async def test_palette_lists_commands_with_keys(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(100, 80)) as harness:
            await harness.press("ctrl+p")
            await harness.until(lambda: "Jump to a room, a person" in harness.screen_text())
            shown = harness.screen_text()
            assert "Ctrl+K" in shown
            assert "Sign out" in shown
            assert "Send the unconfirmed" not in shown

    async def test_sign_out_shows_login_form(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            harness.app.switch_mode("login")
            await harness.settle()
            harness.app.switch_mode("chat")
            await harness.settle()
            harness.app.chat.action_sign_out()
            await harness.until(lambda: harness.app.screen is harness.app.login)
            assert ("cancel",) in harness.session.calls

    async def test_jump_joins_room(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.press("ctrl+k", *"dev")
            await harness.until(lambda: "3 there" in harness.screen_text())
            await harness.press("enter")
            await harness.until(lambda: ("join", "dev") in harness.session.calls)

    async def test_fast_keys_after_ctrl_k_go_to_palette(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            for key in ("ctrl+k", "d", "e", "v", "enter"):
                harness.app.post_message(Key(key, key if len(key) == 1 else None))
            await harness.until(lambda: ("join", "dev") in harness.session.calls)
            assert harness.session.calls == [("join", "dev")]
            assert harness.app.focused is harness.app.chat.query_one(Composer)
            assert harness.app.chat.query_one(Composer).text == ""

    async def test_jump_follows_person(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.press("ctrl+k", *"carol")
            await harness.until(lambda: "Follow carol" in harness.screen_text())
            await harness.press("enter")
            await harness.until(lambda: ("toggle_follow", "carol") in harness.session.calls)

    @pytest.mark.parametrize("typed", ["zoo", "#zoo", "room: zoo"])
    async def test_jump_creates_new_room(self, tmp_path: Path, typed: str) -> None:
        async with chat(tmp_path) as harness:
            await harness.press("ctrl+k", *typed)
            await harness.until(lambda: "Open the room zoo" in harness.screen_text())
            await harness.press("enter")
            await harness.until(lambda: ("join", "zoo") in harness.session.calls)


class TestHelp:
    async def test_help_lists_keys_symbols_and_commands(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(100, 140)) as harness:
            await harness.press("f1")
            await harness.until(lambda: isinstance(harness.app.screen, HelpScreen))
            await harness.settle()
            shown = harness.screen_text()
            for text in ("Ctrl+G", "not confirmed", "/subscribe NAME", "nc 127.0.0.1 9000"):
                assert text in shown
            await harness.press("escape")
            await harness.until(lambda: harness.app.screen is harness.app.chat)

    async def test_login_form_has_help(self, tmp_path: Path) -> None:
        async with form(tmp_path) as harness:
            await harness.press("f1")
            await harness.until(lambda: isinstance(harness.app.screen, HelpScreen))
            await harness.press("f1")
            await harness.until(lambda: harness.app.screen is harness.app.login)


class TestQuitting:
    async def test_ctrl_q_closes_session_at_once(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.press("ctrl+q")
            assert ("close",) in harness.session.calls
        assert harness.app.return_code == 0

    @pytest.mark.parametrize("key", ["f1", "f6"])
    async def test_ctrl_q_quits_from_overlay_screens(self, tmp_path: Path, key: str) -> None:
        async with chat(tmp_path) as harness:
            await harness.press(key)
            await harness.until(lambda: harness.app.screen is not harness.app.chat)
            await harness.press("ctrl+q")
            await harness.until(lambda: ("close",) in harness.session.calls)

    async def test_ctrl_c_shows_how_to_quit(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as harness:
            await harness.press("ctrl+c")
            await harness.until(lambda: "Ctrl+Q quits" in harness.screen_text())

    @pytest.mark.parametrize(("key", "left"), [("y", True), ("escape", False), ("enter", False)])
    async def test_quit_confirms_if_others_use_own_local_server(
        self, tmp_path: Path, key: str, left: bool
    ) -> None:
        async with chat(tmp_path) as harness:
            harness.app.supervisor.server = own_server(tmp_path)
            await harness.press("ctrl+q")
            await harness.until(lambda: isinstance(harness.app.screen, ConfirmScreen))
            await harness.settle()
            assert "Other users are connected" in harness.screen_text()
            await harness.press(key)
            assert (("close",) in harness.session.calls) is left

    async def test_quit_does_not_confirm_if_local_server_has_no_other_users(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path) as harness:
            harness.app.supervisor.server = own_server(tmp_path)
            harness.session.emit(RoomsListed((("lobby", 1),)))
            await assert_quits_at_once(harness)

    async def test_quit_does_not_confirm_if_local_server_keeps_running(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path) as harness:
            harness.app.supervisor.server = LocalServer(tmp_path, 9000, (), None)
            await assert_quits_at_once(harness)


def own_server(folder: Path) -> LocalServer:
    class OwnServer(LocalServer):
        joined_existing = False

    return OwnServer(folder, 9000, (), folder / "log")


async def assert_quits_at_once(harness: AppHarness) -> None:
    await harness.press("ctrl+q")
    assert ("close",) in harness.session.calls
