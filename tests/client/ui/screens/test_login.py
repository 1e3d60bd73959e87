"""The form: prefilled, refused in words that help, remembered, cancelled."""

import threading
from pathlib import Path

import pytest
from textual import events
from textual.widget import Widget
from textual.widgets import Static

from chat_server.wire import replies
from chat_tui.events import Joined, SignedIn, SignedOut, SignInRefused
from chat_tui.launch import Start
from chat_tui.local_server import LocalServer, LocalServerError
from chat_tui.storage.state import ClientState
from chat_tui.ui.screens.login import FollowTick
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.text_input import Field
from tests.support.app_harness import HOSTILE, Bench, form


def value(bench: Bench, field: str) -> str:
    return bench.app.login.query_one(f"#{field}", Field).value


def said(bench: Bench) -> str:
    return " ".join(bench.shown(bench.app.login.query_one("#said", Static)).split())


async def tell(bench: Bench, notice: SignedIn | SignInRefused | SignedOut) -> None:
    bench.session.notices.append(notice)
    bench.session.wake()
    await bench.settle()


async def sign_in(bench: Bench, password: str = "password123") -> None:
    await bench.press(*password, "enter")


async def test_it_is_prefilled_and_waits_for_what_is_missing(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        assert [value(bench, name) for name in ("host", "port", "user", "password")] == [
            "127.0.0.1",
            "9000",
            "alice",
            "",
        ]
        assert bench.app.focused is bench.app.login.query_one("#password")
    async with form(tmp_path, Start("::1", 9000, "")) as bench:
        assert bench.app.focused is bench.app.login.query_one("#user")


async def test_enter_signs_in_and_the_password_is_not_shown(tmp_path: Path) -> None:
    async with form(tmp_path, Start("127.0.0.1", 9000, "alice", "dev")) as bench:
        await sign_in(bench)
        assert bench.session.told == [
            ("sign_in", "127.0.0.1", 9000, "alice", "password123", "dev", True)
        ]
        assert "password123" not in bench.shown()
        assert "Connecting to 127.0.0.1, port 9000" in said(bench)


async def test_the_button_signs_in(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        await bench.press(*"secret")
        await bench.click_on("Sign in")
        assert bench.session.told[0][:2] == ("sign_in", "127.0.0.1")


async def test_tab_reaches_every_field_and_enter_signs_in_from_each(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        await bench.press(*"secret")
        reached: list[Widget | None] = []
        for _ in range(6):
            reached.append(bench.app.focused)
            await bench.press("enter")
            await bench.press("escape", "tab")
        assert len(set(reached)) == 6
        assert [told[0] for told in bench.session.told] == ["sign_in", "cancel"] * 6


async def test_a_wrong_field_is_named_and_gets_the_cursor(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        bench.app.login.query_one("#password", Field).value = "secret"
        for name, text, words in (
            ("host", "", "Which server?"),
            ("port", "0", "a number from 1 to 65535"),
            ("port", "x", "a number from 1 to 65535"),
            ("port", "65536", "a number from 1 to 65535"),
            ("user", "", "Who are you?"),
            ("user", "a b", "without spaces"),
            ("password", "", "Type your password"),
            ("password", "a b", "no spaces"),
        ):
            field = bench.app.login.query_one(f"#{name}", Field)
            right, field.value = field.value, text
            await bench.press("enter")
            assert words in said(bench)
            assert bench.app.focused is field
            field.value = right
        assert bench.session.told == []


async def test_a_refusal_stands_in_the_form_and_the_fields_stay(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        await sign_in(bench)
        for reason, retry, words in (
            (replies.AUTHENTICATION_FAILED, False, "Wrong user or password. Nothing was lost"),
            (replies.too_many_failures(421), True, "lets you try again in 8 minutes"),
            (replies.too_many_failures(40), True, "lets you try again in 40 s"),
            (replies.SERVER_FULL, True, "The server is full"),
            (replies.TOO_MANY_CONNECTIONS, True, "Close another window"),
            (replies.LOGIN_TIMED_OUT, True, "waited too long"),
            ("Nothing listens at 127.0.0.1 port 1", True, "Nothing listens at 127.0.0.1 port 1"),
            (HOSTILE, True, "[/] [red]x[/red] [@click=app.quit]press[/]"),
        ):
            await tell(bench, SignInRefused(reason, retry))
            assert words in said(bench)
            assert value(bench, "user") == "alice"
            assert value(bench, "password") == "password123"
            told = len(bench.session.told)
            await bench.press("enter")
            assert [what[0] for what in bench.session.told[told:]] == ["sign_in"]


async def test_after_a_wrong_password_typing_replaces_it(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        await sign_in(bench, "wrong")
        await tell(bench, SignInRefused(replies.AUTHENTICATION_FAILED, False))
        await sign_in(bench, "right")
        assert bench.session.told[-1][4] == "right"


async def test_no_repr_shows_the_password(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        asked = bench.app.login.SignIn("127.0.0.1", 9000, "alice", "secret", True)
        await bench.settle()
        assert "secret" not in repr(asked)


async def test_waiting_can_be_cancelled_by_key_and_by_button(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        await sign_in(bench)
        assert "Cancel" in bench.shown()
        await bench.press("escape")
        assert bench.session.told[-1] == ("cancel",)
        assert "Cancelled" in said(bench)
        assert value(bench, "password") == "password123"
        await bench.press("enter")
        await bench.click_on("Cancel")
        assert [told[0] for told in bench.session.told] == ["sign_in", "cancel"] * 2


async def test_success_shows_the_chat_and_forgets_the_password(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        await sign_in(bench)
        bench.session.be_online()
        await tell(bench, SignedIn("alice", ()))
        await bench.until(lambda: bench.app.screen is bench.app.chat)
        await bench.settle()
        assert isinstance(bench.app.focused, Composer)
        assert value(bench, "password") == ""
        assert ClientState(tmp_path).last is not None


async def test_the_tick_is_remembered_for_each_server(tmp_path: Path) -> None:
    ClientState(tmp_path).signed_in("quiet.example.org", 9000, "alice", False)
    async with form(tmp_path) as bench:
        tick = bench.app.login.query_one(FollowTick)
        assert "[x] Follow everyone here" in bench.shown()
        bench.app.login.query_one("#host", Field).value = "quiet.example.org"
        bench.app.login.query_one("#host").focus()
        await bench.press("tab")
        assert "[ ] Follow everyone here" in bench.shown()
        await bench.click_on("Follow everyone")
        assert "[x] Follow everyone here" in bench.shown()
        tick.focus()
        await bench.press("space")
        assert "[ ] Follow everyone here" in bench.shown()
        bench.app.login.query_one("#password", Field).value = "secret"
        bench.app.login.query_one("#password").focus()
        await bench.press("enter")
        assert bench.session.told[-1][-1] is False


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (replies.LOGGED_OUT_BY_NEW_LOGIN, "Somebody signed in as alice somewhere else"),
        (replies.LOGGED_OUT_ACCOUNT_REMOVED, "The account alice was removed"),
        (HOSTILE, "[/] [red]x[/red]"),
    ],
)
async def test_a_forced_logout_says_what_happened_and_offers_the_form(
    tmp_path: Path, reason: str, words: str
) -> None:
    async with form(tmp_path) as bench:
        await sign_in(bench)
        bench.session.be_online()
        await tell(bench, SignedIn("alice", ()))
        await bench.until(lambda: bench.app.screen is bench.app.chat)
        await bench.settle()
        await tell(bench, SignedOut(reason))
        await bench.until(lambda: bench.app.screen is bench.app.login)
        await bench.settle()
        assert words in said(bench)
        assert bench.app.focused is bench.app.login.query_one("#password")
        bench.session.tell(Joined("dev"))
        await sign_in(bench)
        assert bench.session.told[-1][0] == "sign_in"
        assert bench.session.told[-1][5] == "dev", "back to the room where one was"


async def test_a_quit_that_was_typed_comes_back_to_the_form(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        await tell(bench, SignedOut("Goodbye", asked=True))
        assert "You signed out" in said(bench)


async def test_it_can_be_used_in_a_small_window(tmp_path: Path) -> None:
    async with form(tmp_path, size=(40, 10)) as bench:
        await sign_in(bench)
        await tell(bench, SignInRefused(replies.AUTHENTICATION_FAILED, False))
        assert "Wrong user or password" in said(bench)


async def test_a_paste_into_a_field_is_text(tmp_path: Path) -> None:
    from textual.events import Paste

    async with form(tmp_path) as bench:
        field = bench.app.login.query_one("#user", Field)
        field.value = ""
        field.post_message(Paste(f"{HOSTILE}\nsecond line"))
        await bench.settle()
        assert "\x1b" not in field.value
        assert "second" not in field.value
        assert field.value.startswith("[/] [red]x[/red]")


class TestLocal:
    async def test_the_form_waits_for_the_server_and_tells_about_it(self, tmp_path: Path) -> None:
        may_start = threading.Event()

        def start() -> LocalServer:
            may_start.wait(10)
            log = tmp_path / "local-server.log"
            return LocalServer(tmp_path, 9123, ("DPS", "alice", "bob"), log)

        async with form(tmp_path, Start("127.0.0.1", 9000, "alice", None, start)) as bench:
            assert "Starting a server of your own" in said(bench)
            await bench.press(*"password123", "enter")
            assert bench.session.told == []
            may_start.set()
            await bench.until(lambda: "Demo accounts" in said(bench))
            assert "Demo accounts: DPS, alice, bob — password password123" in said(bench)
            assert "A second window needs another one" in said(bench)
            assert "nc 127.0.0.1 9123" in said(bench)
            assert value(bench, "port") == "9123"
            assert value(bench, "password") == "password123"
            assert "local-server.log" in bench.shown().replace("\n", "").replace(" ", "")
            await bench.press("enter")
            assert bench.session.told[0][2] == 9123

    async def test_a_server_that_cannot_start_says_why(self, tmp_path: Path) -> None:
        def start() -> LocalServer:
            raise LocalServerError(f"users.json: {HOSTILE.split(chr(0x1B))[0]}")

        async with form(tmp_path, Start("127.0.0.1", 9000, "alice", None, start)) as bench:
            await bench.until(lambda: "No server could be started here" in said(bench))
            assert "users.json: [/] [red]x" in said(bench)


async def test_keys_that_come_in_one_go_do_their_work_in_that_order(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        user = bench.app.login.query_one("#user", Field)
        user.value = ""
        user.focus()
        await bench.settle()
        for key in ("b", "o", "x", "backspace", "b", "tab", *"secret", "home", "X"):
            bench.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await bench.settle()
        assert (value(bench, "user"), value(bench, "password")) == ("bob", "Xsecret")
