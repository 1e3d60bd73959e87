"""The password form: its rules, the server's replies, and that it stores nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Key
from textual.widgets import Static

from chat_server.wire import operator_replies, replies
from chat_tui import events
from chat_tui.events import ConnectionChanged, ConnectionState, SignedOut, SignInFailed
from chat_tui.session.credentials import NOT_CHANGED
from chat_tui.ui.screens.change_password import ChangePasswordScreen
from chat_tui.ui.screens.palette_screen import PaletteScreen
from chat_tui.ui.widgets.composer import Composer
from chat_tui.ui.widgets.text_input import SafeInput
from tests.support.app_harness import HOSTILE, AppHarness, chat, form
from tests.support.fake_session import COMMANDS

WITH_PASSWD = (*COMMANDS, "/passwd")
OLD, NEW = "secret", "correct-horse"
CHANGE_REQUEST = ("change_password", OLD, NEW)


def is_open(harness: AppHarness) -> bool:
    return isinstance(harness.app.screen, ChangePasswordScreen)


def message_text(harness: AppHarness) -> str:
    return " ".join(
        harness.screen_text(harness.app.screen.query_one("#password-message", Static)).split()
    )


def values(harness: AppHarness) -> list[str]:
    return [field.value for field in harness.app.screen.query(SafeInput)]


def notices(harness: AppHarness) -> str:
    return "\n".join(notice.text for notice in harness.app.notices.latest)


async def open_form(harness: AppHarness) -> None:
    await harness.press(*"/passwd", "enter")
    await harness.until(lambda: is_open(harness))


async def fill_in(harness: AppHarness, old: str = OLD, new: str = NEW, again: str = NEW) -> None:
    for name, text in (("old", old), ("new", new), ("again", again)):
        harness.app.screen.query_one(f"#{name}", SafeInput).value = text
    harness.app.screen.query_one("#again").focus()
    await harness.press("enter")


async def notify(harness: AppHarness, *received: events.Event) -> None:
    harness.session.notices.extend(received)
    harness.session.wake()
    await harness.settle()


async def test_passwd_without_arguments_opens_form(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await open_form(harness)
        assert harness.session.calls == []
        assert "Change the password of alice" in harness.screen_text()
        assert "8 to 72 bytes, no white space, no control characters" in message_text(harness)
        await harness.press("escape")
        assert not is_open(harness)
        assert harness.app.chat.query_one(Composer).text == ""


async def test_passwd_with_arguments_is_sent_and_not_kept(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await harness.press(*"/passwd secret other-one", "enter")
        assert harness.session.calls == [("submit", "/passwd secret other-one")]
        assert not is_open(harness)
        await harness.press("up")
        assert harness.app.chat.query_one(Composer).text == ""
        await harness.press("ctrl+z")
        assert harness.app.chat.query_one(Composer).text == ""


async def test_tab_corrects_misspelled_passwd(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await harness.press(*"/paswd secret other-one", "enter")
        assert harness.session.calls == []
        assert "Tab: /passwd ***" in harness.screen_text()
        await harness.press("tab", "enter")
        assert harness.session.calls == [("submit", "/passwd secret other-one")]


async def test_password_change_is_not_offered_if_server_lacks_command(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.press(*"/passwd", "enter")
        assert not is_open(harness)
        await harness.press(*" secret other-one", "enter")
        assert "looks like a password" in harness.screen_text()
        assert harness.session.calls == []
        harness.app.chat.query_one(Composer).text = ""
        await harness.press("f1")
        assert "/passwd" not in "\n".join(_texts(harness))


def _texts(harness: AppHarness) -> list[str]:
    return [str(widget.render()) for widget in harness.app.screen.query(Static)]


@pytest.mark.parametrize("key", ["ctrl+p", "ctrl+k"])
async def test_palette_opens_password_form(tmp_path: Path, key: str) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await harness.press(key)
        await harness.press(*"change your pass")
        await harness.until(lambda: "Change your password" in harness.screen_text())
        await harness.press("enter")
        await harness.until(lambda: is_open(harness))


async def test_help_and_jump_list_passwd(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await harness.press("f1")
        assert "/passwd" in _texts(harness)
        await harness.press("escape", "ctrl+k")
        await harness.press(*"/passwd")
        await harness.until(lambda: "change your password in a form" in harness.screen_text())
        await harness.press("enter")
        await harness.until(lambda: is_open(harness))


async def test_enter_moves_through_password_fields_and_submits(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await open_form(harness)
        await harness.press(*OLD, "enter", *NEW, "enter", *NEW, "enter")
        assert harness.session.calls == [CHANGE_REQUEST]
        assert values(harness) == [OLD, NEW, NEW]
        assert "Waiting for the server" in message_text(harness)
        assert OLD not in harness.screen_text()
        assert NEW not in harness.screen_text()
        await harness.press("enter")
        assert harness.session.calls == [CHANGE_REQUEST], "a request is under way"


async def test_fast_keys_reach_intended_password_fields(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await open_form(harness)
        keys = [*OLD, "tab", *NEW, "enter", *NEW, "enter"]
        for key in keys:
            name = {"-": "minus"}.get(key, key)
            harness.app.post_message(Key(name, key if len(key) == 1 else None))
        await harness.until(lambda: harness.session.calls == [CHANGE_REQUEST])


@pytest.mark.parametrize(
    ("old", "new", "again", "field", "message"),
    [
        ("", NEW, NEW, "old", "Type the password that you have now"),
        ("a b", NEW, NEW, "old", "not the old one"),
        (OLD, "", "", "new", "Type the password that you want"),
        (OLD, "shorter", "shorter", "new", "at least 8 bytes; the new one has 7"),
        (OLD, "x" * 73, "x" * 73, "new", "at most 72 bytes; the new one has 73"),
        (OLD, "é" * 37, "é" * 37, "new", "the new one has 74"),
        (OLD, "white space", "white space", "new", "no white space"),
        (OLD, "white\u00a0space", "white\u00a0space", "new", "no white space"),
        (OLD, "control\x07x", "control\x07x", "new", "no control characters"),
        (OLD * 2, OLD * 2, OLD * 2, "new", "the same as the old one"),
        (OLD, NEW, f"{NEW}!", "again", "not the same both times"),
    ],
)
async def test_password_form_validates_fields_before_sending(
    tmp_path: Path, old: str, new: str, again: str, field: str, message: str
) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await open_form(harness)
        await fill_in(harness, old, new, again)
        assert message in message_text(harness)
        assert harness.session.calls == []
        assert values(harness) == [old, new, again]
        assert harness.app.focused is harness.app.screen.query_one(f"#{field}")


async def test_retyped_confirmation_replaces_mismatch(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await open_form(harness)
        await harness.press(*OLD, "enter", *NEW, "enter", *"not-the-same", "enter")
        assert "Type it again" in message_text(harness)
        await harness.press(*NEW, "enter")
        assert harness.session.calls == [CHANGE_REQUEST]


async def test_wrong_old_password_is_selected_and_fields_kept(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await open_form(harness)
        await fill_in(harness)
        await notify(harness, events.PasswordChangeFailed(replies.WRONG_PASSWORD))
        assert "The old password is wrong. Nothing was changed" in message_text(harness)
        assert values(harness) == [OLD, NEW, NEW]
        old = harness.app.screen.query_one("#old", SafeInput)
        assert harness.app.focused is old
        assert old.selected_text == OLD
        await harness.press(*"right1", "tab", "tab", "enter")
        assert harness.session.calls == [CHANGE_REQUEST, ("change_password", "right1", NEW)]


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("A password has at least 9 bytes; this one has 8.", "at least 9 bytes; this one has 8."),
        (replies.too_many_failures(421), "Too many wrong passwords. Try again in 8 minutes."),
        ("Not connected: it was not sent", "Not connected: it was not sent. Nothing was changed."),
        (NOT_CHANGED, "was not changed"),
        (HOSTILE, "[/] [red]x[/red] [@click=app.quit]press[/]"),
    ],
)
async def test_password_form_shows_server_errors(tmp_path: Path, reason: str, message: str) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await open_form(harness)
        await fill_in(harness)
        await notify(harness, events.PasswordChangeFailed(reason))
        assert message in message_text(harness)
        assert values(harness) == [OLD, NEW, NEW]
        await harness.press("enter")
        assert harness.session.calls == [CHANGE_REQUEST, CHANGE_REQUEST]


async def test_password_form_closes_with_notice_on_success(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await open_form(harness)
        await fill_in(harness)
        await notify(harness, events.PasswordChanged(NEW))
        assert not is_open(harness)
        assert notices(harness) == "Your password is changed."
        assert isinstance(harness.app.focused, Composer)


async def test_changed_password_notice_mentions_profile_source(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        harness.app.chat.password_change.show_outcome(events.PasswordChanged(NEW), "the keyring")
        await harness.settle()
        assert "Your profile takes it from the keyring: change it there too." in notices(harness)


async def test_connection_loss_keeps_password_form_open_with_uncertain_state(
    tmp_path: Path,
) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await open_form(harness)
        await fill_in(harness)
        harness.session.emit(ConnectionChanged(ConnectionState.WAITING, "cut", 4.0))
        await notify(harness, events.PasswordChangeUncertain(NEW))
        assert "may be changed or not" in message_text(harness)
        assert "try the new one first" in message_text(harness)
        assert values(harness) == [OLD, NEW, NEW]
        await notify(harness, events.PasswordChanged(NEW))
        assert not is_open(harness)


async def test_closed_password_form_still_reports_result(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await open_form(harness)
        await fill_in(harness)
        await harness.press("escape")
        assert not is_open(harness)
        await notify(harness, events.PasswordChangeFailed(replies.WRONG_PASSWORD))
        assert notices(harness) == "Wrong password: nothing was changed."
        await notify(harness, events.PasswordChangeFailed(replies.WRONG_PASSWORD))
        assert notices(harness).count("Wrong password") == 1, "the log reports a typed command"


CHANGED_KEY = events.KeyChanged("127.0.0.1:9001", "SHA256:one", "SHA256:other", pinned=True)


@pytest.mark.parametrize(
    "end",
    [SignedOut(operator_replies.kicked("enough")), CHANGED_KEY],
    ids=["signed out", "another key"],
)
@pytest.mark.parametrize("covered", [False, True])
async def test_password_form_closes_when_session_ends(
    tmp_path: Path, covered: bool, end: events.Event
) -> None:
    async with form(tmp_path) as harness:
        await harness.press(*OLD, "enter")
        harness.session.go_online(commands=WITH_PASSWD)
        await notify(harness, events.SignedIn("alice", WITH_PASSWD))
        await harness.until(lambda: isinstance(harness.app.focused, Composer))
        await open_form(harness)
        await fill_in(harness)
        page = harness.app.screen
        if covered:
            await harness.press("ctrl+p")
            await harness.until(lambda: isinstance(harness.app.screen, PaletteScreen))
        await notify(harness, end)
        if end is CHANGED_KEY:
            await harness.press("enter")
        assert harness.app.screen is harness.app.login
        assert page not in harness.app.screen_stack
        await notify(harness, events.SignedIn("alice", WITH_PASSWD))
        await harness.until(lambda: harness.app.screen is harness.app.chat)


async def test_password_form_closes_when_trust_is_declined(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await open_form(harness)
        await notify(harness, events.KeyUnknown("127.0.0.1:9001", "SHA256:one", "Why."))
        await harness.press("escape")
        assert harness.session.calls == [("trust", events.TrustDecision.REJECT)]
        await notify(harness, SignInFailed("Nothing was sent", retry=False, untrusted=True))
        assert harness.app.screen is harness.app.login
        harness.app.switch_mode("chat")
        await harness.settle()
        assert not is_open(harness)
        assert not harness.app.screen.is_modal


async def test_password_fields_are_never_copied_to_clipboard(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        await open_form(harness)
        await fill_in(harness)
        await notify(harness, events.PasswordChangeFailed(replies.WRONG_PASSWORD))
        await harness.press("ctrl+c", "ctrl+x")  # pressed out of habit, to quit
        assert harness.app.clipboard == ""
        assert values(harness) == [OLD, NEW, NEW]


async def test_password_form_does_not_open_while_disconnected(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        harness.session.emit(ConnectionChanged(ConnectionState.WAITING, "cut", 4.0))
        harness.app.chat.action_change_password()
        await harness.settle()
        assert not is_open(harness)
        assert "Not connected" in notices(harness)


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (140, 40)])
async def test_password_form_fits_small_and_large_terminals(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with chat(tmp_path, size, commands=WITH_PASSWD) as harness:
        await open_form(harness)
        await fill_in(harness)
        await notify(harness, events.PasswordChangeUncertain(NEW))
        shown = harness.screen_text()
        for message in ("Change the password", "Old", "New again", "Cancel", "Change ⏎"):
            assert message in shown
        assert message_text(harness).endswith("try the new one first.")


async def test_typed_passwords_are_never_written_to_disk(tmp_path: Path) -> None:
    async with chat(tmp_path, commands=WITH_PASSWD) as harness:
        harness.app.controller._history_store.open("127.0.0.1", 9000, "alice")
        harness.app.controller._draft_store.open("127.0.0.1", 9000, "alice")
        harness.app.chat.drafts.switch()
        for key in "/passwd old-one ne":
            await harness.press(key)
            harness.app.controller._draft_store.save()
            assert "old" not in _on_disk(tmp_path)
        harness.app.chat.query_one(Composer).text = ""
        await open_form(harness)
        await fill_in(harness)
        harness.app.controller._draft_store.save()
        assert OLD not in _on_disk(tmp_path)
        assert NEW not in _on_disk(tmp_path)
        harness.app.screen.dismiss()
        await harness.press(*"kept", "enter")
        assert "kept" in _on_disk(tmp_path)


def _on_disk(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
