"""Profiles in the login form; themes and keys from the file; reload; reported problems."""

import re
from pathlib import Path

import pytest
from textual.widgets import Static

from chat_server.accounts.demo import DEMO_PASSWORD
from chat_tui.config import load
from chat_tui.events import (
    ConnectionChanged,
    ConnectionState,
    Followed,
    Joined,
    MembersListed,
    MessagePending,
    MessageUnconfirmed,
    SignedIn,
    Unfollowed,
)
from chat_tui.launch import LaunchOptions
from chat_tui.storage.state import ClientState
from chat_tui.ui.screens.password_task import PasswordFetched
from chat_tui.ui.screens.wire import WireScreen
from chat_tui.ui.widgets.message_log import MessageLog
from chat_tui.ui.widgets.text_input import SafeInput
from tests.support.app_harness import AppHarness, SignedInApp, app_with, chat, form
from tests.support.client_program import run_client
from tests.support.fake_session import COMMANDS

PROFILES = """\
[profiles.work]
server = "chat.example.org:7777"
user = "alice"
room = "dev"
password_env = "WORK_SECRET"

[profiles.home]
server = "127.0.0.1"
user = "bob"
password_command = "echo oops >&2; exit 1"

[profiles.prompt]
server = "127.0.0.1"
user = "carol"
"""


def options_with(folder: Path, text: str, profile: str | None = "work") -> LaunchOptions:
    path = folder / "config.toml"
    path.write_text(text)
    configuration = load(path)
    first = configuration.profile(profile or "")
    host, port, user = (first.host, first.port, first.user) if first else ("::1", 9000, "al")
    return LaunchOptions(host, port, user, configuration=configuration, profile=profile)


def toasts(harness: AppHarness) -> str:
    return "\n".join(notice.text for notice in harness.app.notices.latest)


def log_text(harness: AppHarness) -> str:
    return " ".join(harness.screen_text(harness.app.chat.query_one(MessageLog)).split())


async def test_login_form_switches_between_profiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORK_SECRET", "hunter2")
    async with form(tmp_path, options_with(tmp_path, PROFILES)) as harness:
        message = harness.app.login.query_one("#message", Static)
        password = harness.app.login.query_one("#password", SafeInput)
        assert "‹ work ›  1 of 3" in harness.screen_text()
        assert "from the variable WORK_SECRET" in harness.screen_text()
        await harness.press("enter")  # the only key that a second start needs
        await harness.until(lambda: harness.session.calls)
        request = ("sign_in", "chat.example.org", 7777, "alice", "hunter2", "dev", True)
        assert harness.session.calls == [request]
        assert password.value == ""
        assert "hunter2" not in harness.screen_text()
        await harness.press("escape")
        harness.app.login.query_one("#profile").focus()
        await harness.press("right")
        assert "‹ home ›  2 of 3" in harness.screen_text()
        assert "127.0.0.1" in harness.screen_text()
        call_count = len(harness.session.calls)
        await harness.press("enter")
        await harness.until(
            lambda: "failed: oops" in harness.screen_text(message), "the problem is shown"
        )
        assert harness.app.focused is password
        await harness.click_on("› ")
        assert "‹ prompt ›  3 of 3" in harness.screen_text()
        await harness.press("enter")
        assert "Type your password" in harness.screen_text(message)
        assert len(harness.session.calls) == call_count
        await harness.press(*DEMO_PASSWORD, "enter")
        assert harness.session.calls[-1][3:5] == ("carol", DEMO_PASSWORD)


async def test_password_fetch_can_be_cancelled(tmp_path: Path) -> None:
    text = PROFILES.replace('password_env = "WORK_SECRET"', 'password_command = "echo secret"')
    async with form(tmp_path, options_with(tmp_path, text)) as harness:
        login = harness.app.login
        login.query_one("#password").focus()
        login.action_sign_in()
        login.action_cancel()
        late = login.query_one("#password", SafeInput)
        login.post_message(PasswordFetched(1 << 30, "late"))
        await harness.settle()
        assert harness.session.calls in ([], [("cancel",)])
        assert late.value == ""


async def test_profile_password_is_used_only_for_its_user_and_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORK_SECRET", "hunter2")
    text = PROFILES.split("[profiles.home]")[0]
    async with form(tmp_path, options_with(tmp_path, text)) as harness:
        assert "Profile" not in harness.screen_text(), "one profile is not a choice"
        user = harness.app.login.query_one("#user", SafeInput)
        user.value = "eve"
        await harness.settle()
        assert "from the variable" not in harness.screen_text()
        await harness.press("enter")
        assert harness.session.calls == [], "the profile's password belongs to alice"


async def test_selected_profile_wins_over_other_profile_of_same_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORK_SECRET", "hunter2")
    monkeypatch.setenv("OTHER_SECRET", "other")
    work = PROFILES.split("[profiles.home]")[0]
    other = work.replace("work", "on-call").replace("dev", "ops").replace("WORK_", "OTHER_")
    async with form(tmp_path, options_with(tmp_path, work + other)) as harness:
        harness.app.login.query_one("#profile").focus()
        await harness.press("right")
        assert "‹ on-call ›  2 of 2" in harness.screen_text()
        assert "from the variable OTHER_SECRET" in harness.screen_text()
        await harness.press("f5")
        assert "‹ on-call ›  2 of 2" in harness.screen_text()
        await harness.press("enter")
        await harness.until(lambda: harness.session.calls)
        request = ("sign_in", "chat.example.org", 7777, "alice", "other", "ops", True)
        assert harness.session.calls == [request]
        harness.session.notices.append(SignedIn("alice", COMMANDS))
        await harness.until(lambda: ClientState(tmp_path).last, "the sign-in is stored")
        last = ClientState(tmp_path).last
        assert last is not None
        assert last.profile == "on-call", "the next start uses this profile"


async def test_settings_reload_key_applies_theme_and_keymap(tmp_path: Path) -> None:
    start = options_with(tmp_path, 'theme = "lobby-light"', None)
    async with form(tmp_path, start) as harness:
        app, path = harness.app, tmp_path / "config.toml"
        assert app.theme == "lobby-light"
        path.write_text(
            'theme = "night"\nbell = false\n[keys]\nwire = "f12"\n[themes.night]\naccent = "#6cf"'
        )
        await harness.press("f5")
        assert app.theme == "night"
        assert app.theme_variables["accent"].lower() == "#66ccff"
        assert app.theme_variables["footer-key-foreground"].lower() == "#66ccff"
        assert app.settings.bell is False
        await harness.press("f6")
        assert not isinstance(app.screen, WireScreen)
        await harness.press("f12")
        assert isinstance(app.screen, WireScreen)
        await harness.press("escape")
        path.write_text(path.read_text().replace("#6cf", "#fff"))
        await harness.press("f5")
        assert app.theme_variables["accent"].lower() == "#ffffff"
        path.write_text("theme = night\n")
        await harness.press("f5")
        assert f"{path}, line 1: not valid TOML" in toasts(harness)
        assert "Nothing was changed" in toasts(harness)
        assert app.theme == "night"
        path.unlink()
        await harness.press("f5")
        assert app.theme == "lobby-dark"
        assert app.theme == "lobby-dark"
        await harness.press("f6")
        assert isinstance(app.screen, WireScreen)


TYPING = {"composer", "log.older", "log.newer"}
"""Actions that the palette does not list: the composer and the arrow keys."""


async def test_palette_shows_configured_keys(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        app, screen = harness.app, harness.app.chat
        maps = (node._bindings for node in (app, screen, screen.query_one(MessageLog)))
        ids = {b.id for known in maps for bs in known.key_to_bindings.values() for b in bs if b.id}
        keys = {action: f"f{number}" for number, action in enumerate(sorted(ids - TYPING), 13)}
        app.set_keymap(keys)
        harness.session.emit(
            MessagePending(1, "lobby", "x"),
            MessageUnconfirmed(1),
            Followed("bob"),
            Unfollowed("bob"),
            ConnectionChanged(ConnectionState.WAITING, "gone", 3.0),
        )
        await harness.settle()
        entries = [*screen.palette_entries(), *app.app_entries()]
        help_text = " ".join(entry.about for entry in entries)
        named = set(re.findall(r"F\d+", help_text))
        assert {action for action, key in keys.items() if key.upper() not in named} == {"palette"}
        assert f"{keys['connection.retry'].upper()} now" in harness.screen_text()
        assert f"{keys['message.resend'].upper()} sends it again" in log_text(harness)
        app.action_help()
        await harness.until(lambda: keys["jump"].upper() in harness.screen_text())


async def test_panes_show_configured_keys(tmp_path: Path) -> None:
    start = options_with(tmp_path, "", None)
    app, session = app_with(tmp_path, start, SignedInApp)
    session.go_online(here=("alice", "bob"))
    async with app.run_test(
        size=(100, 24),
    ) as pilot:
        harness = AppHarness(app, pilot, session)
        await harness.until(lambda: "+ room ^O" in harness.screen_text())
        session.emit(MessagePending(1, "lobby", "x"), MessageUnconfirmed(1))
        await harness.until(lambda: "Ctrl+G sends it again" in log_text(harness))
        keys = {"message.resend": "f9", "room.open": "ctrl+y", "quit": "f10", "people": "f12"}
        settings = "\n".join(f'"{action}" = "{key}"' for action, key in keys.items())
        (tmp_path / "config.toml").write_text(f"[keys]\n{settings}\n")
        await harness.press("f5")
        app.notices.clear()
        await harness.until(lambda: "F9 sends it again" in log_text(harness))
        assert "+ room ^Y" in harness.screen_text()
        await harness.press("ctrl+c")
        assert "F10 quits." in toasts(harness)
        app.notices.clear()
        session.emit(Joined("dev"), MembersListed("dev", ("alice", "bob")))
        await harness.until(lambda: "F12" in log_text(harness))


async def test_client_starts_with_broken_config_and_reports_problems(tmp_path: Path) -> None:
    text = """\
theme = "lobby-lihgt"
mouse = [1]
[keys]
jmp = "ctrl+y"
mute = "[/red]"
help = "x"
wire = "Ctrl+Q"
rooms = "F12"
"""
    async with form(tmp_path, options_with(tmp_path, text, None)) as harness:
        await harness.until(lambda: "more" in toasts(harness), "the problems are shown")
        notices = toasts(harness)
        assert "line 2: mouse can't be [1]. Write mouse = true or false" in notices
        assert "line 1: no theme is called 'lobby-lihgt'. Did you mean lobby-light" in notices
        assert "line 4: no action is called 'jmp'. Did you mean jump" in notices
        assert "And 3 more" in notices
        assert "Sign in" in harness.screen_text()


def test_config_command_prints_effective_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    from chat_tui.config import configuration_path

    path = configuration_path()
    missing = run_client("config")
    assert missing.returncode == 0
    assert f"# There is no {path}" in missing.stdout
    path.parent.mkdir(parents=True)
    path.write_text(run_client("config", "--example").stdout)
    assert run_client("config").stderr == ""
    text = f'bell = false\n[keys]\nmute = "f11"\nhelp = "x"\nwire = "Ctrl+Q"\n{PROFILES}'
    path.write_text(text + '[themes.night]\naccent = "#6cf"\n')
    result = run_client("config")
    assert result.returncode == 1
    assert f"{path}, line 4: 'x' alone could not be typed" in result.stderr
    assert f"{path}, line 5: ctrl+q is the key of quit already" in result.stderr
    printed = {" ".join(line.split()) for line in result.stdout.splitlines()}
    assert {
        "bell = false # line 1",
        "mouse = true # default",
        'mute = "f11" # line 3: Mute',
        'wire = "f6" # default: Wire',
        'server = "chat.example.org:7777" # line 7',
        "# password_command = … # line 15",
        'accent = "#66ccff" # line 21',
    } <= printed
    assert "oops" not in result.stdout, "a password command may hold a secret"
    again = tmp_path / "again.toml"
    again.write_text(result.stdout)
    read = load(again)
    assert read.problems == ()
    assert (read.settings.bell, len(read.profiles)) == (False, 3)
    unknown = run_client("--profile", "nope", "--send", "lobby", "hi")
    assert unknown.returncode == 2
    assert "work, home, prompt" in unknown.stderr
