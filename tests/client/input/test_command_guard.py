"""The slash guard: no command that went wrong and no password is ever said aloud."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_server.wire.protocol import Text
from chat_tui.input.command_guard import held_back
from chat_tui.input.parser import typed_lines
from chat_tui.input.redaction import holds_secret

COMMANDS = ("/join", "/leave", "/rooms", "/subscribe", "/unsubscribe", "/subs", "/who", "/help")


def instead_of(text: str) -> str:
    held = held_back(text, COMMANDS)
    assert held is not None, f"{text!r} would be sent"
    return held.instead


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("/subscrbe bob", "/subscribe bob"),
        ("/jion dev", "/join dev"),
        ("/JOIN dev", "/join dev"),
        ("/sub bob", "/subscribe bob"),
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
def test_what_is_no_command_stays_and_the_nearest_is_offered(typed: str, meant: str) -> None:
    assert instead_of(typed) == meant
    assert held_back(meant, COMMANDS) is None, "what is offered can be sent"


@pytest.mark.parametrize("typed", [" /msg bob hi", " /presence on"])
def test_a_command_that_this_server_lacks_is_not_said_aloud_either(typed: str) -> None:
    assert instead_of(typed) == ""


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
def test_passwords_are_never_published(typed: str) -> None:
    held = held_back(typed, COMMANDS, "alice")
    assert held is not None
    assert held.instead == "", "and nothing is offered that would publish them"
    assert "secret" not in held.why


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
def test_what_is_meant_to_be_said_or_done_goes(typed: str) -> None:
    assert held_back(typed, COMMANDS, "alice") is None


def test_a_command_with_a_password_goes_where_the_server_has_it() -> None:
    assert held_back("/passwd old new", (*COMMANDS, "/passwd")) is None
    assert held_back("hello\n/passwd old new", (*COMMANDS, "/passwd")) is not None


@pytest.mark.parametrize("typed", ["hello\n/join dev\nbye", "a\n /subscrbe bob", "/who\nx"])
def test_of_several_lines_none_may_look_like_a_command(typed: str) -> None:
    held = held_back(typed, COMMANDS)
    assert held is not None
    assert "line " in held.why


def test_the_reason_is_one_short_line_that_is_safe_to_show() -> None:
    held = held_back("/\x1b]0;owned\x07" + "x" * 4000, COMMANDS)
    assert held is not None
    assert held.why.isprintable()
    assert len(held.why) < 80


@given(
    before=st.text(" \t\u00a0\u3000\u200b\ufeff\x07\x1b\u202e\x85", max_size=4),
    word=st.sampled_from((*COMMANDS, "/subscrbe", "/jion", "/login", "LOGIN alice", "/Passwd")),
    rest=st.text("ab yz/日", min_size=1, max_size=20),
    others=st.lists(st.text(max_size=10), max_size=2),
)
def test_whatever_stands_around_it_no_command_is_said_aloud(
    before: str, word: str, rest: str, others: list[str]
) -> None:
    text = "\n".join((*others, f"{before}{word} {rest.strip() or 'x'}"))
    if held_back(text, COMMANDS) is None:
        for line in typed_lines(text):
            said = line.text.strip() if isinstance(line, Text) else ""
            assert not said.startswith(word)


def test_what_is_a_secret() -> None:
    assert holds_secret("/passwd a b")
    assert holds_secret("LOGIN alice secret")
    assert holds_secret("one\n/login alice secret")
    assert not holds_secret("/join dev")
    assert not holds_secret("my password is long")
