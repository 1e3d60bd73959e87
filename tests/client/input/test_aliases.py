"""Words that users of other chats know: what each means, and that none publishes a secret."""

from __future__ import annotations

import pytest

from chat_tui.input.aliases import ALIASES, resolve_input

COMMANDS = (
    *("/join", "/leave", "/rooms", "/subscribe", "/unsubscribe", "/subs", "/who", "/msg", "/me"),
    *("/presence", "/passwd", "/help", "/quit"),
)


def resolved(text: str, commands: tuple[str, ...] = COMMANDS) -> tuple[str, str | None, str]:
    result = resolve_input(text, commands, room="dev", user="alice")
    assert not result.hint, result.hint
    return result.text, result.action, result.argument


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("/follow bob", "/subscribe bob"),
        ("/follow @bob", "/subscribe bob"),
        ("/Follow bob", "/subscribe bob"),
        ("/unfollow bob", "/unsubscribe bob"),
        ("/j ops", "/join ops"),
        ("/j #ops", "/join ops"),
        ("/join #ops", "/join ops"),
        ("/part", "/leave"),
        ("/part dev", "/leave"),
        ("/part #dev bye all", "/leave"),
        ("/leave dev", "/leave"),
        ("/names", "/who"),
        ("/names #ops", "/who ops"),
        ("/users", "/who"),
        ("/list", "/rooms"),
        ("/list all", "/rooms"),
        ("/w bob hi  there", "/msg bob hi  there"),
        ("/dm @bob hi", "/msg bob hi"),
        ("/query bob hi", "/msg bob hi"),
        ("/msg @bob hi", "/msg bob hi"),
        ("/exit", "/quit"),
        ("/q", "/quit"),
        ("/quit bye all", "/quit"),
        ("/?", "/help"),
    ],
)
def test_alias_becomes_command(typed: str, text: str) -> None:
    assert resolved(typed) == (text, None, "")


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("/unf bob", "/unsubscribe bob"),
        ("/subs", "/subs"),
        ("/roo", "/rooms"),
        ("/presenc off", "/presence off"),
        ("/comm", "/help"),
        ("/disc", "/quit"),
    ],
)
def test_unambiguous_beginning_becomes_command(typed: str, text: str) -> None:
    assert resolved(typed) == (text, None, "")


@pytest.mark.parametrize("typed", ["/sub bob", "/u bob", "/m x", "/pas", "/passw", "/xyz", "/"])
def test_other_words_are_left_to_the_command_guard(typed: str) -> None:
    assert resolved(typed) == (typed, None, "")


@pytest.mark.parametrize("typed", ["/ki bob", "/kic bob", "/bann bob", "/ann x", "/unb bob"])
def test_operators_commands_are_never_completed(typed: str) -> None:
    operators = (*COMMANDS, "/kick", "/ban", "/unban", "/announce")
    assert resolve_input(typed, operators).text == typed


@pytest.mark.parametrize(
    ("typed", "action", "argument"),
    [
        ("/query bob", "conversation", "bob"),
        ("/msg @bob", "conversation", "bob"),
        ("/search red build", "search", "red build"),
        ("/find", "search", ""),
        ("/lastlog red", "search", "red"),
        ("/mute", "mute", ""),
        ("/unmute", "unmute", ""),
        ("/theme lobby-light", "theme", "lobby-light"),
        ("/keys", "keys", ""),
    ],
)
def test_word_of_other_chats_is_action_of_client(typed: str, action: str, argument: str) -> None:
    assert resolved(typed)[1:] == (action, argument)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("/away lunch", "There is no away status"),
        ("/clear", "Ctrl+L redraws"),
        ("/nick al", "Your name is your account"),
        ("/topic hi", "Send it as a message"),
        ("/ignore bob", "/unfollow"),
        ("/invite bob", "/msg NAME"),
        ("/whois bob", "/who"),
        ("/r hi", "/msg NAME TEXT answers"),
        ("/ping", "The row at the bottom"),
        ("/kick bob", "Only operators"),
        ("/part ops", "You are in dev"),
    ],
)
def test_word_without_meaning_has_hint(typed: str, hint: str) -> None:
    assert hint in resolve_input(typed, COMMANDS, room="dev").hint


def test_command_of_server_has_priority_over_alias() -> None:
    assert resolved("/list #x", (*COMMANDS, "/list"))[0] == "/list #x"
    assert resolve_input("/kick bob", (*COMMANDS, "/kick")).hint == ""


def test_alias_of_missing_command_is_explained() -> None:
    assert resolve_input("/dm bob hi", ("/join", "/help")).hint == "This server has no /msg"


@pytest.mark.parametrize(
    "text",
    [
        "hello /follow bob",
        "//follow bob",
        " /follow bob",
        "/follow bob\n/j dev",
        "/login alice secret",
        "/password old new",
        "/pass old new",
        "/passwdold new",
        "/passw old new",
        "/identify secret",
    ],
)
def test_texts_and_passwords_are_never_changed(text: str) -> None:
    result = resolve_input(text, COMMANDS, user="alice")
    assert (result.text, result.hint, result.action) == (text, "", None)


def test_no_alias_is_a_command_of_the_protocol() -> None:
    assert not ALIASES.keys() & {*COMMANDS, "/kick", "/ban", "/unban", "/announce"}
