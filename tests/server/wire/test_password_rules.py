"""The rules for new passwords."""

import pytest

from chat_server.wire.password_rules import password_problem


@pytest.mark.parametrize("password", ["password", "x" * 72, "é" * 36, "日本語", "p@ss/word'\"\\"])
def test_valid_passwords_have_no_problem(password: str) -> None:
    assert password_problem(password) is None


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", "at least 8 bytes; this one has 0"),
        ("1234567", "at least 8 bytes; this one has 7"),
        ("x" * 73, "at most 72 bytes; this one has 73"),
        ("é" * 37, "at most 72 bytes; this one has 74"),
        ("pass word", "no white space"),
        ("password\t", "no white space"),
        ("password\u00a0", "no white space"),
        ("password\n", "no white space"),
        ("password\0", "no control characters"),
        ("password\x1b", "no control characters"),
        ("password\u202e", "no control characters"),
        ("password\ud800", "no control characters"),
    ],
)
def test_invalid_passwords_report_problem(password: str, problem: str) -> None:
    assert problem in (password_problem(password) or "")
