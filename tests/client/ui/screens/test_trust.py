"""The question about a key on the screen, and the page about one that has changed."""

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
    SignInRefused,
    Trust,
)
from chat_tui.launch import Start
from chat_tui.ui.screens.trust import TrustScreen
from chat_tui.ui.widgets.status_bar import StatusBar
from chat_tui.ui.widgets.text_input import Field
from tests.support.app_harness import Bench, chat, form

SERVER = "chat.example.org:9001"
ONE = "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8"
OTHER = "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM"
WHY = "Nobody vouches for this server: it made its certificate itself."

SIZES = [(80, 24), (140, 40), (40, 12)]


async def notice(bench: Bench, told: KeyUnknown | KeyChanged | SignInRefused) -> None:
    """The session tells it."""
    bench.session.notices.append(told)
    bench.app.chat_mode.catch_up()
    await bench.settle()


def squeezed(bench: Bench) -> str:
    """What is shown, without frames and the ends of rows."""
    return "".join(re.sub("[│▁-█ ]+$", "", row).strip("│ ") for row in bench.rows())


@pytest.mark.parametrize("size", SIZES)
async def test_it_shows_who_why_and_the_whole_key_and_the_answers(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with form(tmp_path, Start("chat.example.org", 9001, "alice"), size) as bench:
        await notice(bench, KeyUnknown(SERVER, ONE, WHY))
        shown = bench.shown()
        assert f"Is this {SERVER}?" in shown
        assert "Nobody vouches for this server" in shown
        assert ONE in squeezed(bench)
        assert all(word in shown for word in ("No", "Once", "Always", "whoever"))


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["enter"], Trust.NO),
        (["escape"], Trust.NO),
        (["right", "enter"], Trust.ONCE),
        (["tab", "tab", "enter"], Trust.ALWAYS),
    ],
    ids=["Enter", "Esc", "Once", "Always"],
)
async def test_the_safe_answer_is_the_first(tmp_path: Path, keys: list[str], answer: Trust) -> None:
    async with form(tmp_path) as bench:
        await notice(bench, KeyUnknown(SERVER, ONE, WHY))
        await bench.press(*keys)
        assert bench.session.told[-1] == ("trust", answer)
        assert not isinstance(bench.app.screen, TrustScreen)


async def test_what_somebody_is_typing_answers_nothing(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await bench.press(*"hey ")
        await notice(bench, KeyUnknown(SERVER, ONE, WHY))
        await bench.press(*"all of you once and always yn")
        assert isinstance(bench.app.screen, TrustScreen)
        assert not any(told[0] == "trust" for told in bench.session.told)
        await bench.press("enter")  # meant for the composer: nothing is trusted by it
        assert bench.session.told[-1] == ("trust", Trust.NO)


@pytest.mark.parametrize(
    "told", [KeyUnknown(SERVER, ONE, WHY), KeyChanged(SERVER, ONE, OTHER, True)]
)
async def test_one_may_also_leave(tmp_path: Path, told: KeyUnknown | KeyChanged) -> None:
    async with form(tmp_path) as bench:
        await notice(bench, told)
        await bench.press("ctrl+q")
        await bench.until(lambda: not bench.app.is_running)
        assert not any(told[0] == "trust" for told in bench.session.told)


@pytest.mark.parametrize("size", SIZES)
async def test_a_changed_key_tells_both_and_the_only_way_on(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with form(tmp_path, size=size) as bench:
        await notice(bench, KeyChanged(SERVER, ONE, OTHER, pinned=True))
        assert ONE in squeezed(bench)
        assert OTHER in squeezed(bench)
        assert "Close" in bench.shown()
        await bench.press("pagedown")
        assert f"forget{SERVER}" in squeezed(bench).replace(" ", "")
        await bench.press("enter")
        assert "Nothing was sent" in bench.shown()
        assert f"forget{SERVER}" in squeezed(bench).replace(" ", "")
        assert not any(told[0] == "trust" for told in bench.session.told)


async def test_one_that_was_trusted_for_this_run_alone_names_no_command(tmp_path: Path) -> None:
    async with form(tmp_path) as bench:
        await notice(bench, KeyChanged(SERVER, ONE, OTHER, pinned=False))
        assert "quit and start again" in bench.shown()
        assert "trust forget" not in bench.shown()


async def test_a_changed_key_during_a_talk_leads_to_the_form(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        await notice(bench, KeyChanged(SERVER, ONE, OTHER, pinned=True))
        await bench.press("escape")
        assert bench.app.current_mode == "login"


async def test_where_it_is_about_the_key_nothing_in_the_form_has_to_be_corrected(
    tmp_path: Path,
) -> None:
    async with form(tmp_path, Start("chat.example.org", 9001, "alice")) as bench:
        await bench.press(*"secret")
        refused = SignInRefused("Nothing was sent: no", retry=False, untrusted=True)
        await notice(bench, refused)
        assert "Nothing was sent: no. Press Enter to try again." in bench.shown()
        await bench.press("x")
        assert bench.app.login.query_one("#password", Field).value == "secretx"  # it is not wrong


async def test_the_bar_says_which_it_is(tmp_path: Path) -> None:
    async with chat(tmp_path) as bench:
        bar = bench.app.chat.query_one(StatusBar)
        assert bench.shown(bar).rstrip().endswith("unencrypted")
        bench.session.tell(ConnectionChanged(ConnectionState.ONLINE, encrypted=True))
        await bench.settle()
        assert bench.shown(bar).rstrip().endswith("   encrypted")


WARNING = "unencrypted: all on the way may read it"


async def test_plain_text_is_for_the_server_that_it_was_asked_for(tmp_path: Path) -> None:
    start = Start("chat.example.org", 9000, "alice", plaintext=True)
    async with form(tmp_path, start) as bench:
        assert WARNING in bench.shown()
        await bench.press(*"secret", "enter")
        assert bench.session.told[-1][1:3] == ("chat.example.org", 9000)
        assert bench.session.told[-1][-1] == "plaintext"
        bench.app.login.say("x")
        await bench.press("shift+tab", "shift+tab", "shift+tab", "end", "x")
        assert WARNING not in bench.shown()
        await bench.press("enter")
        assert bench.session.told[-1][1] == "chat.example.orgx"
        assert bench.session.told[-1][-1] != "plaintext"


async def test_a_profile_may_say_so(tmp_path: Path) -> None:
    profile = Profile("old", "chat.example.org", 9000, "alice", plaintext=True)
    start = Start(
        "chat.example.org", 9000, "alice", configuration=Configuration(profiles=(profile,))
    )
    async with form(tmp_path, start) as bench:
        assert WARNING in bench.shown()
        await bench.press(*"secret", "enter")
        assert bench.session.told[-1][-1] == "plaintext"
