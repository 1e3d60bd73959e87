"""The chat as a whole: keys, palette, help, leaving."""

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
    async with chat(tmp_path) as bench:
        assert "lobby · 4 here" in bench.rows()[0]
        bench.session.tell(Joined("dev"))
        await bench.until(lambda: "dev · 3 here" in bench.rows()[0])


async def test_each_room_has_its_own_log(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        log = bench.app.chat.query_one(MessageLog)
        await bench.hear("bob", "said in the lobby")
        bench.session.tell(Joined("dev"))
        await bench.hear("carol", "said in dev")
        assert "said in the lobby" not in bench.shown(log)
        bench.session.tell(Joined("lobby"))
        await bench.settle()
        assert "said in the lobby" in bench.shown(log)
        assert "said in dev" not in bench.shown(log)


class TestFooter:
    async def test_footer_shows_main_keys(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(80, 24)) as bench:
            footer = bench.app.chat.query_one(Footer)
            words = ("F1 Help", "F2 Rooms", "F3 People", "^K Jump", "^Q Quit")
            await bench.until(lambda: all(key in bench.shown(footer) for key in words))
            assert "Again" not in bench.shown(footer)
            assert "Retry" not in bench.shown(footer)

    async def test_footer_shows_available_actions(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(80, 24)) as bench:
            bench.session.tell(
                MessagePending(1, "lobby", "x"),
                MessageUnconfirmed(1),
                ConnectionChanged(ConnectionState.WAITING, "gone", 3.0),
            )
            await bench.until(lambda: "^R Retry" in bench.shown())
            footer = bench.shown(bench.app.chat.query_one(Footer))
            assert all(key in footer for key in ("^G Again", "^R Retry", "^K Jump"))


class TestPalette:
    async def test_palette_lists_commands_with_keys(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(100, 80)) as bench:
            await bench.press("ctrl+p")
            await bench.until(lambda: "Jump to a room, a person" in bench.shown())
            shown = bench.shown()
            assert "Ctrl+K" in shown
            assert "Sign out" in shown
            assert "Send the unconfirmed" not in shown

    async def test_sign_out_shows_login_form(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            bench.app.switch_mode("login")
            await bench.settle()
            bench.app.switch_mode("chat")
            await bench.settle()
            bench.app.chat.action_sign_out()
            await bench.until(lambda: bench.app.screen is bench.app.login)
            assert ("cancel",) in bench.session.told

    async def test_jump_joins_room(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            await bench.press("ctrl+k", *"dev")
            await bench.until(lambda: "3 there" in bench.shown())
            await bench.press("enter")
            await bench.until(lambda: ("join", "dev") in bench.session.told)

    async def test_fast_keys_after_ctrl_k_go_to_palette(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            for key in ("ctrl+k", "d", "e", "v", "enter"):
                bench.app.post_message(Key(key, key if len(key) == 1 else None))
            await bench.until(lambda: ("join", "dev") in bench.session.told)
            assert bench.session.told == [("join", "dev")]
            assert bench.app.focused is bench.app.chat.query_one(Composer)
            assert bench.app.chat.query_one(Composer).text == ""

    async def test_jump_follows_person(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            await bench.press("ctrl+k", *"carol")
            await bench.until(lambda: "Follow carol" in bench.shown())
            await bench.press("enter")
            await bench.until(lambda: ("toggle_follow", "carol") in bench.session.told)

    async def test_jump_creates_new_room(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            await bench.press("ctrl+k", *"zoo")
            await bench.until(lambda: "Open the room zoo" in bench.shown())
            await bench.press("enter")
            await bench.until(lambda: ("join", "zoo") in bench.session.told)


class TestHelp:
    async def test_help_lists_keys_symbols_and_commands(self, tmp_path: Path) -> None:
        async with chat(tmp_path, size=(100, 120)) as bench:
            await bench.press("f1")
            await bench.until(lambda: isinstance(bench.app.screen, HelpScreen))
            await bench.settle()
            shown = bench.shown()
            for words in ("Ctrl+G", "not confirmed", "/subscribe NAME", "nc 127.0.0.1 9000"):
                assert words in shown
            await bench.press("escape")
            await bench.until(lambda: bench.app.screen is bench.app.chat)

    async def test_login_form_has_help(self, tmp_path: Path) -> None:
        async with form(tmp_path) as bench:
            await bench.press("f1")
            await bench.until(lambda: isinstance(bench.app.screen, HelpScreen))
            await bench.press("f1")
            await bench.until(lambda: bench.app.screen is bench.app.login)


class TestLeaving:
    async def test_ctrl_q_closes_session_at_once(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            await bench.press("ctrl+q")
            assert ("close",) in bench.session.told
        assert bench.app.return_code == 0

    @pytest.mark.parametrize("key", ["f1", "f6"])
    async def test_ctrl_q_quits_from_overlay_screens(self, tmp_path: Path, key: str) -> None:
        async with chat(tmp_path) as bench:
            await bench.press(key)
            await bench.until(lambda: bench.app.screen is not bench.app.chat)
            await bench.press("ctrl+q")
            await bench.until(lambda: ("close",) in bench.session.told)

    async def test_ctrl_c_shows_how_to_quit(self, tmp_path: Path) -> None:
        async with chat(tmp_path) as bench:
            await bench.press("ctrl+c")
            await bench.until(lambda: "Ctrl+Q quits" in bench.shown())

    @pytest.mark.parametrize(("key", "left"), [("y", True), ("escape", False), ("enter", False)])
    async def test_quit_confirms_if_others_use_own_local_server(
        self, tmp_path: Path, key: str, left: bool
    ) -> None:
        async with chat(tmp_path) as bench:
            bench.app.local_server = own_server(tmp_path)
            await bench.press("ctrl+q")
            await bench.until(lambda: isinstance(bench.app.screen, ConfirmScreen))
            await bench.settle()
            assert "Others are on the server" in bench.shown()
            await bench.press(key)
            assert (("close",) in bench.session.told) is left

    async def test_quit_does_not_confirm_if_local_server_has_no_other_users(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path) as bench:
            bench.app.local_server = own_server(tmp_path)
            bench.session.tell(RoomsListed((("lobby", 1),)))
            await leaves_at_once(bench)

    async def test_quit_does_not_confirm_if_local_server_keeps_running(
        self, tmp_path: Path
    ) -> None:
        async with chat(tmp_path) as bench:
            bench.app.local_server = LocalServer(tmp_path, 9000, (), None)
            await leaves_at_once(bench)


def own_server(folder: Path) -> LocalServer:
    class Own(LocalServer):
        joined_existing = False

    return Own(folder, 9000, (), folder / "log")


async def leaves_at_once(bench: AppHarness) -> None:
    await bench.press("ctrl+q")
    assert ("close",) in bench.session.told
