"""Accounts: validation before the sign-in, and the identity of a user at a server."""

from __future__ import annotations

import pytest

from chat_tui.account import is_this_machine, make_account


@pytest.mark.parametrize(
    ("user", "password", "is_valid"),
    [
        ("alice", "secret", True),
        ("Zo\u00eb", "p\u00e4ssw\u00f6rd", True),
        ("", "secret", False),
        ("alice", "", False),
        ("alice b", "secret", False),
        ("alice", "two words", False),
        ("alice", "secret\n/join dev", False),
        ("alice", "secret\r", False),
        ("alice", "secret\u00a0", False),
        ("alice", "se\x00cret", False),
    ],
)
def test_account_rejects_user_or_password_that_cannot_be_in_login_line(
    user: str, password: str, is_valid: bool
) -> None:
    assert (make_account("127.0.0.1", 9000, user, password).problem is None) is is_valid


@pytest.mark.parametrize(
    ("host", "port", "is_valid"),
    [
        ("127.0.0.1", 9000, True),
        ("chat.example.org", 1, True),
        ("::1", 65535, True),
        (" ", 9000, False),
        ("[]", 9000, False),
        ("127.0.0.1", 0, False),
        ("127.0.0.1", 65536, False),
        ("127.0.0.1", -1, False),
    ],
)
def test_account_validates_host_and_port(host: str, port: int, is_valid: bool) -> None:
    assert (make_account(host, port, "alice", "secret").problem is None) is is_valid


def test_account_formats_server_as_host_and_port() -> None:
    assert make_account(" chat.example.org ", 9000, "a", "b").server == "chat.example.org:9000"
    assert make_account("[::1]", 9000, "a", "b").server == "[::1]:9000"
    assert make_account("::1", 9000, "a", "b").host == "::1"


def test_account_identity_ignores_host_case_and_unicode_form_of_user() -> None:
    one = make_account("Chat.Example.Org", 9000, "Zoe\u0308", "x")
    assert one.identity == make_account("chat.example.org", 9000, "Zo\u00eb", "y").identity
    assert one.identity != make_account("chat.example.org", 9001, "Zo\u00eb", "y").identity
    assert one.identity != make_account("chat.example.org", 9000, "zo\u00eb", "y").identity


def test_account_repr_hides_password() -> None:
    assert "secret" not in repr(make_account("127.0.0.1", 9000, "alice", "secret"))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *[("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("LocalHost", True)],
        *[("localhost.", True), ("::ffff:127.0.0.1", True), ("::1%lo", True)],
        *[("192.168.1.1", False), ("localhost.example.org", False), ("::2", False), ("", False)],
        *[("::ffff:192.0.2.1", False), ("127.0.0.1.example.org", False), ("0.0.0.0", False)],
    ],
)
def test_is_this_machine_recognizes_only_loopback_hosts(host: str, expected: bool) -> None:
    assert is_this_machine(host) is expected
