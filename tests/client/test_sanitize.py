"""Text from outside, made safe for a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_tui.sanitize import safe_name, safe_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text", "plain text"),
        ("", ""),
        ("[red]not red[/] [@click=app.quit]x[/]", "[red]not red[/] [@click=app.quit]x[/]"),
        ("a\tb", "a    b"),
        ("\x00\x07\x08\x0a\x0d\x1b\x7f", "\u2400\u2407\u2408\u240a\u240d\u241b\u2421"),
        ("\x1b[2J\x1b]0;title\x07", "\u241b[2J\u241b]0;title\u2407"),
        ("\x80\x85\x9b\x9d\x9f", "\ufffd" * 5),
        ("a\u202eb\u2066c\u2069", "a\ufffdb\ufffdc\ufffd"),
        ("a\u2028b\u2029c", "a\u2424b\u2424c"),
        ("a\u200eb\u200fc\u061cd\ufeff", "abcd"),
        ("\ud800\udfff", "\ufffd\ufffd"),
        (
            "Zo\u00eb \u4f60\u597d \u05e9\u05dc\u05d5\u05dd",
            "Zo\u00eb \u4f60\u597d \u05e9\u05dc\u05d5\u05dd",
        ),
        (
            "\U0001f469\u200d\U0001f469\u200d\U0001f467",
            "\U0001f469\u200d\U0001f469\u200d\U0001f467",
        ),
        ("a\u00a0b\u3000c", "a\u00a0b\u3000c"),
        ("\u200d0 \u200d\u200d\U0001f469 \u200b\u200d1", "0 \U0001f469 \u200b1"),
    ],
)
def test_safe_text_replaces_control_characters(text: str, expected: str) -> None:
    assert safe_text(text) == expected


@given(st.text(st.characters(codec=None)))
def test_safe_text_leaves_no_terminal_control(text: str) -> None:
    safe = safe_text(text)
    for character in safe:
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(character) not in (
            *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"),
        )
    assert len(safe.splitlines()) <= 1
    safe.encode()
    assert safe_text(safe) == safe


def test_safe_name_is_truncated() -> None:
    assert safe_name("a" * 60_000) == "a" * 64
    assert safe_name("\t" * 60_000) == " " * 64
    assert safe_name("bob") == "bob"
