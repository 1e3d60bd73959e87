"""Which lines hold a password: one place says it, and whatever keeps or shows lines asks it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_tui.input.command_guard import held_back
from chat_tui.input.redaction import MASK, holds_secret, masked
from chat_tui.input.shell_commands import LastAction
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.history import History
from chat_tui.model.wire_record import WireRecord
from chat_tui.storage.draft_store import DraftShelf
from chat_tui.storage.history_file import HistoryFile

SECRET = (
    "/passwd old-one new-one",
    "/passwd old-one",
    "/paswd old-one new-one",
    "/passswd old-one new-one",
    "/pasword old-one new-one",
    "/passwrod old-one new-one",
    "/pas old-one new-one",
    "/PASSWD old-one new-one",
    " /passwd old-one new-one",
    "//passwd old-one new-one",
    "\uff0fpasswd old-one new-one",
    "/passwd\u00a0old-one new-one",
    "/passwd\u200bold-one new-one",
    "/passwd\told-one",
    "/ passwd old-one new-one",
    "/ login alice old-one",
    "/passwdold-one new-one",
    "/passwd:old-one new-one",
    "//passwdold-one new-one",
    "passwd old-first-one new-one",
    "Passwd old-one new-second-one",
    "passwd old-first-one",
    "hello\n/passwd old-one new-one",
    "/login alice old-one",
    "LOGIN alice old-one",
)
"""Typed and half-typed, well and badly."""

HARMLESS = (
    "/passwd",
    "/paswd",
    "hello",
    "/join dev",
    "/part dev",
    "/play chess",
    "/past tense",
    "passwd is a file",
    "passwd is broken",
    "passwd",
    "/ is the root",
    "/etc/passwd is a file",
    "/pizza for all",
    "login is broken",
)


@pytest.mark.parametrize("text", SECRET)
def test_a_password_is_known_however_its_command_is_spelt(text: str) -> None:
    assert holds_secret(text)
    assert "-one" not in masked(text)
    assert MASK in masked(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_begins_like_one_is_none(text: str) -> None:
    assert not holds_secret(text)


def test_what_holds_none_is_shown_as_it_is() -> None:
    for text in ("/passwd", "/join dev", "/etc/passwd", "a\r\nb\n", ""):
        assert masked(text) == text
    assert masked("hello\n/passwd a b\nbye") == f"hello\n/passwd {MASK}\nbye"
    assert masked("LOGIN alice old-one") == f"LOGIN alice {MASK}"
    assert masked("login bob old-one", "bob") == f"login bob {MASK}"


@given(st.text(" \t\u00a0\u200b/\uff0flogINpasw ab", max_size=20), st.text("xyz", min_size=1))
def test_nothing_that_counts_as_secret_is_left_in_what_is_shown(before: str, secret: str) -> None:
    text = f"{before} {secret}"
    if holds_secret(text, "ab"):
        assert secret not in masked(text, "ab")


@pytest.mark.parametrize("text", SECRET)
def test_it_reaches_no_draft_no_history_and_no_record(text: str, tmp_path: Path) -> None:
    model = ChatModel(lambda: datetime(2026, 11, 22, 21, 3))
    shelf = DraftShelf(tmp_path, model)
    model.begin("127.0.0.1:9000", "alice")
    shelf.open("127.0.0.1", 9000, "alice")
    file = HistoryFile(tmp_path)
    history = History()
    history.go_on_from((), file.keep)
    wire = WireRecord(model.now)
    wire.acted("lobby", ["hello"])

    model.drafts.put("lobby", text)
    shelf.save()
    history.add(text)
    file.keep(text)
    for line in text.split("\n"):
        wire.sent([f"{line}\n".encode()])
    wire.acted("lobby", text.split("\n"))

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert len(history) == 0
    assert "-one" not in repr(wire.since(0))
    assert wire.last_action == LastAction("lobby", ("hello",))


def test_every_step_of_typing_it_leaves_nothing_on_disk(tmp_path: Path) -> None:
    model = ChatModel(lambda: datetime(2026, 11, 22, 21, 3))
    shelf = DraftShelf(tmp_path, model)
    model.begin("127.0.0.1:9000", "alice")
    shelf.open("127.0.0.1", 9000, "alice")
    for end in range(1, len("/paswd old-one new-one") + 1):
        model.drafts.put("lobby", "/paswd old-one new-one"[:end])
        shelf.save()
        kept = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
        assert all(
            json.loads(text)["draft"] in ("/", "/p", "/pa", "/pas", "/pasw", "/paswd", "/paswd ")
            for text in kept
        )


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("/paswd old-one new-one", "/paswd is no command"),
        (" /passwd old-one new-one", "a space before /passwd"),
        ("/ passwd old-one new-one", "a space within /passwd"),
        ("\uff0fpasswd old-one new-one", "other signs in /passwd"),
        ("passwd old-first-one new-one", "no / before passwd"),
    ],
)
def test_what_is_wrong_with_it_is_said(typed: str, wrong: str) -> None:
    held = held_back(typed, ("/join", "/passwd", "/help"))
    assert held is not None
    assert held.why == f"Not sent: {wrong}. Tab: /passwd ***"
    assert held.instead == f"/passwd {typed.partition('wd ')[2]}"


def test_a_slip_is_mended_where_the_server_has_the_command() -> None:
    listed = ("/join", "/passwd", "/help")
    for typed in ("/paswd old-one new-one", "/Passwd old-one new-one", " /passwd old-one new-one"):
        held = held_back(typed, listed)
        assert held is not None
        assert held.instead == "/passwd old-one new-one"
        assert "-one" not in held.why
        assert held_back(held.instead, listed) is None
    for typed in (
        "//passwd old-one new-one",
        "hi\n/passwd old-one new-one",
        "/passwdold new-one",  # where the one ends and the other begins nobody knows
        "/passwdold-one new-one",
    ):
        held = held_back(typed, listed)
        assert held is not None
        assert held.instead == ""


@pytest.mark.parametrize("text", SECRET)
def test_it_is_said_aloud_on_no_server(text: str) -> None:
    for commands in (("/join", "/help"), ("/join", "/help", "/passwd")):
        held = held_back(text, commands)
        if held is None:
            assert text.startswith("/passwd "), "it goes as the command"
            assert "/passwd" in commands
        else:
            assert "-one" not in held.why
