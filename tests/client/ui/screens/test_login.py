"""The login form: initial values, error messages, stored choices, cancelling."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest
from textual import events
from textual.widget import Widget
from textual.widgets import Static

from chat_server.wire import replies
from chat_tui.events import Event, Joined, PasswordCheckPending, SignedIn, SignedOut, SignInFailed
from chat_tui.launch import LaunchOptions
from chat_tui.local_server import LocalServer, LocalServerError
from chat_tui.storage.state import ClientState
from chat_tui.ui.screens.login import FollowCheckbox
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.text_input import SafeInput
from tests.support.app_harness import HOSTILE, AppHarness, form
from tests.support.wait_until import WAIT_TIMEOUT


def value(harness: AppHarness, field: str) -> str:
    return harness.app.login.query_one(f"#{field}", SafeInput).value


def message_text(harness: AppHarness) -> str:
    return " ".join(harness.screen_text(harness.app.login.query_one("#message", Static)).split())


async def notify(harness: AppHarness, notice: Event) -> None:
    harness.session.notices.append(notice)
    harness.session.wake()
    await harness.settle()


async def sign_in(harness: AppHarness, password: str = "password123") -> None:
    await harness.press(*password, "enter")


async def test_login_form_is_prefilled_and_focuses_first_empty_field(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        assert [value(harness, name) for name in ("host", "port", "user", "password")] == [
            "127.0.0.1",
            "9000",
            "alice",
            "",
        ]
        assert harness.app.focused is harness.app.login.query_one("#password")
    async with form(tmp_path, LaunchOptions("::1", 9000, "")) as harness:
        assert harness.app.focused is harness.app.login.query_one("#user")


async def test_enter_signs_in_without_showing_password(tmp_path: Path) -> None:
    async with form(tmp_path, LaunchOptions("127.0.0.1", 9000, "alice", "dev")) as harness:
        await sign_in(harness)
        assert harness.session.calls == [
            ("sign_in", "127.0.0.1", 9000, "alice", "password123", "dev", True)
        ]
        assert "password123" not in harness.screen_text()
        assert "Connecting to 127.0.0.1, port 9000" in message_text(harness)


async def test_sign_in_button_signs_in(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        await harness.press(*"secret")
        await harness.click_on("Sign in")
        assert harness.session.calls[0][:2] == ("sign_in", "127.0.0.1")


async def test_tab_reaches_every_login_field_and_enter_signs_in(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        await harness.press(*"secret")
        focused: list[Widget | None] = []
        for _ in range(6):
            focused.append(harness.app.focused)
            await harness.press("enter")
            await harness.press("escape", "tab")
        assert len(set(focused)) == 6
        assert [call[0] for call in harness.session.calls] == ["sign_in", "cancel"] * 6


async def test_invalid_login_field_is_named_and_focused(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        harness.app.login.query_one("#password", SafeInput).value = "secret"
        for name, text, message in (
            ("host", "", "Type the name or address"),
            ("port", "0", "a number from 1 to 65535"),
            ("port", "x", "a number from 1 to 65535"),
            ("port", "65536", "a number from 1 to 65535"),
            ("user", "", "Type your user name"),
            ("user", "a b", "without spaces"),
            ("password", "", "Type your password"),
            ("password", "a b", "no spaces"),
        ):
            field = harness.app.login.query_one(f"#{name}", SafeInput)
            right, field.value = field.value, text
            await harness.press("enter")
            assert message in message_text(harness)
            assert harness.app.focused is field
            field.value = right
        assert harness.session.calls == []


async def test_login_form_shows_rejection_and_keeps_fields(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        await sign_in(harness)
        for reason, retry, message in (
            (replies.AUTHENTICATION_FAILED, False, "Password or user name is wrong."),
            (replies.too_many_failures(421), True, "You can try again in 8 minutes"),
            (replies.too_many_failures(40), True, "You can try again in 40 s"),
            (replies.too_many_logins(30), True, "too many logins to check at this moment"),
            (replies.SERVER_FULL, True, "The server is full"),
            (replies.TOO_MANY_CONNECTIONS, True, "Close another window"),
            (replies.LOGIN_TIMED_OUT, True, "waited too long"),
            ("Nothing listens at 127.0.0.1 port 1", True, "Nothing listens at 127.0.0.1 port 1"),
            (HOSTILE, True, "[/] [red]x[/red] [@click=app.quit]press[/]"),
        ):
            await notify(harness, SignInFailed(reason, retry))
            assert message in message_text(harness)
            assert value(harness, "user") == "alice"
            assert value(harness, "password") == "password123"
            call_count = len(harness.session.calls)
            await harness.press("enter")
            assert [call[0] for call in harness.session.calls[call_count:]] == ["sign_in"]


async def test_typing_replaces_wrong_password(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        await sign_in(harness, "wrong")
        await notify(harness, SignInFailed(replies.AUTHENTICATION_FAILED, False))
        await sign_in(harness, "right")
        assert harness.session.calls[-1][4] == "right"


async def test_sign_in_message_repr_hides_password(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        request = harness.app.login.SignInRequested("127.0.0.1", 9000, "alice", "secret", True)
        await harness.settle()
        assert "secret" not in repr(request)


async def test_sign_in_can_be_cancelled_by_key_and_button(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        await sign_in(harness)
        assert "Cancel" in harness.screen_text()
        await harness.press("escape")
        assert harness.session.calls[-1] == ("cancel",)
        assert "Cancelled" in message_text(harness)
        assert value(harness, "password") == "password123"
        await harness.press("enter")
        await harness.click_on("Cancel")
        assert [call[0] for call in harness.session.calls] == ["sign_in", "cancel"] * 2


async def test_form_shows_that_the_server_checks_the_password_and_can_cancel(
    tmp_path: Path,
) -> None:
    async with form(tmp_path) as harness:
        await sign_in(harness)
        await notify(harness, PasswordCheckPending())
        waiting = "Waiting for the server to check the password… Esc cancels."
        assert message_text(harness) == waiting
        await harness.press("enter")  # no second login
        assert [call[0] for call in harness.session.calls] == ["sign_in"]
        await harness.press("escape")
        assert harness.session.calls[-1] == ("cancel",)
        assert "Cancelled" in message_text(harness)


async def test_successful_sign_in_shows_chat_and_clears_password(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        await sign_in(harness)
        harness.session.go_online()
        await notify(harness, SignedIn("alice", ()))
        await harness.until(lambda: harness.app.screen is harness.app.chat)
        await harness.settle()
        assert isinstance(harness.app.focused, Composer)
        assert value(harness, "password") == ""
        assert ClientState(tmp_path).last is not None


async def test_follow_everyone_checkbox_is_stored_per_server(tmp_path: Path) -> None:
    ClientState(tmp_path).signed_in("quiet.example.org", 9000, "alice", False)
    async with form(tmp_path) as harness:
        tick = harness.app.login.query_one(FollowCheckbox)
        assert "[x] Follow everyone here" in harness.screen_text()
        harness.app.login.query_one("#host", SafeInput).value = "quiet.example.org"
        harness.app.login.query_one("#host").focus()
        await harness.press("tab")
        assert "[ ] Follow everyone here" in harness.screen_text()
        await harness.click_on("Follow everyone")
        assert "[x] Follow everyone here" in harness.screen_text()
        tick.focus()
        await harness.press("space")
        assert "[ ] Follow everyone here" in harness.screen_text()
        harness.app.login.query_one("#password", SafeInput).value = "secret"
        harness.app.login.query_one("#password").focus()
        await harness.press("enter")
        assert harness.session.calls[-1][-1] is False


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        (replies.LOGGED_OUT_BY_NEW_LOGIN, "alice signed in somewhere else"),
        (replies.LOGGED_OUT_ACCOUNT_REMOVED, "the account alice was removed"),
        (HOSTILE, "[/] [red]x[/red]"),
    ],
)
async def test_forced_logout_shows_reason_in_login_form(
    tmp_path: Path, reason: str, message: str
) -> None:
    async with form(tmp_path) as harness:
        await sign_in(harness)
        harness.session.go_online()
        await notify(harness, SignedIn("alice", ()))
        await harness.until(lambda: harness.app.screen is harness.app.chat)
        await harness.settle()
        await notify(harness, SignedOut(reason))
        await harness.until(lambda: harness.app.screen is harness.app.login)
        await harness.settle()
        assert message in message_text(harness)
        assert harness.app.focused is harness.app.login.query_one("#password")
        harness.session.emit(Joined("dev"))
        await sign_in(harness)
        assert harness.session.calls[-1][0] == "sign_in"
        assert harness.session.calls[-1][5] == "dev", "the room of the last session"


async def test_typed_quit_shows_login_form(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        await notify(harness, SignedOut("Goodbye", requested=True))
        assert "You signed out" in message_text(harness)


async def test_login_form_is_usable_in_small_window(tmp_path: Path) -> None:
    async with form(tmp_path, size=(40, 10)) as harness:
        await sign_in(harness)
        await notify(harness, SignInFailed(replies.AUTHENTICATION_FAILED, False))
        assert "Password or user name is wrong" in message_text(harness)


async def test_paste_into_login_field_is_sanitized(tmp_path: Path) -> None:
    from textual.events import Paste

    async with form(tmp_path) as harness:
        field = harness.app.login.query_one("#user", SafeInput)
        field.value = ""
        field.post_message(Paste(f"{HOSTILE}\nsecond line"))
        await harness.settle()
        assert "\x1b" not in field.value
        assert "second" not in field.value
        assert field.value.startswith("[/] [red]x[/red]")


@asynccontextmanager
async def starting_form(
    folder: Path, accounts: tuple[str, ...] = ()
) -> AsyncIterator[tuple[AppHarness, SimpleQueue[LocalServer | LocalServerError]]]:
    """Run the login form of `--local`. Its server starts once the test puts it into the queue."""
    may_start: SimpleQueue[LocalServer | LocalServerError] = SimpleQueue()

    def start() -> LocalServer:
        result = may_start.get(timeout=WAIT_TIMEOUT)
        if isinstance(result, LocalServerError):
            raise result
        return result

    options = LaunchOptions("127.0.0.1", 9000, "alice", None, start, local_accounts=accounts)
    async with form(folder, options) as harness:
        yield harness, may_start


class TestLocalServer:
    async def test_login_form_names_demo_accounts_of_local_server(self, tmp_path: Path) -> None:
        may_start = threading.Event()

        def start() -> LocalServer:
            may_start.wait(10)
            log = tmp_path / "local-server.log"
            return LocalServer(tmp_path, 9123, ("DPS", "alice", "bob"), log)

        async with form(
            tmp_path, LaunchOptions("127.0.0.1", 9000, "alice", None, start)
        ) as harness:
            assert message_text(harness) == (
                "Your own server is starting… you can already press Enter."
            )
            await harness.press(*"password123")
            assert harness.session.calls == []
            may_start.set()
            await harness.until(lambda: "Demo accounts" in message_text(harness))
            assert "Demo accounts: DPS, alice, bob — password password123" in message_text(harness)
            assert "Sign in with another account in a second window" in message_text(harness)
            assert "nc 127.0.0.1 9123" in message_text(harness)
            assert value(harness, "port") == "9123"
            assert value(harness, "password") == "password123"
            assert "local-server.log" in harness.screen_text().replace("\n", "").replace(" ", "")
            await harness.press("enter")
            assert harness.session.calls[0][2] == 9123

    async def test_enter_while_local_server_starts_signs_in_later(self, tmp_path: Path) -> None:
        async with starting_form(tmp_path) as (harness, may_start):
            await harness.press(*"password123", "enter", "enter")
            assert harness.session.calls == []
            assert "you will be signed in then. Esc cancels" in message_text(harness)
            may_start.put(LocalServer(tmp_path, 9123, None, None))
            await harness.until(lambda: harness.session.calls)
            signed_in = ("sign_in", "127.0.0.1", 9123, "alice", "password123", None, True)
            assert harness.session.calls == [(*signed_in, "plaintext")]

    @pytest.mark.parametrize("key", ["escape", "x", "backspace"])
    async def test_queued_sign_in_is_dropped_if_user_changes_the_form(
        self, tmp_path: Path, key: str
    ) -> None:
        async with starting_form(tmp_path) as (harness, may_start):
            await harness.press(*"password123", "enter", key)
            assert "you can already press Enter" in message_text(harness)
            may_start.put(LocalServer(tmp_path, 9123, (), None))
            await harness.until(lambda: "nc 127.0.0.1 9123" in message_text(harness))
            assert harness.session.calls == []
            assert value(harness, "port") == "9123"

    async def test_queued_sign_in_is_dropped_if_local_server_fails(self, tmp_path: Path) -> None:
        async with starting_form(tmp_path) as (harness, may_start):
            await harness.press(*"password123", "enter")
            may_start.put(LocalServerError("no space left"))
            expected = "Could not start a local server: no space left"
            await harness.until(lambda: message_text(harness) == expected)
            assert harness.session.calls == []
            assert value(harness, "password") == "password123"
            await harness.press("enter")  # starts it again
            may_start.put(LocalServer(tmp_path, 9123, (), None))
            await harness.until(lambda: harness.session.calls)

    async def test_another_server_does_not_wait_for_local_server(self, tmp_path: Path) -> None:
        async with starting_form(tmp_path) as (harness, may_start):
            harness.app.login.query_one("#port", SafeInput).value = "9555"
            await harness.press(*"password123", "enter")
            assert harness.session.calls[0][2] == 9555
            may_start.put(LocalServer(tmp_path, 9123, (), None))
            await harness.until(lambda: harness.app.local_server is not None)
            await harness.settle()
            assert value(harness, "port") == "9555"

    async def test_demo_accounts_are_shown_before_local_server_runs(self, tmp_path: Path) -> None:
        async with starting_form(tmp_path, ("alice", "bob")) as (harness, may_start):
            shown = "Demo accounts: alice, bob — password password123"
            assert message_text(harness).startswith(shown)
            server = LocalServer(tmp_path, 9123, None, None)
            may_start.put(server)
            await harness.until(lambda: "nc 127.0.0.1 9123" in message_text(harness))
            assert message_text(harness).startswith(shown)

    async def test_hint_comes_back_after_an_error(self, tmp_path: Path) -> None:
        async with starting_form(tmp_path) as (harness, may_start):
            may_start.put(LocalServer(tmp_path, 9123, ("alice",), None))
            await harness.until(lambda: "Demo accounts" in message_text(harness))
            harness.app.login.show_message("User or password is wrong.", ask_again=True)
            await harness.settle()
            assert message_text(harness) == "User or password is wrong."
            await harness.press("p")
            assert "Demo accounts: alice" in message_text(harness)

    async def test_login_form_shows_local_server_error(self, tmp_path: Path) -> None:
        def start() -> LocalServer:
            raise LocalServerError(f"users.json: {HOSTILE.split(chr(0x1B))[0]}")

        async with form(
            tmp_path, LaunchOptions("127.0.0.1", 9000, "alice", None, start)
        ) as harness:
            await harness.until(lambda: "Could not start a local server" in message_text(harness))
            assert "users.json: [/] [red]x" in message_text(harness)


async def test_fast_keys_reach_login_fields_in_order(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        user = harness.app.login.query_one("#user", SafeInput)
        user.value = ""
        user.focus()
        await harness.settle()
        for key in ("b", "o", "x", "backspace", "b", "tab", *"secret", "home", "X"):
            harness.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await harness.settle()
        assert (value(harness, "user"), value(harness, "password")) == ("bob", "Xsecret")
