"""Typed characters reach every text field, and the server, whatever Python thinks of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from chat_tui.model.entries import EntryState
from chat_tui.ui.app import ChatApp
from chat_tui.ui.terminal.input import InputParser
from chat_tui.ui.widgets.composer import Composer
from tests.support.accounts import PEOPLE, write_accounts_file
from tests.support.app_harness import AppHarness, chat, form, wait_until
from tests.support.app_with_server import window
from tests.support.restartable_server import RestartableServer

TYPED = "あ\u3000い می\u200cخ 👩\u200d🚀 x\u00a0y\u00adz ❤\ufe0f \ue000 \U0001fae9 e\u0301."
"""Ideographic space, joiners, soft hyphen, variation selector, private use, newest emoji."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RestartableServer]:
    server = RestartableServer(write_accounts_file(tmp_path / "users.json", PEOPLE)).start()
    yield server
    server.close()


def _fail(error: Exception) -> None:
    raise error


def type_at_terminal(app: ChatApp, text: str) -> None:
    """Post what the driver posts when the terminal sends `text`."""
    for message in InputParser(_fail).feed(text):
        app.post_message(message)


@pytest.fixture(params=["characters", "kitty"])
def sent(request: pytest.FixtureRequest) -> str:
    """The bytes of the terminal for `TYPED`."""
    if request.param == "characters":
        return TYPED
    return "".join(f"\x1b[{ord(one)};;{ord(one)}u" for one in TYPED)


async def _typed_into(harness: AppHarness, sent: str, field: Input) -> None:
    await harness.until(lambda: harness.app.focused is field, "the field has the focus")
    field.value = ""
    type_at_terminal(harness.app, sent)
    await harness.until(lambda: len(field.value) >= len(TYPED), field.value)
    assert field.value == TYPED


async def test_every_field_of_login_form_takes_all_characters(tmp_path: Path, sent: str) -> None:
    async with form(tmp_path) as harness:
        for name in ("host", "user", "password"):
            field = harness.app.screen.query_one(f"#{name}", Input)
            field.focus()
            await _typed_into(harness, sent, field)


@pytest.mark.parametrize("key", ["ctrl+f", "ctrl+o", "ctrl+k", "ctrl+p"])
async def test_every_field_of_chat_takes_all_characters(
    tmp_path: Path, sent: str, key: str
) -> None:
    async with chat(tmp_path) as harness:
        await harness.press(key)
        await harness.until(lambda: isinstance(harness.app.focused, Input), "a field is focused")
        field = harness.app.focused
        assert isinstance(field, Input)
        await _typed_into(harness, sent, field)


async def test_composer_takes_all_characters(tmp_path: Path, sent: str) -> None:
    async with chat(tmp_path) as harness:
        type_at_terminal(harness.app, sent)
        composer = harness.app.chat.query_one(Composer)
        await harness.until(lambda: len(composer.text) >= len(TYPED), composer.text)
        assert composer.text == TYPED


async def test_keys_of_other_sources_are_typed_too(tmp_path: Path) -> None:
    async with chat(tmp_path) as harness:
        for character in "a\u3000b\u200dc":
            harness.app.post_message(events.Key("some_key", character))
        composer = harness.app.chat.query_one(Composer)
        await harness.until(lambda: composer.text == "a\u3000b\u200dc", composer.text)
        harness.app.post_message(events.Key("ctrl+b", "\x02"))
        await harness.settle()
        assert composer.text == "a\u3000b\u200dc", "a control character was inserted"


async def test_typed_characters_arrive_at_server(tmp_path: Path, server: RestartableServer) -> None:
    async with window(server, tmp_path) as opened:
        type_at_terminal(opened.app, TYPED + "\r")
        log = opened.app.session.model.log
        await wait_until(
            opened.pilot,
            lambda: [(e.text, e.state) for e in log if e.own] == [(TYPED, EntryState.SENT)],
            "the server sends the text back unchanged",
        )
