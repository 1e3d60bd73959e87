"""The screens about an unknown key and about a changed key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chat_tui.config import Configuration, Profile
from chat_tui.events import (
    ConnectionChanged,
    ConnectionState,
    KeyChanged,
    KeyUnknown,
    SignInFailed,
    TrustDecision,
)
from chat_tui.launch import LaunchOptions
from chat_tui.ui.screens.trust import TrustScreen
from chat_tui.ui.widgets.status_bar import StatusBar
from chat_tui.ui.widgets.text_input import SafeInput
from tests.support.app_harness import AppHarness, chat, form

SERVER = "chat.example.org:9001"
ONE = "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8"
OTHER = "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM"
WHY = "No authority vouches for it: its certificate is self-signed."

SIZES = [(80, 24), (140, 40), (40, 12)]


async def notify(harness: AppHarness, notice: KeyUnknown | KeyChanged | SignInFailed) -> None:
    """Let the session give this notice."""
    harness.session.notices.append(notice)
    harness.app.controller.process_updates()
    await harness.settle()


def compact(harness: AppHarness) -> str:
    """Return the screen's text without frames, scroll bars and trailing space."""
    return "".join(re.sub("[│▁-█ ]+$", "", row).strip("│ ") for row in harness.rows())


@pytest.mark.parametrize("size", SIZES)
async def test_trust_screen_shows_server_reason_key_and_answers(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with form(tmp_path, LaunchOptions("chat.example.org", 9001, "alice"), size) as harness:
        await notify(harness, KeyUnknown(SERVER, ONE, WHY))
        shown = harness.screen_text()
        assert f"Is this {SERVER}?" in shown
        assert "No authority vouches for it" in shown
        assert ONE in compact(harness)
        assert all(word in shown for word in ("No", "Once", "Always", "operator"))


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["enter"], TrustDecision.REJECT),
        (["escape"], TrustDecision.REJECT),
        (["right", "enter"], TrustDecision.ONCE),
        (["tab", "tab", "enter"], TrustDecision.ALWAYS),
    ],
    ids=["Enter", "Esc", "Once", "Always"],
)
async def test_trust_screen_defaults_to_no(
    tmp_path: Path, keys: list[str], answer: TrustDecision
) -> None:
    async with form(tmp_path) as harness:
        await notify(harness, KeyUnknown(SERVER, ONE, WHY))
        await harness.press(*keys)
        assert harness.session.calls[-1] == ("trust", answer)
        assert not isinstance(harness.app.screen, TrustScreen)


async def test_typed_text_does_not_answer_trust_screen(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await harness.press(*"hey ")
        await notify(harness, KeyUnknown(SERVER, ONE, WHY))
        await harness.press(*"all of you once and always yn")
        assert isinstance(harness.app.screen, TrustScreen)
        assert not any(call[0] == "trust" for call in harness.session.calls)
        await harness.press("enter")  # meant for the composer: it must not trust the key
        assert harness.session.calls[-1] == ("trust", TrustDecision.REJECT)


@pytest.mark.parametrize(
    "notice", [KeyUnknown(SERVER, ONE, WHY), KeyChanged(SERVER, ONE, OTHER, True)]
)
async def test_ctrl_q_quits_from_trust_screens(
    tmp_path: Path, notice: KeyUnknown | KeyChanged
) -> None:
    async with form(tmp_path) as harness:
        await notify(harness, notice)
        await harness.press("ctrl+q")
        await harness.until(lambda: not harness.app.is_running)
        assert not any(call[0] == "trust" for call in harness.session.calls)


@pytest.mark.parametrize("size", SIZES)
async def test_changed_key_screen_shows_both_keys_and_forget_command(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with form(tmp_path, size=size) as harness:
        await notify(harness, KeyChanged(SERVER, ONE, OTHER, pinned=True))
        assert ONE in compact(harness)
        assert OTHER in compact(harness)
        assert "Close" in harness.screen_text()
        await harness.press("pagedown")
        assert f"forget{SERVER}" in compact(harness).replace(" ", "")
        await harness.press("enter")
        assert "Nothing was sent" in harness.screen_text()
        assert f"forget{SERVER}" in compact(harness).replace(" ", "")
        assert not any(call[0] == "trust" for call in harness.session.calls)


async def test_changed_key_trusted_once_suggests_restart(tmp_path: Path) -> None:
    async with form(tmp_path) as harness:
        await notify(harness, KeyChanged(SERVER, ONE, OTHER, pinned=False))
        assert "restart the client" in harness.screen_text()
        assert "trust forget" not in harness.screen_text()


async def test_changed_key_during_chat_returns_to_login_form(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        await notify(harness, KeyChanged(SERVER, ONE, OTHER, pinned=True))
        await harness.press("escape")
        assert harness.app.current_mode == "login"


async def test_declined_trust_keeps_login_fields(
    tmp_path: Path,
) -> None:
    async with form(tmp_path, LaunchOptions("chat.example.org", 9001, "alice")) as harness:
        await harness.press(*"secret")
        refused = SignInFailed("Nothing was sent: no", retry=False, untrusted=True)
        await notify(harness, refused)
        assert "Nothing was sent: no. Press Enter to try again." in harness.screen_text()
        await harness.press("x")
        assert (
            harness.app.login.query_one("#password", SafeInput).value == "secretx"
        )  # kept: the password is not wrong


async def test_status_bar_shows_encryption_state(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        bar = harness.app.chat.query_one(StatusBar)
        assert harness.screen_text(bar).rstrip().endswith("unencrypted")
        harness.session.emit(ConnectionChanged(ConnectionState.ONLINE, encrypted=True))
        await harness.settle()
        assert harness.screen_text(bar).rstrip().endswith("   encrypted")


WARNING = "Unencrypted: others on the network can read it"


async def test_plaintext_option_applies_only_to_its_server(tmp_path: Path) -> None:
    start = LaunchOptions("chat.example.org", 9000, "alice", plaintext=True)
    async with form(tmp_path, start) as harness:
        assert WARNING in harness.screen_text()
        await harness.press(*"secret", "enter")
        assert harness.session.calls[-1][1:3] == ("chat.example.org", 9000)
        assert harness.session.calls[-1][-1] == "plaintext"
        harness.app.login.show_message("x")
        await harness.press("shift+tab", "shift+tab", "shift+tab", "end", "x")
        assert WARNING not in harness.screen_text()
        await harness.press("enter")
        assert harness.session.calls[-1][1] == "chat.example.orgx"
        assert harness.session.calls[-1][-1] != "plaintext"


async def test_profile_with_plaintext_signs_in_without_encryption(tmp_path: Path) -> None:
    profile = Profile("old", "chat.example.org", 9000, "alice", plaintext=True)
    start = LaunchOptions(
        "chat.example.org", 9000, "alice", configuration=Configuration(profiles=(profile,))
    )
    async with form(tmp_path, start) as harness:
        assert WARNING in harness.screen_text()
        await harness.press(*"secret", "enter")
        assert harness.session.calls[-1][-1] == "plaintext"
