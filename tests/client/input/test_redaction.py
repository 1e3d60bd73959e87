"""Lines with a password: found in any spelling, and never stored or shown."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_tui.input.command_guard import check_input
from chat_tui.input.redaction import MASK, holds_secret, redact
from chat_tui.input.shell_commands import LastAction
from chat_tui.model.chat_model import ChatModel
from chat_tui.model.wire_log import WireLog
from chat_tui.storage.draft_store import DraftStore
from chat_tui.storage.history_file import HistoryStore
from chat_tui.storage.problems import StorageProblems

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
"""Complete, incomplete, correct and misspelt lines."""

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
def test_password_is_masked_for_any_spelling_of_command(text: str) -> None:
    assert holds_secret(text)
    assert "-one" not in redact(text)
    assert MASK in redact(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_similar_to_password_command_is_not_secret(text: str) -> None:
    assert not holds_secret(text)


def test_masked_leaves_text_without_password_unchanged() -> None:
    for text in ("/passwd", "/join dev", "/etc/passwd", "a\r\nb\n", ""):
        assert redact(text) == text
    assert redact("hello\n/passwd a b\nbye") == f"hello\n/passwd {MASK}\nbye"
    assert redact("LOGIN alice old-one") == f"LOGIN alice {MASK}"
    assert redact("login bob old-one", "bob") == f"login bob {MASK}"


@given(st.text(" \t\u00a0\u200b/\uff0flogINpasw ab", max_size=20), st.text("xyz", min_size=1))
def test_masked_removes_every_detected_secret(before: str, secret: str) -> None:
    text = f"{before} {secret}"
    if holds_secret(text, "ab"):
        assert secret not in redact(text, "ab")


@pytest.mark.parametrize("text", SECRET)
def test_password_is_not_stored_in_draft_history_or_wire_log(text: str, tmp_path: Path) -> None:
    model = ChatModel(lambda: datetime(2026, 11, 22, 21, 3))
    store = DraftStore(tmp_path, model)
    model.begin("127.0.0.1:9000", "alice")
    store.open("127.0.0.1", 9000, "alice")
    history_store = HistoryStore(tmp_path, model, StorageProblems())
    history_store.open("127.0.0.1", 9000, "alice")
    wire = WireLog(model.now)
    wire.record_action("lobby", ["hello"])

    model.drafts.put("lobby", text)
    store.save()
    model.histories.add(text, "lobby")
    history_store.save()
    for line in text.split("\n"):
        wire.sent([f"{line}\n".encode()])
    wire.record_action("lobby", text.split("\n"))

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert len(model.history) == 0
    assert "-one" not in repr(wire.since(0))
    assert wire.last_action == LastAction("lobby", ("hello",))


def test_partially_typed_password_is_never_written_to_disk(tmp_path: Path) -> None:
    model = ChatModel(lambda: datetime(2026, 11, 22, 21, 3))
    store = DraftStore(tmp_path, model)
    model.begin("127.0.0.1:9000", "alice")
    store.open("127.0.0.1", 9000, "alice")
    for end in range(1, len("/paswd old-one new-one") + 1):
        model.drafts.put("lobby", "/paswd old-one new-one"[:end])
        store.save()
        stored = [path.read_text() for path in tmp_path.rglob("*.json") if path.is_file()]
        assert all(
            json.loads(text)["draft"] in ("/", "/p", "/pa", "/pas", "/pasw", "/paswd", "/paswd ")
            for text in stored
        )


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("/paswd old-one new-one", "/paswd is not a command"),
        (" /passwd old-one new-one", "a space before /passwd"),
        ("/ passwd old-one new-one", "a space within /passwd"),
        ("\uff0fpasswd old-one new-one", "other characters in /passwd"),
        ("passwd old-first-one new-one", "no / before passwd"),
    ],
)
def test_blocked_password_input_states_reason_and_suggests_fix(typed: str, problem: str) -> None:
    blocked = check_input(typed, ("/join", "/passwd", "/help"))
    assert blocked is not None
    assert blocked.reason == f"Not sent: {problem}. Tab: /passwd ***"
    assert blocked.suggestion == f"/passwd {typed.partition('wd ')[2]}"


def test_misspelled_passwd_is_corrected_only_if_server_has_command() -> None:
    listed = ("/join", "/passwd", "/help")
    for typed in ("/paswd old-one new-one", "/Passwd old-one new-one", " /passwd old-one new-one"):
        blocked = check_input(typed, listed)
        assert blocked is not None
        assert blocked.suggestion == "/passwd old-one new-one"
        assert "-one" not in blocked.reason
        assert check_input(blocked.suggestion, listed) is None
    for typed in (
        "//passwd old-one new-one",
        "hi\n/passwd old-one new-one",
        "/passwdold new-one",  # the end of the command is not known
        "/passwdold-one new-one",
    ):
        blocked = check_input(typed, listed)
        assert blocked is not None
        assert blocked.suggestion == ""


@pytest.mark.parametrize("text", SECRET)
def test_password_is_never_published_on_any_server(text: str) -> None:
    for commands in (("/join", "/help"), ("/join", "/help", "/passwd")):
        blocked = check_input(text, commands)
        if blocked is None:
            assert text.startswith("/passwd "), "it is sent as the command"
            assert "/passwd" in commands
        else:
            assert "-one" not in blocked.reason
