"""The command guard: no mistyped command and no password is ever published."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server.wire.protocol import TextLine
from chat_tui.input.command_guard import check_input
from chat_tui.input.parser import parse_input
from chat_tui.input.redaction import holds_secret

COMMANDS = ("/join", "/leave", "/rooms", "/subscribe", "/unsubscribe", "/subs", "/who", "/help")


def suggestion_for(text: str) -> str:
    blocked = check_input(text, COMMANDS)
    assert blocked is not None, f"{text!r} would be sent"
    return blocked.suggestion


@pytest.mark.parametrize(
    ("typed", "suggestion"),
    [
        ("/subscrbe bob", "/subscribe bob"),
        ("/jion dev", "/join dev"),
        ("/JOIN dev", "/join dev"),
        ("/sub bob", "/subscribe bob"),
        ("/h", "/help"),
        ("/sub", "/subscribe"),
        ("/unsub  bob", "/unsubscribe bob"),
        ("/join\u00a0dev", "/join dev"),
        ("/qiut", "/quit"),
        (" /join dev", "/join dev"),
        ("\t/who", "/who"),
        ("\u200b/join dev", "/join dev"),
        ("\x07/join dev", "/join dev"),
        ("  /subscrbe bob", "/subscribe bob"),
        ("\uff0fjoin dev", "/join dev"),
        ("\uff0f\uff4a\uff4f\uff49\uff4e\u3000dev", "/join dev"),
        ("\u2215whho", "/who"),
        ("/etc/hosts is here", "//etc/hosts is here"),
        ("/", "//"),
        ("/ join", "// join"),
    ],
)
def test_guard_blocks_unknown_command_and_suggests_nearest(typed: str, suggestion: str) -> None:
    assert suggestion_for(typed) == suggestion
    assert check_input(suggestion, COMMANDS) is None, "the suggestion can be sent"


@pytest.mark.parametrize("typed", [" /msg bob hi", " /presence on"])
def test_guard_blocks_command_missing_on_server(typed: str) -> None:
    assert suggestion_for(typed) == ""


@pytest.mark.parametrize(
    "typed",
    [
        "LOGIN alice secret",
        "  LOGIN alice secret",
        "\x07LOGIN alice secret",
        "LOGIN alice two words",
        "login alice secret",
        "Login Alice secret",
        "/login alice secret",
        "\uff0flogin alice secret",
        " /login x",
        "//login x",
        "/PASSWD old new",
        "hello\n/login alice secret",
        "hello\r\n  LOGIN alice secret\nbye",
    ],
)
def test_guard_blocks_login_lines_without_suggestion(typed: str) -> None:
    blocked = check_input(typed, COMMANDS, "alice")
    assert blocked is not None
    assert blocked.suggestion == "", "no suggestion may publish them"
    assert "secret" not in blocked.reason


@pytest.mark.parametrize(
    "typed",
    [
        "hello",
        "/join dev",
        "/quit",
        "//join dev",
        " //join",
        "//login",
        "login is broken",
        "login alice is what I typed",
        "and/or",
        " /etc/hosts",
        " /s",
        "1/2",
        "one\n/two\n\nthree",
        "see\n/usr/bin/env\n// a comment",
        "",
    ],
)
def test_guard_passes_messages_and_valid_commands(typed: str) -> None:
    assert check_input(typed, COMMANDS, "alice") is None


def test_guard_passes_passwd_only_if_server_has_command() -> None:
    assert check_input("/passwd old new", (*COMMANDS, "/passwd")) is None
    assert check_input("hello\n/passwd old new", (*COMMANDS, "/passwd")) is not None


@pytest.mark.parametrize("typed", ["hello\n/join dev\nbye", "a\n /subscrbe bob", "/who\nx"])
def test_guard_blocks_multiline_text_with_command_line(typed: str) -> None:
    blocked = check_input(typed, COMMANDS)
    assert blocked is not None
    assert "line " in blocked.reason


def test_guard_reason_is_short_printable_line() -> None:
    blocked = check_input("/\x1b]0;owned\x07" + "x" * 4000, COMMANDS)
    assert blocked is not None
    assert blocked.reason.isprintable()
    assert len(blocked.reason) < 80


@given(
    before=st.text(" \t\u00a0\u3000\u200b\ufeff\x07\x1b\u202e\x85", max_size=4),
    word=st.sampled_from((*COMMANDS, "/subscrbe", "/jion", "/login", "LOGIN alice", "/Passwd")),
    rest=st.text("ab yz/日", min_size=1, max_size=20),
    others=st.lists(st.text(max_size=10), max_size=2),
)
def test_guard_never_lets_command_text_be_published(
    before: str, word: str, rest: str, others: list[str]
) -> None:
    text = "\n".join((*others, f"{before}{word} {rest.strip() or 'x'}"))
    if check_input(text, COMMANDS) is None:
        for line in parse_input(text):
            published = line.text.strip() if isinstance(line, TextLine) else ""
            assert not published.startswith(word)


def test_holds_secret_recognizes_passwd_and_login_lines() -> None:
    assert holds_secret("/passwd a b")
    assert holds_secret("LOGIN alice secret")
    assert holds_secret("one\n/login alice secret")
    assert not holds_secret("/join dev")
    assert not holds_secret("my password is long")
